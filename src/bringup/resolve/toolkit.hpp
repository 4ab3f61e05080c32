// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CUDA toolkit that goes with the chosen wheels, or why there is none.

#include <bringup/resolve/driver.hpp>

namespace bringup::resolve {

struct ToolkitSolution {
  ToolkitChoice choice;
  std::string reason;  // one sentence
  std::string evidence;
  catalog::Known known = catalog::Known::read;
  std::string caveat;  // "" or what the user should know
};

// `cuda` is what the wheels were built with; nullopt without any. nullopt: the goal pins a toolkit that
// cannot be had.
std::optional<ToolkitSolution> choose_toolkit(const Problem& problem, const DriverCandidate& driver,
                                              const std::optional<Version>& cuda);
// The version to aim at: the goal's, else the wheels', else the newest that the driver speaks natively.
std::optional<Version> toolkit_aim(const Problem& problem, const DriverCandidate& driver,
                                   const std::optional<Version>& cuda);
// What stands against a toolkit of NVIDIA's repository; "" when it would do.
std::string toolkit_objection(const Problem& problem, const DriverCandidate& driver,
                              const catalog::Toolkit& row);
// Why a pinned toolkit cannot be had.
std::string toolkit_objection(const Problem& problem);

}  // namespace bringup::resolve
