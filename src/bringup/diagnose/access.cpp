// SPDX-License-Identifier: Apache-2.0
// The rule over PCI access control (ACS) between GPUs, and between GPUs and network cards, below one switch.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::PciBridge;
using facts::WiredDevice;
using facts::WiredKind;

constexpr std::uint16_t kMellanox = 0x15b3;

// Those that read each other's memory over the bus: GPUs, and cards that do RDMA.
std::vector<const WiredDevice*> peers(const std::vector<WiredDevice>& devices) {
  std::vector<const WiredDevice*> out;
  for (const WiredDevice& one : devices) {
    const bool card = one.kind == WiredKind::network && one.vendor == kMellanox;
    if (one.way && (one.kind == WiredKind::gpu || card)) out.push_back(&one);
  }
  return out;
}

bool has_nvlinks(const facts::Machine& machine) {
  return machine.nvml && std::ranges::any_of(machine.nvml->gpus, [](const facts::NvmlGpu& gpu) {
           return gpu.nvlinks_active && *gpu.nvlinks_active > 0;
         });
}

bool below(const WiredDevice& device, const std::string& bridge) {
  return std::ranges::find(device.way->bridges, bridge, &PciBridge::address) != device.way->bridges.end();
}

// The bridges between a device and a bridge that a peer of it is below too.
std::vector<const PciBridge*> in_between(const WiredDevice& device,
                                         const std::vector<const WiredDevice*>& all, bool nvlinks) {
  std::vector<const PciBridge*> out;
  const auto& bridges = device.way->bridges;
  for (std::size_t i = 1; i < bridges.size(); ++i) {
    const bool met = std::ranges::any_of(all, [&](const WiredDevice* other) {
      const int gpus = (device.kind == WiredKind::gpu ? 1 : 0) + (other->kind == WiredKind::gpu ? 1 : 0);
      return other != &device && (gpus == 1 || (gpus == 2 && !nvlinks)) &&
             below(*other, bridges[i].address) && !below(*other, bridges[i - 1].address);
    });
    if (met) out.push_back(&bridges[i - 1]);
  }
  return out;
}

}  // namespace

// With it, what goes from one device of a switch to another takes the way through the processor (NCCL's
// documentation: PCI access control services).
Looked look_acs_redirects(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty() || machine.hypervisor || is_container(machine)) return Sightings{};
  if (!machine.wiring.devices)
    return Error(machine.wiring.devices.error()).within("how the GPUs are wired could not be read");
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  std::optional<Error> unread;
  std::vector<std::string> ports;
  const auto all = peers(*machine.wiring.devices);
  for (const WiredDevice* device : all) {
    for (const PciBridge* bridge : in_between(*device, all, has_nvlinks(machine))) {
      if (!bridge->redirects) unread = bridge->redirects.error();
      if (!bridge->redirects || !*bridge->redirects) continue;
      sighting.evidence.push_back(
          seen(fmt::format("/sys/bus/pci/devices/{}/config", bridge->address),
               fmt::format("ACS redirects requests and completions, above {}", device->address)));
      if (device->kind == WiredKind::gpu) sighting.gpus.push_back(device->address);
      if (std::ranges::find(ports, bridge->address) == ports.end()) ports.push_back(bridge->address);
    }
  }
  if (sighting.evidence.empty() && unread)
    return std::move(*unread).within("the access control of a switch above the GPUs could not be read");
  if (sighting.evidence.empty()) return Sightings{};
  sighting.fix.summary = fmt::format(
      "switch ACS off in the firmware, and the IOMMU, with which the kernel switches it on; or until the "
      "next boot with 'sudo setpci -s PORT ECAP_ACS+0x6.w=0000' for each of these ports: {}; leave both on "
      "where "
      "GPUs are handed to virtual machines",
      base::join(ports, ", "));
  return Sightings{std::move(sighting)};
}

}  // namespace bringup::diagnose
