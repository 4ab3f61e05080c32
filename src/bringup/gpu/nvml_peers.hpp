// SPDX-License-Identifier: Apache-2.0
#pragma once
// What NVML knows of GPUs together: where their NVLinks lead, and who can read whose memory.

#include <bringup/facts/gpu.hpp>
#include <bringup/gpu/library.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::gpu {

struct PciInfo {  // nvmlPciInfo_t of version 3
  std::array<char, 16> bus_id_legacy;
  unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
  std::array<char, 32> bus_id;
};

// "00000000:06:00.0" as NVML writes it, "0000:06:00.0" as the kernel does.
std::string kernel_address(const PciInfo& pci);

// Fills in nvlink_peers and reads_from of the GPUs that have a handle; NVML is initialised.
void read_peers(const Library& library, std::vector<facts::NvmlGpu>& gpus);

}  // namespace bringup::gpu
