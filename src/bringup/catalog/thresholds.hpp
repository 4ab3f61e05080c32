// SPDX-License-Identifier: Apache-2.0
#pragma once
// From where on the doctor speaks: figures that somebody chose, each with where it comes from. Read by its
// rules alone.

#include <bringup/catalog/catalog.hpp>

namespace bringup::catalog {

enum class Limit {
  aer_corrected,  // errors that a PCIe link mended since the boot
  bar1_small,     // a GPU's window into its memory, on the bus
  boot_free,      // of /boot, for another kernel
  environment,    // what PyTorch and its CUDA libraries take on the disk
  gpu_held,       // GPU memory that nobody seems to use
  gpu_hot,        // temperature of a GPU
  host_memory,    // of the machine, in percent of its largest GPU's
  locked_memory,  // that a program may lock
  open_files,     // that a program may have open, for each GPU
  power_limit,    // in percent of the default
  shared_memory,  // of /dev/shm
  torch_behind,   // minor releases of PyTorch that came after an environment's
};

struct Threshold {
  std::string name;  // "boot-free"
  double value = 0;  // in `unit`
  std::string unit;  // "MB", "MiB", "celsius", "percent", "count"
  std::string what;
  Provenance from;
};

// By name, one for each Limit; a unit or a value that cannot be meant is refused.
Result<std::vector<Threshold>> read_thresholds(std::string_view text);
// Of the files in use, read once. A replacement that lacks them leaves the compiled-in ones.
const std::vector<Threshold>& thresholds();
// In bytes where it is a size, else as it stands.
double threshold(Limit limit);
std::uint64_t threshold_bytes(Limit limit);

}  // namespace bringup::catalog
