// SPDX-License-Identifier: Apache-2.0
#pragma once
// The line from facts to verdicts, for the verbs that need several of its parts.

#include <bringup/apply/resolved_ahead.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/measure/native.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::cli {

struct Decided {
  Looked looked;
  goal::Goal goal;
  resolve::Resolution resolution;
  steps::Plan plan;                          // without steps when the resolution is a conflict
  std::vector<goal::ModelGoal> models = {};  // of the goal, that are not here and come after the plan
  std::shared_ptr<apply::ResolvedAhead> resolved = {};  // what its environments take; null: not begun
};

// look, choose, plan.
Result<Decided> decide(const Options& options, const Doors& doors);
// The same for the first of these goals that this machine can have; where none can be, the last one's
// conflict. `to_be_done`: what the plan's environments take begins to be resolved meanwhile.
Result<Decided> decide(const Options& options, const Doors& doors, Looked looked,
                       const std::vector<goal::Goal>& goals, bool to_be_done = false);

// How a changing verb ends without a choice: Errc::unreachable when no source answers at all, so that a
// script can tell a missing network from a machine that cannot be served.
Error no_choice(const facts::Machine& machine);

// How much is to be proven.
struct Extent {
  std::string level = "standard";  // "quick": the GPUs alone; "standard", "full": environments as well
  bool environments = true;        // at all; the level quick has none anyway
  std::chrono::seconds soak{0};    // level full
  std::vector<measure::Injection> inject = {};
  std::function<void(const measure::NativeProgress&)> progress = nullptr;
};
// From --level, --duration and BRINGUP_INJECT; an error says what is wrong with them.
Result<Extent> extent_of(const Options& options);

struct Proven {
  facts::Measurements measurements;
  std::vector<facts::Verdict> verdicts;
  facts::Outcome overall = facts::Outcome::not_measured;
};

// measure, judge. A recorded machine cannot be measured, and every verdict says so.
Proven prove(const Looked& looked, const goal::Goal& goal, const host::Clock& clock, const Extent& extent);
// Seconds that the native part takes on this machine, roughly; 0 when it has no GPU.
int native_seconds(const facts::Machine& machine, const Extent& extent);
int verify_exit(facts::Outcome overall);

}  // namespace bringup::cli
