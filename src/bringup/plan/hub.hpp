// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a bare machine needs before a hub of models can be asked at all.

#include <bringup/facts/machine.hpp>
#include <bringup/steps/step.hpp>

namespace bringup::plan {

// Puts curl into a plan, as early as the packages' sources allow, so that the hub can be asked before
// anything larger is done.
void add_hub_packages(const facts::Machine& machine, steps::Plan& plan);

// A plan cut behind that step; the first part has no steps when the plan has no such step.
struct AroundTheHub {
  steps::Plan before;
  steps::Plan after;
};
AroundTheHub around_the_hub(const steps::Plan& plan);

}  // namespace bringup::plan
