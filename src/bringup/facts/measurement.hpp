// SPDX-License-Identifier: Apache-2.0
#pragma once
// What was measured, and what it was judged to be. A verdict can only be made from a measurement or from the
// lack of one.

#include <bringup/facts/native.hpp>

namespace bringup::facts {

// The first form of a GPU's proof: one context, one checked kernel, one checked copy each way.
struct GpuProof {
  int index = 0;  // CUDA ordinal
  std::string pci;
  std::string name;
  Reading<double> context_seconds = Error(Errc::absent, "not measured");
  Reading<std::uint64_t> kernel_elements =
      Error(Errc::absent, "not measured");  // elements computed and found right
  Reading<double> copy_bytes_per_second =
      Error(Errc::absent, "not measured");  // host to device, pinned, content checked
  bool operator==(const GpuProof&) const = default;
};

struct CudaProof {
  int driver_version = 0;  // 13000
  std::vector<GpuProof> gpus;
  bool operator==(const CudaProof&) const = default;
};

// One module imported inside an environment.
struct ImportProof {
  std::string module;
  Reading<std::string> version = Error(Errc::absent, "not tried");
  std::optional<std::string> cuda;  // the CUDA variant that it was built for, as it says: "13.0"
  bool operator==(const ImportProof&) const = default;
};

struct DeviceProof {
  int index = 0;                                               // -1: the CPU
  Reading<double> seconds = Error(Errc::absent, "not tried");  // of a matrix product whose result was right
  bool operator==(const DeviceProof&) const = default;
};

// What one Python environment did when it was run.
struct EnvProof {
  std::string path;
  std::vector<ImportProof> imports;
  Reading<int> device_count = Error(Errc::absent, "not tried");  // torch.cuda.device_count()
  std::vector<DeviceProof> devices;  // the CPU first, then each GPU that torch counts
  bool operator==(const EnvProof&) const = default;
};

struct Measurements {
  Reading<CudaProof> cuda = Error(Errc::absent, "not measured");
  std::vector<std::pair<std::string, Reading<EnvProof>>> envs;  // by path
  Reading<NativeProof> native = Error(Errc::absent, "not measured");
  double elapsed_seconds = 0;
  bool operator==(const Measurements&) const = default;
};

enum class Outcome { pass, info, warn, fail, inconclusive, not_measured };

struct Quantity {
  double value = 0;
  std::string unit;  // "B/s", "GPUs", "s", "elements"
  bool operator==(const Quantity&) const = default;
};

struct Expectation {
  double value = 0;
  std::string unit;
  std::string source;  // where the expectation comes from
  bool operator==(const Expectation&) const = default;
};

struct Verdict {
  std::string check;              // "cuda-kernel", "env-torch"
  std::vector<std::string> gpus;  // PCI addresses; empty: the whole machine
  Outcome outcome = Outcome::not_measured;
  std::optional<Quantity> measured;
  std::optional<Expectation> expected;
  std::string why;
  bool operator==(const Verdict&) const = default;
};

}  // namespace bringup::facts
