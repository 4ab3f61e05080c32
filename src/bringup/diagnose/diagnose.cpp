// SPDX-License-Identifier: Apache-2.0
// Runs the table over a patient.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/diagnose.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace bringup::diagnose {
namespace {

Error unknown_rule(const std::string& id) {
  std::vector<std::string> ids;
  for (const Rule& rule : rules()) ids.emplace_back(rule.id);
  const auto near = base::nearest(id, ids);
  return {Errc::usage, fmt::format("no rule '{}'{}; 'bringup explain' lists them", base::harmless(id),
                                   near ? fmt::format(" (did you mean '{}'?)", *near) : "")};
}

Finding finding_of(const Rule& rule, Sighting sighting) {
  return {.id = std::string(rule.id),
          .severity = sighting.severity.value_or(rule.severity),
          .title = std::string(rule.title),
          .why = std::string(rule.why),
          .evidence = std::move(sighting.evidence),
          .fix = std::move(sighting.fix),
          .gpus = std::move(sighting.gpus)};
}

bool comes_before(const Finding& a, const Finding& b) {
  return std::tuple(-static_cast<int>(a.severity), std::string_view(a.id)) <
         std::tuple(-static_cast<int>(b.severity), std::string_view(b.id));
}

}  // namespace

Result<Diagnosis> diagnose(const Patient& patient, std::span<const std::string> only) {
  for (const std::string& id : only) {
    if (std::ranges::find(rules(), id, &Rule::id) == rules().end()) return unknown_rule(id);
  }
  Diagnosis diagnosis;
  for (const Rule& rule : rules()) {
    if (!only.empty() && std::ranges::find(only, rule.id) == only.end()) continue;
    auto looked = rule.look(patient);
    if (!looked) {
      diagnosis.not_run.push_back({.id = std::string(rule.id), .why = looked.error().message()});
      continue;
    }
    ++diagnosis.rules_run;
    for (Sighting& sighting : *looked) diagnosis.findings.push_back(finding_of(rule, std::move(sighting)));
  }
  std::ranges::stable_sort(diagnosis.findings, comes_before);
  return diagnosis;
}

std::string_view severity_name(Severity severity) {
  constexpr std::array<std::string_view, 3> kNames{"info", "warn", "fail"};
  return kNames.at(static_cast<std::size_t>(severity));
}

}  // namespace bringup::diagnose
