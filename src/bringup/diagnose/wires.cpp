// SPDX-License-Identifier: Apache-2.0
// PCIe links from their two ends, distances over them, and NVLinks.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/roofline.hpp>
#include <bringup/diagnose/wires.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::PciBridge;
using facts::PcieLink;
using facts::Reading;
using facts::WiredDevice;
using facts::WiredKind;

constexpr std::uint16_t kIntel = 0x8086;
constexpr std::uint16_t kAmd = 0x1022;

// A link that is down or that nobody described has no width (0 or 255) and no speed.
Reading<PcieLink> sane(const Reading<PcieLink>& link) {
  if (!link) return link;
  const auto lanes = [](int width) { return width >= 1 && width <= 32; };
  if (lanes(link->width) && lanes(link->max_width) && link->generation > 0 && link->max_generation > 0)
    return link;
  return Error(Errc::unsupported, "the bus gives no width or speed of it");
}

// What runs is the same at both ends; what can be is the lesser.
Reading<PcieLink> join(const Reading<PcieLink>& lower, const Reading<PcieLink>& upper) {
  if (!lower) return upper ? upper : lower;
  if (!upper) return lower;
  return PcieLink{.generation = lower->generation,
                  .max_generation = std::min(lower->max_generation, upper->max_generation),
                  .width = lower->width,
                  .max_width = std::min(lower->max_width, upper->max_width)};
}

// By what its lower and its upper end say.
Hop hop_of(std::string lower, std::string upper, const Reading<PcieLink>& below,
           const Reading<PcieLink>& above, bool of_gpu) {
  Hop hop{.lower = std::move(lower), .upper = std::move(upper), .link = join(below, above)};
  if (!hop.link) return hop;
  hop.both_ends = below && above;
  hop.bytes_per_second =
      lane_rate(of_gpu ? hop.link->max_generation : hop.link->generation) * hop.link->width;
  hop.lanes_lost = hop.link->width < hop.link->max_width;
  return hop;
}

// The card's own end. Idle cards have been seen to understate on the bus what they can; NVML does not.
Reading<PcieLink> end_of(const Machine& machine, const WiredDevice& device) {
  const facts::NvmlGpu* gpu = nvml_of(machine, device.address);
  Reading<PcieLink> told =
      gpu == nullptr ? Reading<PcieLink>(Error(Errc::absent, "NVML does not show it")) : sane(gpu->link);
  if (machine.hypervisor) {
    if (told) return told;
    return Error(Errc::unsupported, "a virtual machine's PCI bus does not show the real one");
  }
  Reading<PcieLink> link = sane(device.link);
  if (!link) return told ? told : link;
  if (told) link->max_generation = std::max(link->max_generation, told->max_generation);
  return link;
}

int links_to(const std::vector<facts::NvlinkPeer>& peers, std::string_view address) {
  int links = 0;
  for (const facts::NvlinkPeer& peer : peers)
    links += peer.kind == facts::NvlinkEnd::gpu && peer.pci == address ? peer.links : 0;
  return links;
}

int links_to_kind(const std::vector<facts::NvlinkPeer>& peers, facts::NvlinkEnd kind) {
  int links = 0;
  for (const facts::NvlinkPeer& peer : peers) links += peer.kind == kind ? peer.links : 0;
  return links;
}

bool has_nvswitch(const Machine& machine) {
  return machine.wiring.devices && std::ranges::any_of(*machine.wiring.devices, [](const WiredDevice& one) {
           return one.kind == WiredKind::nvswitch;
         });
}

// Where NVML did not say where NVLinks lead.
Reading<int> deduced_links(const Machine& machine, const facts::NvmlGpu& a, const facts::NvmlGpu& b) {
  // Through switches everyone reaches everyone; and between two GPUs there is nobody else to reach.
  if (has_nvswitch(machine) || machine.nvml->gpus.size() == 2)
    return std::min(*a.nvlinks_active, *b.nvlinks_active);
  return Error(Errc::unsupported, "NVLinks are up, but NVML did not say where they lead");
}

}  // namespace

const facts::NvmlGpu* nvml_of(const Machine& machine, std::string_view address) {
  if (!machine.nvml) return nullptr;
  const auto found = std::ranges::find(machine.nvml->gpus, address, &facts::NvmlGpu::pci);
  return found == machine.nvml->gpus.end() ? nullptr : &*found;
}

std::optional<int> node_of(const facts::Wiring& wiring, const WiredDevice& device) {
  if (device.numa_node && *device.numa_node >= 0) return *device.numa_node;
  if (!wiring.nodes) return std::nullopt;
  const auto has_cpus = [](const facts::NumaNode& node) { return !node.cpus || !node.cpus->empty(); };
  if (std::ranges::count_if(*wiring.nodes, has_cpus) != 1) return std::nullopt;
  return std::ranges::find_if(*wiring.nodes, has_cpus)->id;
}

