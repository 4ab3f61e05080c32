// SPDX-License-Identifier: Apache-2.0
#pragma once
// The proof of one GPU, as it runs in its child; and what it is compared with.

#include <bringup/facts/measurement.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace bringup::measure {

// What the kernel check_mix computes for element i of its input.
std::uint32_t mix(std::uint32_t input, std::uint32_t i);

// The PTX text of that kernel, as it was compiled in.
std::string_view kernel_text();

// In this process: only for children and tests. What could not be done is the error of what it was to
// measure.
facts::GpuProof prove_gpu(const std::string& library, int ordinal);

// The written form in which a child hands its proof over. Errc::malformed for a text that is none.
std::string proof_to_json(const facts::GpuProof& proof);
Result<facts::GpuProof> proof_from_json(std::string_view json);

}  // namespace bringup::measure
