// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two proofs of one machine side by side: what got slower or faster beyond noise, what got a worse verdict,
// what is gone and what is new.

#include <bringup/facts/measurement.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::report {

// What `verify --json` wrote.
struct VerifyDocument {
  facts::Outcome overall = facts::Outcome::not_measured;
  std::vector<facts::Verdict> verdicts;
  double elapsed_seconds = 0;
  bool operator==(const VerifyDocument&) const = default;
};

// Errc::malformed for a text that is no such document: damaged, another one, or one of a later form.
Result<VerifyDocument> read_verify_json(std::string_view text);

// What a verdict is about, the same in both proofs.
struct CheckKey {
  std::string check;
  std::vector<std::string> gpus;
  std::string environment;  // "" for none
  int number = 1;           // of several about the same
  bool operator==(const CheckKey&) const = default;
};

enum class Trend {
  same,
  better,
  worse,
  lost,       // it was measured, and is not any more
  gained,     // it is measured, and was not
  unmatched,  // measured in different units
};
std::string_view trend_name(Trend trend);  // "worse"

struct Change {
  CheckKey key;
  Trend trend = Trend::same;  // of the figure
  std::optional<facts::Quantity> before;
  std::optional<facts::Quantity> after;
  std::optional<double> change;  // relative: -0.1 is 10 % less
  double noise = 0;              // relative; what a change must be beyond
  facts::Outcome verdict_before = facts::Outcome::not_measured;
  facts::Outcome verdict_after = facts::Outcome::not_measured;
  bool verdict_worse = false;
  std::string note;  // what else differs and may explain it; "" for nothing
  bool operator==(const Change&) const = default;
};

// A check that only the older proof has.
struct Gone {
  CheckKey key;
  bool measured = false;  // it had a figure
  bool operator==(const Gone&) const = default;
};

struct Comparison {
  facts::Outcome overall_before = facts::Outcome::not_measured;
  facts::Outcome overall_after = facts::Outcome::not_measured;
  std::vector<Change> changes;  // every check of both, in the new one's order
  std::vector<Gone> gone;
  std::vector<CheckKey> added;
  bool worse = false;  // a figure, a verdict, or a check that was measured and is gone
  bool operator==(const Comparison&) const = default;
};

Comparison compare(const VerifyDocument& before, std::span<const facts::Verdict> after,
                   facts::Outcome overall_after);

}  // namespace bringup::report
