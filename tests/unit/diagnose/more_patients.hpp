// SPDX-License-Identifier: Apache-2.0
#pragma once
// The cases of the rules that looks_beside.hpp has.

#include "patients.hpp"

namespace bringup::diagnose::testing {

std::vector<Case> wear_cases();
std::vector<Case> fit_cases();
std::vector<Case> beside_cases();
std::vector<Case> field_cases();
std::vector<Case> room_cases();

}  // namespace bringup::diagnose::testing
