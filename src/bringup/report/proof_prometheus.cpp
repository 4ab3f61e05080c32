// SPDX-License-Identifier: Apache-2.0
// Verdicts in Prometheus' text format. No two lines may have the same name and labels: node_exporter would
// drop the whole file.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/proof.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Verdict;

constexpr std::array kOutcomes{Outcome::pass, Outcome::info,         Outcome::warn,
                               Outcome::fail, Outcome::inconclusive, Outcome::not_measured};

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : plain(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

// A pair is told by where it begins and where it ends; more GPUs by all of them.
std::string labels_of(const Verdict& verdict, int number) {
  const bool pair = verdict.gpus.size() == 2;
  return fmt::format(R"(check="{}",gpu="{}",peer="{}",environment="{}",case="{}")",
                     label_value(verdict.check),
                     label_value(pair ? verdict.gpus[0] : base::join(verdict.gpus, ",")),
                     pair ? label_value(verdict.gpus[1]) : "", label_value(environment_of(verdict)), number);
}

struct Family {
  std::string name;
  std::string help;
  std::string lines;
};

void begin(std::string& out, std::string_view name, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
}

void single(std::string& out, std::string_view name, std::string_view help, double value) {
  begin(out, name, help);
  out += fmt::format("{} {}\n", name, exact(value));
}

struct Unit {
  std::string_view unit;
  const char* suffix;
  const char* words;
};
constexpr std::array kUnits{Unit{"B/s", "bytes_per_second", "in bytes per second"},
                            Unit{"FLOP/s", "operations_per_second", "in operations per second"},
                            Unit{"s", "seconds", "in seconds"}, Unit{"B", "bytes", "in bytes"}};

const Unit& unit_of(std::string_view unit) {
  static constexpr Unit kCount{"", "count", "as a count"};
  const auto found = std::ranges::find(kUnits, unit, &Unit::unit);
  return found == kUnits.end() ? kCount : *found;
}

void take(std::vector<Family>& families, const char* what, const std::string& labels, double value,
          std::string_view unit) {
  const Unit& as = unit_of(unit);
  const std::string name = fmt::format("bringup_{}_{}", what, as.suffix);
  auto at = std::ranges::find(families, name, &Family::name);
  if (at == families.end())
    at = families.insert(
        families.end(), {.name = name, .help = fmt::format("What was {}, {}.", what, as.words), .lines = ""});
  at->lines += fmt::format("{}{{{}}} {}\n", name, labels, exact(value));
}

// "2026-11-25T01:23:45Z" as seconds since 1970; nullopt for any other form.
std::optional<double> epoch_of(std::string_view made) {
  if (made.size() != 20 || made[4] != '-' || made[7] != '-' || made[10] != 'T' || made[13] != ':' ||
      made[16] != ':' || made[19] != 'Z')
    return std::nullopt;
  std::array<std::int64_t, 6> parts{};
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPlaces{
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = base::to_integer(made.substr(kPlaces.at(i).first, kPlaces.at(i).second));
    if (!part) return std::nullopt;
    parts.at(i) = *part;
  }
  using namespace std::chrono;
  const year_month_day date{year(static_cast<int>(parts[0])), month(static_cast<unsigned>(parts[1])),
                            day(static_cast<unsigned>(parts[2]))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return static_cast<double>(((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]);
}

void overall(std::string& out, const ProofReport& report) {
  begin(out, "bringup_verify_overall", "1 for the outcome of the whole proof, 0 for the others.");
  for (const Outcome one : kOutcomes)
    out += fmt::format("bringup_verify_overall{{outcome=\"{}\"}} {}\n", diagnose::outcome_name(one),
                       one == report.overall ? 1 : 0);
}

void verdicts(std::string& out, const ProofReport& report, const std::vector<std::string>& labels) {
  begin(out, "bringup_verify_verdict", "1 for the outcome of a check; a check has one line, of its outcome.");
  for (std::size_t i = 0; i < labels.size(); ++i)
    out += fmt::format("bringup_verify_verdict{{{},outcome=\"{}\"}} 1\n", labels[i],
                       diagnose::outcome_name(report.verdicts[i].outcome));
  begin(out, "bringup_verify_failed", "1 when a check failed, 0 when it did not.");
  for (std::size_t i = 0; i < labels.size(); ++i)
    out += fmt::format("bringup_verify_failed{{{}}} {}\n", labels[i],
                       report.verdicts[i].outcome == Outcome::fail ? 1 : 0);
}

}  // namespace

std::string proof_prometheus(const ProofReport& report) {
  std::string out;
  const std::vector<std::string> gpus = judged_gpus(report.verdicts);
  const auto sound =
      std::ranges::count_if(gpus, [&report](const std::string& gpu) { return proven(gpu, report.verdicts); });
  single(out, "bringup_gpus", "GPUs that verdicts are about.", static_cast<double>(gpus.size()));
  single(out, "bringup_gpus_proven",
         "GPUs on which something was measured and nothing failed or stayed open.",
         static_cast<double>(sound));
  single(out, "bringup_verify_elapsed_seconds", "How long the proof took.", report.elapsed_seconds);
  if (const auto made = epoch_of(report.made_at))
    single(out, "bringup_verify_made_timestamp_seconds", "When the proof was made, in seconds since 1970.",
           *made);
  overall(out, report);
  const std::vector<int> numbers = case_numbers(report.verdicts);
  std::vector<std::string> labels;
  std::vector<Family> families;
  for (std::size_t i = 0; i < report.verdicts.size(); ++i) {
    const Verdict& verdict = report.verdicts[i];
    labels.push_back(labels_of(verdict, numbers[i]));
    if (verdict.measured)
      take(families, "measured", labels[i], verdict.measured->value, verdict.measured->unit);
    if (verdict.expected)
      take(families, "expected", labels[i], verdict.expected->value, verdict.expected->unit);
  }
  if (!labels.empty()) verdicts(out, report, labels);
  for (const Family& family : families) {
    begin(out, family.name, family.help);
    out += family.lines;
  }
  return out;
}

}  // namespace bringup::report
