// SPDX-License-Identifier: Apache-2.0
#pragma once
// What may be done of the fixes without a second thought, and what became of the findings: `doctor --fix`.

#include <bringup/diagnose/diagnose.hpp>

namespace bringup::diagnose {

// A rule whose steps are safe to do: they remove nothing, downgrade nothing, reboot nothing, change nothing
// that runs, and undo takes them back.
struct SafeFix {
  std::string_view rule;
  std::string_view shows = "";  // when that cures what was found: "at the next login"; "" at once
};
// Beside the table of rules, sorted by rule.
std::span<const SafeFix> safe_fixes();

// The steps of the findings that are safe: packages first, modules last; none twice.
struct Mending {
  std::vector<steps::Step> steps;  // each id is its rule's, "-2" and so on behind it where there are several
  std::vector<std::string> rules;  // that gave them, sorted
};
Mending mending(const Diagnosis& diagnosis);

// Of a rule whose steps were done. unseen: it could not look afterwards.
enum class Became { gone, stays, unseen };
struct Mended {
  std::string rule;
  Became became = Became::gone;
  std::string why;  // "" when it is gone
  bool operator==(const Mended&) const = default;
};
std::vector<Mended> mended(const Mending& mending, const Diagnosis& after);
// Rules that found something afterwards and nothing before.
std::vector<std::string> came_up(const Diagnosis& before, const Diagnosis& after);

}  // namespace bringup::diagnose
