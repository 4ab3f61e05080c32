// SPDX-License-Identifier: Apache-2.0
#pragma once
// The line from facts to verdicts, for the verbs that need several of its parts.

#include <bringup/cli/look.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bringup::cli {

struct Decided {
  Looked looked;
  goal::Goal goal;
  resolve::Resolution resolution;
  steps::Plan plan;  // without steps when the resolution is a conflict
};

// look, choose, plan.
Result<Decided> decide(const Options& options, const Doors& doors);

// How a changing verb ends without a choice: Errc::unreachable when no source answers at all, so that a
// script can tell a missing network from a machine that cannot be served.
Error no_choice(const facts::Machine& machine);

struct Proven {
  std::vector<facts::Verdict> verdicts;
  facts::Outcome overall = facts::Outcome::not_measured;
  double seconds = 0;
};

// measure, judge. A recorded machine cannot be measured, and every verdict says so.
// `level` is "quick", "standard" or "full"; the last two measure natively as well.
Proven prove(const facts::Machine& machine, const goal::Goal& goal, const host::Clock& clock, bool recorded,
             std::string_view level);
// Seconds that the native part of a level takes on this machine, roughly; 0 when it has none.
int native_seconds(const facts::Machine& machine, std::string_view level);
int verify_exit(facts::Outcome overall);

}  // namespace bringup::cli
