// SPDX-License-Identifier: Apache-2.0
// Joins the two views of a GPU.
#include <bringup/report/gpus.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {

std::string GpuSeen::address() const {
  return pci != nullptr ? pci->address : nvml->pci;
}

std::string GpuSeen::name() const {
  if (pci != nullptr && !pci->name.empty()) return pci->name;
  return nvml != nullptr ? nvml->name : "";
}

std::string GpuSeen::architecture() const {
  return pci != nullptr ? pci->architecture : "";
}

std::string GpuSeen::compute_capability() const {
  if (pci != nullptr && !pci->compute_capability.empty()) return pci->compute_capability;
  return nvml != nullptr ? nvml->compute_capability.value_or("") : "";
}

facts::Reading<facts::PcieLink> GpuSeen::link() const {
  if (pci != nullptr) return pci->link;
  if (nvml != nullptr) return nvml->link;
  return Error(Errc::absent, "not looked at");
}

std::vector<GpuSeen> gpus_seen(const facts::Machine& machine) {
  std::vector<GpuSeen> seen;
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind == facts::PciKind::gpu) seen.push_back({.pci = &function});
  }
  if (machine.hypothetical || !machine.nvml)
    return seen;  // this machine's NVML knows nothing of GPUs to come
  for (const facts::NvmlGpu& gpu : machine.nvml->gpus) {
    const auto same = std::ranges::find_if(seen, [&gpu](const GpuSeen& one) {
      return one.pci != nullptr && one.nvml == nullptr && one.pci->address == gpu.pci;
    });
    if (same != seen.end())
      same->nvml = &gpu;
    else
      seen.push_back({.nvml = &gpu});
  }
  return seen;
}

std::string pci_id(std::uint16_t device) {
  return fmt::format("10de:{:04x}", device);
}

}  // namespace bringup::report
