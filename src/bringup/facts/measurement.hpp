// SPDX-License-Identifier: Apache-2.0
#pragma once
// What was measured, and what it was judged to be. A verdict can only be made from a measurement or from the
// lack of one.

#include <bringup/facts/native.hpp>

namespace bringup::facts {

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

// How the mean loss of a training fell, from its first steps to its last.
struct LossFall {
  int steps = 0;
  double first = 0;
  double last = 0;
  bool operator==(const LossFall&) const = default;
};

// One size of an all-reduce whose sums were exact on every rank.
struct ReducedSize {
  std::uint64_t bytes = 0;  // on each rank
  double seconds = 0;       // the slowest rank's, begun together
  bool operator==(const ReducedSize&) const = default;
};

// One piece of PyTorch's own work done inside an environment, from its beginning to a result that was found
// right.
struct EnvDeed {
  std::string name;  // "training", "all-reduce", "data loader", "compile"
  int index = -1;    // of the GPU, as torch numbers them; -1: the CPU, or all of them together
  Reading<double> seconds = Error(Errc::absent, "not tried");
  std::string how;                             // "bf16", "NCCL 2.27.3", "gloo", "Triton"
  int ranks = 0;                               // of an all-reduce: processes, one per GPU when by NCCL
  std::optional<LossFall> loss;                // of a training
  std::vector<ReducedSize> reduced;            // of an all-reduce
  int workers = 0;                             // of a data loader
  std::optional<std::uint64_t> shared_memory;  // bytes that /dev/shm has, for a data loader
  bool operator==(const EnvDeed&) const = default;
};

// What one Python environment did when it was run.
struct EnvProof {
  std::string path;
  std::vector<ImportProof> imports;
  Reading<int> device_count = Error(Errc::absent, "not tried");  // torch.cuda.device_count()
  std::vector<DeviceProof> devices;  // the CPU first, then each GPU that torch counts
  std::vector<EnvDeed> deeds;        // none at the level quick
  std::optional<Error> cut_short;    // why it ended before all of its parts had; what they told is kept
  bool operator==(const EnvProof&) const = default;
};

struct Measurements {
  Reading<NativeProof> native = Error(Errc::absent, "not measured");
  std::vector<std::pair<std::string, Reading<EnvProof>>> envs;  // by path
  double elapsed_seconds = 0;
  bool operator==(const Measurements&) const = default;
};

enum class Outcome { pass, info, warn, fail, inconclusive, not_measured };

struct Quantity {
  double value = 0;
  std::string unit;  // "B/s", "GPUs", "s", "elements"
  // Of its samples, relative: 0.01 is 1 %. nullopt: not known.
  std::optional<double> spread = std::nullopt;
  bool operator==(const Quantity&) const = default;
};

struct Expectation {
  double value = 0;
  std::string unit;
  std::string source;  // where the expectation comes from
  bool operator==(const Expectation&) const = default;
};

struct Verdict {
  std::string check;              // "gpu-kernel", "env-import"
  std::vector<std::string> gpus;  // PCI addresses; empty: the whole machine
  Outcome outcome = Outcome::not_measured;
  std::optional<Quantity> measured;
  std::optional<Expectation> expected;
  std::string why;
  std::string env;  // the path of the Python environment that it is about; empty: none
  bool operator==(const Verdict&) const = default;
};

}  // namespace bringup::facts
