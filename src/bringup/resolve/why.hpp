// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why one part of a choice is as it is: the chain of reasons that leads to it, and the nearest alternatives
// with what ruled each of them out.

#include <bringup/resolve/resolve.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bringup::resolve {

struct Alternative {
  std::string what;       // "driver branch 580 from NVIDIA's repository"
  std::string ruled_out;  // one sentence
  std::string source;     // of the row that says so
  catalog::Known known = catalog::Known::read;
  bool operator==(const Alternative&) const = default;
};

struct Why {
  std::string about;   // "torch"
  std::string chosen;  // "torch 2.14.1 (cu130) from PyPI"
  std::vector<Reason> chain;
  std::vector<Alternative> alternatives;  // the nearest first; at most two
  bool operator==(const Why&) const = default;
};

// `about`: driver, flavour, source, toolkit, python, torch, torchvision, torchaudio, or an environment's
// name. Errc::usage names the nearest of them; Errc::absent: there is no choice, and the conflict is the
// answer.
// Errc::usage when `about` is none of these.
Result<> known_part(const goal::Goal& goal, std::string_view about);
Result<Why> why(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                std::string_view today, std::string_view about);

}  // namespace bringup::resolve
