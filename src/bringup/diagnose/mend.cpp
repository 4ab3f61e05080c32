// SPDX-License-Identifier: Apache-2.0
#include <bringup/diagnose/mend.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::diagnose {
namespace {

const SafeFix* safe_fix(std::string_view rule) {
  const auto at = std::ranges::find(safe_fixes(), rule, &SafeFix::rule);
  return at == safe_fixes().end() ? nullptr : &*at;
}

// A module is loaded when its headers, files and holds are there.
int place_of(const steps::Step& step) {
  if (std::holds_alternative<steps::InstallPackages>(step.kind)) return 0;
  return std::holds_alternative<steps::LoadModule>(step.kind) ? 2 : 1;
}

std::string stays(const SafeFix& fix, const Finding& finding) {
  if (!fix.shows.empty()) return fmt::format("it shows {}", fix.shows);
  const Evidence seen = finding.evidence.empty() ? Evidence{} : finding.evidence.front();
  return fmt::format("what was done did not cure it; still seen: {}: {}", seen.source, seen.text);
}

}  // namespace

Mending mending(const Diagnosis& diagnosis) {
  Mending out;
  for (const Finding& finding : diagnosis.findings) {
    if (safe_fix(finding.id) == nullptr || finding.fix.steps.empty()) continue;
    int number = 0;
    for (steps::Step step : finding.fix.steps) {
      const bool there = std::ranges::any_of(
          out.steps, [&step](const steps::Step& other) { return other.kind == step.kind; });
      if (there) continue;
      do {
        ++number;
        step.id = number == 1 ? finding.id : fmt::format("{}-{}", finding.id, number);
      } while (std::ranges::find(out.steps, step.id, &steps::Step::id) != out.steps.end());
      step.needs.clear();
      out.steps.push_back(std::move(step));
    }
    if (std::ranges::find(out.rules, finding.id) == out.rules.end()) out.rules.push_back(finding.id);
  }
  std::ranges::stable_sort(out.steps, {}, place_of);
  std::ranges::sort(out.rules);
  return out;
}

std::vector<Mended> mended(const Mending& mending, const Diagnosis& after) {
  std::vector<Mended> out;
  for (const std::string& rule : mending.rules) {
    const auto blind = std::ranges::find(after.not_run, rule, &NotRun::id);
    const auto left = std::ranges::find(after.findings, rule, &Finding::id);
    if (blind != after.not_run.end())
      out.push_back({.rule = rule, .became = Became::unseen, .why = blind->why});
    else if (left != after.findings.end())
      out.push_back({.rule = rule, .became = Became::stays, .why = stays(*safe_fix(rule), *left)});
    else
      out.push_back({.rule = rule, .became = Became::gone, .why = ""});
  }
  return out;
}

std::vector<std::string> came_up(const Diagnosis& before, const Diagnosis& after) {
  std::vector<std::string> out;
  for (const Finding& finding : after.findings) {
    if (std::ranges::find(before.findings, finding.id, &Finding::id) == before.findings.end() &&
        std::ranges::find(out, finding.id) == out.end())
      out.push_back(finding.id);
  }
  return out;
}

}  // namespace bringup::diagnose
