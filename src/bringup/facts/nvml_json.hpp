// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one written form of an NVML snapshot: what a recording keeps as gpus.json and what the child that reads
// NVML hands over.

#include <bringup/facts/gpu.hpp>

#include <string>
#include <string_view>

namespace bringup::facts {

std::string nvml_to_json(const Reading<NvmlSnapshot>& nvml);
// Errc::malformed for a text that is none; the error inside for a snapshot that could not be taken.
Reading<NvmlSnapshot> nvml_from_json(std::string_view json);

}  // namespace bringup::facts
