// SPDX-License-Identifier: Apache-2.0
// The table of rules. An id is for ever: people mute and look up by it.
#include <bringup/diagnose/mend.hpp>
#include <bringup/diagnose/rules_a_to_j.hpp>
#include <bringup/diagnose/rules_k_to_z.hpp>

#include <algorithm>
#include <array>
#include <functional>

namespace bringup::diagnose {
namespace {

// One array of the two parts, as they stand.
constexpr auto kRules = [] {
  std::array<Rule, kRulesAToJ.size() + kRulesKToZ.size()> all{};
  std::ranges::copy(kRulesAToJ, all.begin());
  std::ranges::copy(kRulesKToZ, all.begin() + kRulesAToJ.size());
  return all;
}();

static_assert(std::ranges::adjacent_find(kRules, std::ranges::greater_equal{}, &Rule::id) == kRules.end(),
              "rules are sorted by id, and an id is used once");

// Not among them: what would take a screen's driver away, a user's line, a version that somebody chose.
constexpr std::array kSafeFixes{
    SafeFix{.rule = "driver-not-loaded", .shows = "at the next boot, where nouveau holds the GPUs"},
    SafeFix{.rule = "kernel-headers-missing"},
    SafeFix{.rule = "kernel-not-held"},
    SafeFix{.rule = "memlock-low", .shows = "at the next login"},
    SafeFix{.rule = "module-missing-next-kernel"},
    SafeFix{.rule = "nouveau-not-kept-away"},
    SafeFix{.rule = "open-files-low", .shows = "at the next login"},
    SafeFix{.rule = "remove-ipc"},
    SafeFix{.rule = "unattended-driver"},
};

static_assert(std::ranges::adjacent_find(kSafeFixes, std::ranges::greater_equal{}, &SafeFix::rule) ==
                  kSafeFixes.end(),
              "safe fixes are sorted by rule, each once");

}  // namespace

std::span<const Rule> rules() {
  return kRules;
}

std::span<const SafeFix> safe_fixes() {
  return kSafeFixes;
}

}  // namespace bringup::diagnose
