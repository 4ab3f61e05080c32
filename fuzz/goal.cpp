// SPDX-License-Identifier: Apache-2.0
// Any bytes as a goal file, as a hardware file and as a shape.
#include <bringup/catalog/catalog.hpp>
#include <bringup/goal/goal.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  const auto goal = goal::parse_goal(text, "bringup.toml");
  if (goal)
    fuzz::require(!goal::canonical(*goal).empty());
  else
    fuzz::require(!goal.error().message().empty());
  const auto machine = goal::parse_hardware(text, "hardware.toml", catalog::built_in());
  fuzz::require(machine || !machine.error().message().empty());
  if (size < 80) {  // the nearest of 800 names is looked for, which is slow for long words
    const auto shape = goal::parse_shape(text, catalog::built_in());
    fuzz::require(shape ? !shape->empty() : !shape.error().message().empty());
  }
  return 0;
}
