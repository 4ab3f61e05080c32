// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the children of the native proof do: one for each GPU, one that has them all open, one that watches
// NVML. Questions and answers are JSON; an answer is the value or the error in its place.

#include <bringup/measure/crew.hpp>
#include <bringup/measure/native.hpp>

namespace bringup::measure {

// Asked: {"do": phase, "at": steady nanoseconds to begin at, ...}. Phases: hello, start, memory, memory rate,
// host link, host link together, matrices, nccl id, nccl join, collectives.
Duty gpu_duty(const NativeRequest& request, int ordinal);
// Phases: hello, open {ordinals}, pairs {pairs}, ring.
Duty peers_duty(const NativeRequest& request);
// Phases: describe, begin {origin}, now, end {processes}.
Duty watch_duty(const NativeRequest& request);

}  // namespace bringup::measure
