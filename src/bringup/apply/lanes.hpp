// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which steps of a plan go on side by side: an environment is filled while a driver is built.

#include <bringup/steps/step.hpp>

#include <cstddef>
#include <functional>
#include <optional>

namespace bringup::apply {

// Two package managers of the system never run at once, nor two programs that fill environments. The plan's
// order holds within a lane; across lanes only what a step needs does.
enum class Lane { machine, environment };
Lane lane_of(const steps::Kind& kind);

// A transaction of apt's in which DKMS builds a module: it unpacks first, and then takes the processors for
// minutes.
bool builds_a_module(const steps::Kind& kind);

struct Halt {
  std::optional<std::size_t> step;  // that failed; none: stopped between two
  Error why;
};

// The work of the step with that index; it may call the second when the rest of it leaves the disk alone.
using Work = std::function<Result<>(std::size_t, const std::function<void()>&)>;

// Calls `work` once for each step, in one thread per lane that has any; a plan of one lane gets none. What
// writes gigabytes into an environment waits until the packages of a driver are unpacked: dpkg syncs each of
// its files, which takes minutes where seconds would do while somebody else fills the disk; and when DKMS
// builds then, the disk idles. After the first error, an interrupt or an exception no further step begins,
// and those at work are let end. Returns the first error; an exception is thrown again when both lanes have
// ended.
std::optional<Halt> side_by_side(const steps::Plan& plan, const Work& work);

}  // namespace bringup::apply
