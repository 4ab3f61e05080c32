// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the native proof measured, for any number of GPUs. Every figure is a reading: one that is absent says
// why.

#include <bringup/facts/gpu.hpp>

namespace bringup::facts {

// A figure per second, and the samples that it is the median of.
struct Rate {
  double median = 0;
  std::vector<double> samples;
  bool operator==(const Rate&) const = default;
};

// One pattern over all the memory that was taken: written, then read back and compared.
struct MemoryPass {
  std::string pattern;                       // "addresses", "inverse"
  std::uint64_t bytes = 0;                   // written, and as many read back
  std::uint64_t errors = 0;                  // pieces of 16 bytes that came back different
  std::optional<std::uint64_t> first_error;  // where the first of them lies, in bytes from the beginning
  double seconds = 0;
  bool operator==(const MemoryPass&) const = default;
};

struct MemoryTest {
  std::uint64_t total_bytes = 0;  // that the card has for programs
  std::uint64_t free_bytes = 0;   // before the test took its part
  std::uint64_t taken_bytes = 0;
  std::vector<MemoryPass> passes;
  bool operator==(const MemoryTest&) const = default;
};

struct MatrixRate {
  std::string type;  // "bf16", "fp16", "tf32", "fp32", "fp8", "int8"
  std::string by;    // "cuBLASLt 13.1.0", "own mma kernel", "own multiply-add kernel"
  std::string path;  // of the library; "" for an own kernel
  int size = 0;      // of the square matrices; 0 for chains of multiply-adds
  Reading<Rate> operations = Error(Errc::absent, "not measured");  // multiplications and additions per second
  Reading<std::uint64_t> right = Error(Errc::absent, "not measured");  // results compared with exact ones
  // Of the last random product: the same on every GPU of one kind that computed it `by` the same.
  Reading<std::string> digest = Error(Errc::absent, "not measured");
  bool operator==(const MatrixRate&) const = default;
};

// NVML's word at one moment.
struct LoadSample {
  double at_seconds = 0;  // since the proof began
  std::optional<double> sm_megahertz;
  std::optional<double> memory_megahertz;
  std::optional<double> watts;
  std::optional<double> celsius;
  std::optional<std::uint64_t> reasons;  // why the clock is not higher: NVML's bits
  std::optional<int> link_generation;
  std::optional<int> link_width;
  bool operator==(const LoadSample&) const = default;
};

// What an expectation can be worked out from.
struct GpuBuild {
  std::string compute_capability;  // "9.0"
  int multiprocessors = 0;
  double sm_megahertz_most = 0;
  double memory_megahertz_most = 0;
  int memory_bus_bits = 0;
  bool operator==(const GpuBuild&) const = default;
};

struct NvlinkState {
  int links = 0;    // that the GPU has
  int active = 0;   // of them
  int version = 0;  // NVLink generation, 1..5
  bool operator==(const NvlinkState&) const = default;
};

// Counts that only grow. What grew during the proof is what counts.
struct ErrorCounts {
  std::optional<std::uint64_t> ecc_corrected;
  std::optional<std::uint64_t> ecc_uncorrected;
  std::optional<std::uint64_t> rows_remapped;
  std::optional<std::uint64_t> pcie_replays;
  bool operator==(const ErrorCounts&) const = default;
};

struct Holder {
  std::int64_t pid = 0;
  std::string name;  // "python3"; "" when this process cannot see it
  std::uint64_t bytes = 0;
  bool operator==(const Holder&) const = default;
};

// What this GPU was made to do: a pass means no fault was seen in that much.
struct Exposure {
  std::uint64_t bytes_written = 0;  // to the GPU's own memory
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_from_host = 0;
  std::uint64_t bytes_to_host = 0;
  std::uint64_t bytes_to_peers = 0;
  double operations = 0;
  std::uint64_t results_compared = 0;
  bool operator==(const Exposure&) const = default;
};

struct NativeGpu {
  int index = 0;  // CUDA ordinal
  std::string pci;
  std::string name;
  std::string uuid;
  Reading<GpuBuild> build = Error(Errc::absent, "not read");
  Reading<PcieLink> link = Error(Errc::absent, "not read");  // as NVML gave it before the load
  Reading<NvlinkState> nvlink = Error(Errc::absent, "not read");
  Reading<double> power_limit_watts = Error(Errc::absent, "not read");
  Reading<double> power_default_watts = Error(Errc::absent, "not read");
  Reading<std::vector<Holder>> holders = Error(Errc::absent, "not read");  // other processes, before
  // That its process answered to the end; the error says how it ended instead.
  Reading<bool> answered = true;
  // Whether the thread that fed it could run on the CPUs next to it.
  Reading<bool> near = Error(Errc::absent, "not read");
  Reading<double> init_seconds = Error(Errc::absent, "not measured");  // cuInit
  Reading<double> context_seconds = Error(Errc::absent, "not measured");
  Reading<std::uint64_t> kernel_elements = Error(Errc::absent, "not measured");  // right ones
  Reading<MemoryTest> memory = Error(Errc::absent, "not measured");
  // Bytes per second of the card's own memory; a copy counts what it reads and what it writes.
  Reading<Rate> memory_read = Error(Errc::absent, "not measured");
  Reading<Rate> memory_write = Error(Errc::absent, "not measured");
  Reading<Rate> memory_copy = Error(Errc::absent, "not measured");
  // Bytes per second over the host link from pinned memory: alone, and while all GPUs do the same.
  Reading<Rate> to_device = Error(Errc::absent, "not measured");
  Reading<Rate> to_host = Error(Errc::absent, "not measured");
  Reading<Rate> both_ways = Error(Errc::absent, "not measured");  // the sum of both directions
  Reading<Rate> to_device_together = Error(Errc::absent, "not measured");
  Reading<Rate> to_host_together = Error(Errc::absent, "not measured");
  Reading<std::uint64_t> host_copies_right = Error(Errc::absent, "not measured");  // bytes compared
  std::vector<MatrixRate> matrices;
  Reading<std::vector<LoadSample>> load = Error(Errc::absent, "not measured");
  Reading<ErrorCounts> errors_before = Error(Errc::absent, "not read");
  Reading<ErrorCounts> errors_after = Error(Errc::absent, "not read");
  Reading<std::vector<std::uint64_t>> xids =
      Error(Errc::absent, "not watched");  // that came during the proof
  Exposure exposure;
  bool operator==(const NativeGpu&) const = default;
};

// Two GPUs, from the one's memory to the other's. Bytes per second.
struct NativePair {
  std::string from;  // PCI addresses
  std::string to;
  Reading<bool> reachable = Error(Errc::absent, "not measured");  // CUDA says that one can reach the other
  Reading<std::uint64_t> copied_right =
      Error(Errc::absent, "not measured");  // tagged bytes, by the copy engine
  Reading<std::uint64_t> stored_right = Error(Errc::absent, "not measured");  // by the source's threads
  Reading<std::uint64_t> loaded_right = Error(Errc::absent, "not measured");  // by the destination's threads
  Reading<Rate> copy = Error(Errc::absent, "not measured");
  Reading<Rate> both_ways = Error(Errc::absent, "not measured");  // the sum of both directions
  std::uint64_t moved_bytes = 0;                                  // in all
  bool operator==(const NativePair&) const = default;
};

struct CollectiveStep {
  std::uint64_t bytes = 0;
  Reading<Rate> bus = Error(Errc::absent, "not measured");  // bytes per second that each link carries
  Reading<std::uint64_t> right = Error(Errc::absent, "not measured");  // elements, on all ranks together
  bool operator==(const CollectiveStep&) const = default;
};

struct Collective {
  std::string kind;  // "all-reduce", "all-gather"
  std::string by;    // "NCCL 2.28.9", "own ring"
  std::string path;  // of the library
  int ranks = 0;
  std::vector<CollectiveStep> steps;  // by size
  bool operator==(const Collective&) const = default;
};

struct PhaseTime {
  std::string name;
  double began_seconds = 0;  // since the proof began
  double seconds = 0;
  bool operator==(const PhaseTime&) const = default;
};

struct NativeProof {
  std::string level;  // "quick", "standard", "full"
  int driver_version = 0;
  int cuda_count = 0;  // by cuDeviceGetCount
  Reading<int> nvml_count = Error(Errc::absent, "not counted");
  std::vector<NativeGpu> gpus;
  // Why there is none, or one for each ordered pair.
  Reading<std::vector<NativePair>> pairs = Error(Errc::absent, "not measured");
  Reading<std::vector<Collective>> collectives = Error(Errc::absent, "not measured");
  std::vector<PhaseTime> phases;
  std::vector<std::string> settings;  // of the environment that libraries heed: "NCCL_P2P_DISABLE=1"
  std::vector<std::string> unseen;    // what this level could not have seen
  double seconds = 0;
  double soak_seconds = 0;  // of them: matrices and memory again and again
  bool operator==(const NativeProof&) const = default;
};

}  // namespace bringup::facts
