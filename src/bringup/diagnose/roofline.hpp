// SPDX-License-Identifier: Apache-2.0
#pragma once
// The most that what is there can do, worked out from NVML's and CUDA's facts; never a number per product.

#include <bringup/diagnose/reference.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/facts/native.hpp>

#include <optional>

namespace bringup::diagnose {

struct Roof {
  double value = 0;
  std::string from;  // "2619 MHz x 5120 bits"
};

// Each is nullopt when what it is worked out from could not be read.
std::optional<Roof> memory_roof(const facts::NativeGpu& gpu);
std::optional<Roof> matrix_roof(const Reference& reference, const facts::NativeGpu& gpu,
                                std::string_view type);
// The narrowest of what card and slot can do together, as NVML gives it.
std::optional<Roof> host_roof(const facts::NativeGpu& gpu);
// All NVLinks of the GPU that has fewer, one direction.
std::optional<Roof> nvlink_roof(const facts::NativeGpu& a, const facts::NativeGpu& b);

// Bytes per second and lane of a PCIe generation, after line coding; 0 for an unknown one.
double lane_rate(int generation);
bool is_geforce(const facts::NativeGpu& gpu);

}  // namespace bringup::diagnose
