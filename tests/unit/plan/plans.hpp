// SPDX-License-Identifier: Apache-2.0
#pragma once
// Goals in words, the plan that follows for a machine, and its steps by their ids.

#include <bringup/plan/plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bringup::testing_support {

inline goal::Goal goal_of(const std::string& text) {
  auto goal = goal::parse_goal(text, "goal");
  if (!goal) throw std::runtime_error(goal.error().message());
  return std::move(goal).take();
}

inline steps::Plan plan_of(const facts::Machine& machine, const std::string& text = "",
                           bool user_only = false) {
  goal::Goal goal = goal_of(text);
  goal.user_only = user_only;
  const auto answer = resolve::resolve(machine, goal, catalog::built_in(), "2026-11-23");
  if (!std::holds_alternative<resolve::Choice>(answer)) throw std::runtime_error("no choice");
  return plan::make(machine, goal, catalog::built_in(), std::get<resolve::Choice>(answer),
                    "2026-11-23T10:00:00Z");
}

inline std::vector<std::string> ids(const steps::Plan& plan) {
  std::vector<std::string> out;
  for (const steps::Step& step : plan.steps) out.push_back(step.id);
  return out;
}

inline const steps::Step& step(const steps::Plan& plan, std::string_view id) {
  const auto at = std::ranges::find(plan.steps, id, &steps::Step::id);
  if (at == plan.steps.end()) throw std::runtime_error(fmt::format("no step {}", id));
  return *at;
}

template <typename K>
const K& kind(const steps::Plan& plan, std::string_view id) {
  return std::get<K>(step(plan, id).kind);
}

}  // namespace bringup::testing_support
