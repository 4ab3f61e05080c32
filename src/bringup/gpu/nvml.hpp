// SPDX-License-Identifier: Apache-2.0
#pragma once
// NVML, opened at run time and read once into a value.

#include <bringup/facts/gpu.hpp>

namespace bringup::gpu {

// Opens `library` ("libnvidia-ml.so.1"; a path for tests), reads everything, closes it. In this process: call
// it in a child when the driver may be wedged. Errors: absent (no library), unsupported (a needed symbol is
// missing), failed with NVML's own words.
facts::Reading<facts::NvmlSnapshot> read_nvml(const std::string& library = "libnvidia-ml.so.1");

}  // namespace bringup::gpu
