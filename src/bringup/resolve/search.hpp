// SPDX-License-Identifier: Apache-2.0
#pragma once
// The joint search, and the smallest conflict when it finds nothing.

#include <bringup/resolve/driver.hpp>
#include <bringup/resolve/python.hpp>
#include <bringup/resolve/toolkit.hpp>
#include <bringup/resolve/wheels.hpp>

namespace bringup::resolve {

struct EnvSolution {
  std::string path;
  Action action = Action::install;
  std::optional<Kept> kept;
  const catalog::WheelSet* wheels = nullptr;  // null: kept, or nothing of torch is asked
  bool compiles = false;                      // its extension is still to be compiled
};

struct Solution {
  DriverCandidate driver;
  ToolkitSolution toolkit;
  PythonCandidate python;
  std::vector<EnvSolution> envs;  // in the order of the problem's
};

// The best solution; nullopt when there is none.
std::optional<Solution> search(const Problem& problem);

// Why a solution of an easier problem is none of this one.
std::string objection(const Problem& problem, const Solution& solution);

// What the toolkit is for: the first environment whose extension it compiles, else the first with a CUDA.
ToolkitNeed need_of(const Solution& solution);
// How many of the choice's reasons about torch stand before that of this environment.
std::size_t reasons_before(const Problem& problem, const Solution& solution, std::size_t env);
// Whether a reason about torch is one of this environment.
bool tells_of_torch(const Problem& problem, const Solution& solution, std::size_t env);

// What stands against the best driver that could be installed here.
std::string why_no_driver(const Problem& problem);
// What stands against the newest set of wheels that the goal's pins leave.
std::string why_no_wheels(const Problem& problem, const DriverCandidate& driver);

// For a problem without a solution: demands that cannot be met together, each of them needed for that.
Conflict smallest_conflict(const Problem& problem);

// Two solutions that would make the same machine.
std::string summary(const Problem& problem, const Solution& solution);

}  // namespace bringup::resolve
