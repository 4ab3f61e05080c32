// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the ways of the verb doctor share.

#include <bringup/cli/look.hpp>
#include <bringup/diagnose/diagnose.hpp>

namespace bringup::cli {

struct Examined {
  Looked looked;
  goal::Goal goal;
  diagnose::Diagnosis diagnosis;
};

// Looks at the machine and runs the rules that were named, or all.
Result<Examined> examine(const Options& options, const Doors& doors, Depth depth);

int doctor_exit(const diagnose::Diagnosis& diagnosis);

// --fix: asks, does what is safe as a run of its own, judges again and tells what went and what stayed.
Result<int> fix_findings(const Options& options, const Doors& doors);

// --watch: again and again until an interrupt.
Result<int> watch_findings(const Options& options, const Doors& doors);

// The seconds between two looks and the rules, from the words behind --watch.
struct Watching {
  int seconds = 5;
  std::vector<std::string> rules;
};
Result<Watching> watching_of(const std::vector<std::string>& words);

// What is found by what it is about; and what differs between two looks, as lines: "+ warn  ID: TITLE", "-
// ID".
std::vector<std::string> differences(const diagnose::Diagnosis& before, const diagnose::Diagnosis& after);
// A line for a terminal of so many columns (0: none), cut at blanks; what follows stands `indent` further in.
std::vector<std::string> folded(std::string_view line, std::size_t indent, std::size_t columns);

}  // namespace bringup::cli
