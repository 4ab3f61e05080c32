// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is wrong, by one table of pure rules: facts in, findings out. A rule that cannot see says so and keeps
// silent.

#include <bringup/base/result.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/steps/step.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::diagnose {

enum class Severity {
  info,
  warn,
  fail
};  // fail: a GPU or PyTorch does not work, or will not after the next boot

// What a rule saw, quoted, and where: {"/proc/driver/nvidia/version", "580.159.04"}.
struct Evidence {
  std::string source;
  std::string text;
  bool operator==(const Evidence&) const = default;
};

struct Fix {
  std::string summary;             // what to do, in one sentence; the command when it is one
  std::vector<steps::Step> steps;  // what `apply` can do of it; may be empty
  bool operator==(const Fix&) const = default;
};

struct Finding {
  std::string id;
  Severity severity = Severity::info;
  std::string title;
  std::string why;
  std::vector<Evidence> evidence;
  Fix fix;
  std::vector<std::string> gpus;  // PCI addresses it is about; empty: the machine
  bool operator==(const Finding&) const = default;
};

struct NotRun {
  std::string id;
  std::string why;  // "the PCI bus could not be read: permission denied"
  bool operator==(const NotRun&) const = default;
};

struct Diagnosis {
  std::vector<Finding> findings;  // fail before warn before info, then by id
  int rules_run = 0;
  std::vector<NotRun> not_run;
  bool operator==(const Diagnosis&) const = default;
};

// What a rule sees.
struct Patient {
  const facts::Machine& machine;
  const goal::Goal& goal;
  const catalog::Catalog& catalog;
  std::string_view today;  // "2026-11-23"
};

// What a rule says of one patient: it could not see (an Error says why), or what it found (none, or one
// finding per GPU or thing).
struct Sighting {
  std::vector<Evidence> evidence;
  std::vector<std::string> gpus;
  Fix fix;
  std::optional<Severity> severity = std::nullopt;  // when this one is milder than the rule's
};

struct Rule {
  std::string_view id;
  Severity severity = Severity::info;
  std::string_view title;  // what is wrong
  std::string_view why;    // what it costs the user, one sentence
  std::string_view fix;    // what to do, in general
  Result<std::vector<Sighting>> (*look)(const Patient& patient);
};

// The table, sorted by id.
std::span<const Rule> rules();

// Runs the rules with these ids, or all when `only` is empty. An unknown id is Errc::usage with the nearest
// one.
Result<Diagnosis> diagnose(const Patient& patient, std::span<const std::string> only = {});

// Judges measurements against what is there: never a pass without a measurement.
std::vector<facts::Verdict> judge(const facts::Machine& machine, const facts::Measurements& measurements);
// A failure is one whatever else is there; without a verdict about a GPU that something was measured for it
// is not_measured; else the worst of them.
facts::Outcome overall(std::span<const facts::Verdict> verdicts);

std::string_view severity_name(Severity severity);      // "warn"
std::string_view outcome_name(facts::Outcome outcome);  // "not measured"

}  // namespace bringup::diagnose
