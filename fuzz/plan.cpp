// SPDX-License-Identifier: Apache-2.0
// Any bytes as a plan's file and as one step: what is taken comes back the same from its own text.
#include <bringup/steps/step.hpp>

#include "fuzz.hpp"
#include <set>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto plan = steps::parse_plan(text)) {
    const auto again = steps::parse_plan(steps::to_json(*plan));
    fuzz::require(again && *again == *plan);
    std::set<std::string> ids;
    for (const steps::Step& step : plan->steps) {
      for (const std::string& need : step.needs) fuzz::require(ids.contains(need));
      fuzz::require(ids.insert(step.id).second);
      (void)steps::target(step.kind);
    }
  }
  if (const auto step = steps::parse_step(text)) {
    const auto again = steps::parse_step(steps::to_json(*step));
    fuzz::require(again && *again == *step);
  }
  return 0;
}
