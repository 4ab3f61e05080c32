// SPDX-License-Identifier: Apache-2.0
// Any bytes as the description of a machine: what is taken has a choice with a plan that is read again, or a
// conflict of which each member has a reason.
#include <bringup/catalog/catalog.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/plan/plan.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include "fuzz.hpp"
#include <variant>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  if (size == 0) return 0;
  const catalog::Catalog& rows = catalog::built_in();
  const auto machine = goal::parse_hardware(fuzz::text_of(data + 1, size - 1), "hardware.toml", rows);
  if (!machine) {
    fuzz::require(!machine.error().message().empty());
    return 0;
  }
  goal::Goal goal;
  goal.user_only = (data[0] & 1U) != 0;  // the first byte is the goal
  if ((data[0] & 2U) != 0) goal.driver = "580";
  if ((data[0] & 4U) != 0) goal.toolkit = "13.0";
  const auto answer = resolve::resolve(*machine, goal, rows, "2026-11-23");
  if (const auto* choice = std::get_if<resolve::Choice>(&answer)) {
    const steps::Plan plan = plan::make(*machine, goal, rows, *choice, "2026-11-23T00:00:00Z");
    const auto again = steps::parse_plan(steps::to_json(plan));
    fuzz::require(again && *again == plan);
    for (const steps::Step& step : plan.steps) fuzz::require(!step.why.empty() && !step.changes.empty());
  } else {
    const auto& conflict = std::get<resolve::Conflict>(answer);
    fuzz::require(!conflict.set.empty() && conflict.set.size() == conflict.could_change.size());
    for (const resolve::ConflictMember& member : conflict.set)
      fuzz::require(!member.what.empty() && !member.why.empty());
  }
  return 0;
}
