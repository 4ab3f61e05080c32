// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CUDA toolkit that goes with the chosen wheels, or why there is none. One that is there and does comes
// first, then NVIDIA's repository, the distribution's archive and, last because it is the least of them,
// PyPI; what needs root is none of them with --user-only.

#include <bringup/resolve/driver.hpp>
#include <bringup/resolve/python.hpp>

namespace bringup::resolve {

struct ToolkitSolution {
  ToolkitChoice choice;
  std::string reason;  // one sentence
  std::string evidence;
  catalog::Known known = catalog::Known::read;
  std::string caveat;  // "" or what the user should know
};

// `cuda` is what the wheels were built with; nullopt without any. `maker` makes the environment of PyPI's
// toolkit; null: none can be made here. nullopt: the goal pins a toolkit that cannot be had.
std::optional<ToolkitSolution> choose_toolkit(const Problem& problem, const DriverCandidate& driver,
                                              const std::optional<Version>& cuda,
                                              const PythonCandidate* maker);
// Where PyPI's toolkits go, each in an environment of its own: "<prefix>/toolkits".
std::string toolkits_path(const Problem& problem);
// The version to aim at: the goal's, else the wheels', else the newest that the driver speaks natively.
std::optional<Version> toolkit_aim(const Problem& problem, const DriverCandidate& driver,
                                   const std::optional<Version>& cuda);
// What stands against a toolkit of NVIDIA's repository or PyPI; "" when it would do.
std::string toolkit_objection(const Problem& problem, const DriverCandidate& driver,
                              const catalog::Toolkit& row);
// Why a pinned toolkit cannot be had.
std::string toolkit_objection(const Problem& problem);

}  // namespace bringup::resolve
