// SPDX-License-Identifier: Apache-2.0
#pragma once
// A GPU as the PCI bus and NVML see it, joined by address: what neither of the two counts alone is not lost.

#include <bringup/facts/machine.hpp>

#include <string>
#include <vector>

namespace bringup::report {

// At least one of the two is there; both point into the machine.
struct GpuSeen {
  const facts::PciFunction* pci = nullptr;
  const facts::NvmlGpu* nvml = nullptr;

  std::string address() const;
  std::string name() const;                // "" when neither the catalog nor NVML has one
  std::string architecture() const;        // "" when unknown
  std::string compute_capability() const;  // "" when unknown
  facts::Reading<facts::PcieLink> link() const;
};

// By address of the bus; GPUs that only NVML shows come last.
std::vector<GpuSeen> gpus_seen(const facts::Machine& machine);

// "10de:2335"
std::string pci_id(std::uint16_t device);

}  // namespace bringup::report
