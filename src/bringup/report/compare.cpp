// SPDX-License-Identifier: Apache-2.0
// Which differences between two proofs are more than noise.
#include <bringup/base/text.hpp>
#include <bringup/report/compare.hpp>
#include <bringup/report/figure.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Quantity;
using facts::Verdict;

constexpr double kLeastNoise = 0.02;
constexpr double kSpreads = 3;
// A single sample says nothing about its own spread. Copies to the host differ by a tenth from run to run,
// and times of programs that start by more.
constexpr double kUnknownRate = 0.10;
constexpr double kUnknownTime = 0.25;

enum class Kind { rate, time, amount, count };

Kind kind_of(std::string_view unit) {
  if (unit.ends_with("/s")) return Kind::rate;
  if (unit == "s") return Kind::time;
  return unit == "B" || unit == "bytes" ? Kind::amount : Kind::count;
}

double noise_of(const Quantity& before, const Quantity& after) {
  switch (kind_of(before.unit)) {
    case Kind::count:
      return 0;
    case Kind::amount:  // of memory that was free to be tested: never quite the same
      return kLeastNoise;
    case Kind::rate:
    case Kind::time:
      break;
  }
  if (before.spread && after.spread)
    return std::max(kLeastNoise, kSpreads * (*before.spread + *after.spread));
  const double unknown = kind_of(before.unit) == Kind::time ? kUnknownTime : kUnknownRate;
  const double known = kSpreads * (before.spread.value_or(0) + after.spread.value_or(0));
  return std::max(unknown, known);
}

// How bad a verdict is. To be told something and to pass are equally good; what was not seen is worse than a
// warning about what was.
int badness(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::info:
      return 0;
    case Outcome::warn:
      return 1;
    case Outcome::inconclusive:
    case Outcome::not_measured:
      return 2;
    case Outcome::fail:
      return 3;
  }
  return 3;
}

std::vector<CheckKey> keys_of(std::span<const Verdict> verdicts) {
  const std::vector<int> numbers = case_numbers(verdicts);
  std::vector<CheckKey> keys;
  keys.reserve(verdicts.size());
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    keys.push_back({.check = verdicts[i].check,
                    .gpus = verdicts[i].gpus,
                    .environment = std::string(environment_of(verdicts[i])),
                    .number = numbers[i]});
  return keys;
}

// "cuBLASLt 13.1.0": what a figure was measured with, where its reason ends in that.
std::string_view means_of(const Verdict& verdict) {
  const std::string_view why = verdict.why;
  for (const std::string_view mark : {"; by ", ", by "}) {
    if (const std::size_t at = why.rfind(mark); at != std::string_view::npos)
      return why.substr(at + mark.size());
  }
  return {};
}

void compare_figures(Change& change) {
  const bool had = change.before.has_value();
  const bool has = change.after.has_value();
  if (!had || !has) {
    if (had) change.trend = Trend::lost;
    if (has) change.trend = Trend::gained;
    return;
  }
  if (change.before->unit != change.after->unit) {
    change.trend = Trend::unmatched;
    return;
  }
  const double old = change.before->value;
  const double difference = change.after->value - old;
  if (old != 0) change.change = difference / std::abs(old);
  change.noise = noise_of(*change.before, *change.after);
  if (difference == 0 || std::abs(difference) <= change.noise * std::abs(old)) return;
  const bool more_is_worse = kind_of(change.before->unit) == Kind::time;
  change.trend = (difference > 0) == more_is_worse ? Trend::worse : Trend::better;
}

Change change_of(const CheckKey& key, const Verdict& before, const Verdict& after) {
  Change change{.key = key,
                .before = before.measured,
                .after = after.measured,
                .verdict_before = before.outcome,
                .verdict_after = after.outcome,
                .verdict_worse = badness(after.outcome) > badness(before.outcome)};
  compare_figures(change);
  const std::string_view then = means_of(before);
  const std::string_view now = means_of(after);
  if (then != now && !then.empty() && !now.empty())
    change.note = fmt::format("then by {}, now by {}", then, now);
  return change;
}

}  // namespace

std::string_view trend_name(Trend trend) {
  switch (trend) {
    case Trend::same:
      return "same";
    case Trend::better:
      return "better";
    case Trend::worse:
      return "worse";
    case Trend::lost:
      return "lost";
    case Trend::gained:
      return "gained";
    case Trend::unmatched:
      return "unmatched";
  }
  return "";
}

Comparison compare(const VerifyDocument& before, std::span<const Verdict> after, Outcome overall_after) {
  Comparison out{.overall_before = before.overall, .overall_after = overall_after};
  const std::vector<CheckKey> old_keys = keys_of(before.verdicts);
  const std::vector<CheckKey> new_keys = keys_of(after);
  for (std::size_t i = 0; i < new_keys.size(); ++i) {
    const auto at = std::ranges::find(old_keys, new_keys[i]);
    if (at == old_keys.end()) {
      out.added.push_back(new_keys[i]);
      continue;
    }
    const auto old = static_cast<std::size_t>(at - old_keys.begin());
    out.changes.push_back(change_of(new_keys[i], before.verdicts[old], after[i]));
    const Change& change = out.changes.back();
    if (change.trend == Trend::worse || change.trend == Trend::lost || change.verdict_worse) out.worse = true;
  }
  for (std::size_t i = 0; i < old_keys.size(); ++i) {
    if (std::ranges::find(new_keys, old_keys[i]) != new_keys.end()) continue;
    out.gone.push_back({.key = old_keys[i], .measured = before.verdicts[i].measured.has_value()});
    if (out.gone.back().measured) out.worse = true;
  }
  if (badness(out.overall_after) > badness(out.overall_before)) out.worse = true;
  return out;
}

}  // namespace bringup::report
