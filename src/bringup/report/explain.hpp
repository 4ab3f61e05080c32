// SPDX-License-Identifier: Apache-2.0
#pragma once
// What messages and numbers mean, for people and for programs.

#include <bringup/diagnose/messages.hpp>
#include <bringup/report/report.hpp>

namespace bringup::report {

struct Explained {
  std::vector<diagnose::Explanation> known;
  const diagnose::Rule* rule = nullptr;        // asked for by its id
  std::optional<diagnose::Explanation> guess;  // the nearest message, when nothing was recognised
  std::optional<std::string> not_looked;       // why nothing is said of this machine
  std::size_t lines = 0;                       // of the text; 0: it was asked for by number or name
};

// The table of rules: as a list, or with what each costs and how it is mended.
std::string rules_text(bool whole, const Style& style);
std::string explain_text(const Explained& explained, const Style& style);
std::string explain_json(const Explained& explained);

}  // namespace bringup::report
