// SPDX-License-Identifier: Apache-2.0
#pragma once
// The native proof: every GPU, every pair and all together, in children that can be killed. This process
// never loads CUDA.

#include <bringup/facts/native.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::measure {

enum class Level { quick, standard, full };
std::string_view level_name(Level level);

struct NativeRequest {
  Level level = Level::standard;
  // Of the environment whose libraries are used, first the one whose PyTorch counts.
  std::vector<std::string> site_packages;
  bool elsewhere = true;         // look for libraries in the system too
  std::chrono::seconds soak{0};  // level full: memory and matrices again and again for so long
  std::string cuda = "libcuda.so.1";
  std::string nvml = "libnvidia-ml.so.1";
  // Called in this process before each phase: its name and how far all of it is, 0..1.
  std::function<void(std::string_view phase, double done)> progress = nullptr;
};

// Errors: that of NVML or CUDA when no GPU can be spoken to at all. GPUs that other processes compute on are
// left alone: their figures are Errc::busy with who holds them. Clocks, power, MIG and modes are not touched.
facts::Reading<facts::NativeProof> prove_native(const NativeRequest& request);

// How long that will take, roughly: for telling before it begins.
std::chrono::seconds native_takes(const NativeRequest& request, int gpus);

}  // namespace bringup::measure