std::vector<Hop> hops_of(const Machine& machine, const WiredDevice& device) {
  const bool gpu = device.kind == WiredKind::gpu;
  const Reading<PcieLink> own = end_of(machine, device);
  const Reading<PcieLink> unseen = Error(Errc::absent, "no port above it is shown");
  if (machine.hypervisor || !device.way || device.way->bridges.empty()) {
    if (!own) return {};
    return {hop_of(device.address, "", own, unseen, gpu)};
  }
  // Below and above a link stand its two ends: device and port, then the switch's upper side and the next
  // port, up to the processor's.
  const std::vector<PciBridge>& bridges = device.way->bridges;
  std::vector<Hop> hops;
  hops.push_back(hop_of(device.address, bridges[0].address, own, sane(bridges[0].link), gpu));
  for (std::size_t i = 1; i < bridges.size(); i += 2) {
    const bool last = i + 1 == bridges.size();
    hops.push_back(hop_of(bridges[i].address, last ? "" : bridges[i + 1].address, sane(bridges[i].link),
                          last ? unseen : sane(bridges[i + 1].link), false));
  }
  return hops;
}

bool is_chipset(const PciBridge& bridge, bool root_port) {
  // AMD makes no other PCIe switches than those in its chipsets.
  if (!root_port) return bridge.vendor == kAmd;
  // Intel's chipsets look like ports of the processor: on its bus 0, at the devices 1a to 1f.
  if (bridge.vendor != kIntel || !bridge.address.starts_with("0000:00:")) return false;
  const auto device = base::to_hex(std::string_view(bridge.address).substr(8, 2));
  return device && *device >= 0x1a && *device <= 0x1f;
}

Reading<Distance> distance_between(const Machine& machine, const WiredDevice& a, const WiredDevice& b) {
  const auto node_a = node_of(machine.wiring, a);
  const auto node_b = node_of(machine.wiring, b);
  if (node_a && node_b && *node_a != *node_b) return Distance::sys;
  if (machine.hypervisor)
    return Error(Errc::unsupported, "a virtual machine's PCI bus does not show the real one");
  const facts::PciWay way_a = TRY(a.way);
  const facts::PciWay way_b = TRY(b.way);
  for (std::size_t i = 0; i < way_a.bridges.size(); ++i) {
    const auto common = std::ranges::find(way_b.bridges, way_a.bridges[i].address, &PciBridge::address);
    if (common == way_b.bridges.end()) continue;
    // Below the bridge that they share, one port each is one switch.
    const auto below_b = static_cast<std::size_t>(common - way_b.bridges.begin());
    return std::max(i, below_b) <= 1 ? Distance::pix : Distance::pxb;
  }
  if (way_a.root == way_b.root) return Distance::phb;
  if (node_a && node_b) return Distance::node;
  return Error(Errc::unsupported, "the firmware does not say on which NUMA node they are");
}

bool nvlinks_up(const Machine& machine, std::string_view address) {
  const facts::NvmlGpu* gpu = nvml_of(machine, address);
  return gpu != nullptr && gpu->nvlinks_active && *gpu->nvlinks_active > 0;
}

Reading<int> nvlinks_between(const Machine& machine, std::string_view a, std::string_view b) {
  if (!machine.nvml) return machine.nvml.error();
  const facts::NvmlGpu* one = nvml_of(machine, a);
  const facts::NvmlGpu* other = nvml_of(machine, b);
  if (one == nullptr || other == nullptr) return Error(Errc::absent, "NVML does not show both");
  for (const facts::NvmlGpu* gpu : {one, other}) {
    if (gpu->nvlinks_active ? *gpu->nvlinks_active == 0
                            : gpu->nvlinks_active.error().code() == Errc::unsupported)
      return 0;  // a card without NVLink, or with none up
    if (!gpu->nvlinks_active) return gpu->nvlinks_active.error();
  }
  if (!one->nvlink_peers || !other->nvlink_peers) return deduced_links(machine, *one, *other);
  if (const int direct = links_to(*one->nvlink_peers, b); direct > 0) return direct;
  const auto through = [](const facts::NvmlGpu& gpu, facts::NvlinkEnd kind) {
    return links_to_kind(*gpu.nvlink_peers, kind);
  };
  const int switched =
      std::min(through(*one, facts::NvlinkEnd::nvswitch), through(*other, facts::NvlinkEnd::nvswitch));
  if (switched > 0) return switched;
  if (through(*one, facts::NvlinkEnd::other) > 0 && through(*other, facts::NvlinkEnd::other) > 0)
    return deduced_links(machine, *one, *other);
  return 0;
}

}  // namespace bringup::diagnose
