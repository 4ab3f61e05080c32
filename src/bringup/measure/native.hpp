// SPDX-License-Identifier: Apache-2.0
#pragma once
// The native proof: every GPU, every pair and all together, in children that can be killed. This process
// never loads CUDA.

#include <bringup/base/result.hpp>
#include <bringup/facts/native.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::measure {

enum class Level { quick, standard, full };
std::string_view level_name(Level level);

// What one GPU's child does wrong on purpose, so that it can be seen that it is found. A fault can only make
// verdicts worse.
struct Injection {
  std::string fault;  // one of injections()
  int gpu = -1;       // CUDA ordinal; -1: on every GPU
  bool operator==(const Injection&) const = default;
};
// "memory": a bit flips between writing and reading; "product": a bit flips in matrix products; "hang" and
// "die": in the phase 'memory rate'; "pageable": host copies from memory that is not pinned; "far": fed from
// CPUs that are not next to the GPU.
std::span<const std::string_view> injections();
// "memory:1,hang:0". Errc::usage for what is none, with the nearest.
Result<std::vector<Injection>> parse_injections(std::string_view text);

// How far a proof is, and how the GPUs are doing.
struct NativeProgress {
  std::string_view phase;
  double done = 0;  // of the whole, 0..1
  struct Gpu {
    std::string pci;
    std::string name;
    std::optional<facts::LoadSample> now;  // when NVML was asked
    std::uint64_t errors = 0;              // wrong pieces of memory and wrong products so far
    std::optional<double> operations;      // per second, of the last matrix products
  };
  std::vector<Gpu> gpus;  // empty before they are known
};

struct NativeRequest {
  Level level = Level::standard;
  int expected = 0;  // GPUs that there should be, which are begun with at once; 0: those that NVML counts
  // Of the environment whose libraries are used, first the one whose PyTorch counts.
  std::vector<std::string> site_packages;
  bool elsewhere = true;         // look for libraries in the system too
  std::chrono::seconds soak{0};  // level full: memory and matrices again and again for so long
  std::string cuda = "libcuda.so.1";
  std::string nvml = "libnvidia-ml.so.1";
  std::vector<Injection> inject = {};
  // Called in this process before each phase, and again and again while it soaks.
  std::function<void(const NativeProgress&)> progress = nullptr;
};

// Errors: that of NVML or CUDA when no GPU can be spoken to at all. GPUs that other processes compute on are
// left alone: their figures are Errc::busy with who holds them. Clocks, power, MIG and modes are not touched.
facts::Reading<facts::NativeProof> prove_native(const NativeRequest& request);

// How long that will take, roughly: for telling before it begins.
std::chrono::seconds native_takes(const NativeRequest& request, int gpus);

}  // namespace bringup::measure
