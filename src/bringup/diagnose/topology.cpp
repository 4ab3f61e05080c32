// SPDX-License-Identifier: Apache-2.0
// Puts together what topology() says: GPUs with their ways, pairs, marks, and what could not be seen.
#include <bringup/diagnose/roofline.hpp>
#include <bringup/diagnose/wires.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::WiredDevice;
using facts::WiredKind;

constexpr double kSame = 0.99;  // rates are products of rounded ones

const WiredDevice* wired(const Machine& machine, std::string_view address) {
  if (!machine.wiring.devices) return nullptr;
  const auto found = std::ranges::find(*machine.wiring.devices, address, &WiredDevice::address);
  return found == machine.wiring.devices->end() ? nullptr : &*found;
}

std::string model_of(const Machine& machine, std::string_view address) {
  const auto function = std::ranges::find(machine.pci, address, &facts::PciFunction::address);
  if (function != machine.pci.end() && !function->name.empty()) return function->name;
  const facts::NvmlGpu* gpu = nvml_of(machine, address);
  if (gpu == nullptr) return "";
  constexpr std::string_view kMaker = "NVIDIA ";
  return gpu->name.starts_with(kMaker) ? gpu->name.substr(kMaker.size()) : gpu->name;
}

void measure_way(TopologyGpu& gpu, double card) {
  gpu.card_bytes_per_second = card;
  for (std::size_t i = 0; i < gpu.hops.size(); ++i) {
    const double rate = gpu.hops[i].bytes_per_second;
    if (!(rate > 0)) continue;
    const bool less = !(gpu.host_bytes_per_second > 0) || rate < gpu.host_bytes_per_second * kSame;
    if (!less) continue;
    gpu.host_bytes_per_second = rate;
    if (rate < card * kSame) gpu.narrowest = i;
  }
}

// What the card itself could take: of its own end alone, whatever it is plugged into.
double card_rate(const Machine& machine, const WiredDevice* device, std::string_view address) {
  double rate = 0;
  const auto count = [&rate](const facts::Reading<facts::PcieLink>& link) {
    if (link && link->max_width <= 32)
      rate = std::max(rate, lane_rate(link->max_generation) * link->max_width);
  };
  if (const facts::NvmlGpu* gpu = nvml_of(machine, address)) count(gpu->link);
  if (device != nullptr && !machine.hypervisor) count(device->link);
  return rate;
}

void find_near(TopologyGpu& gpu, const Machine& machine, const WiredDevice& device) {
  if (const auto node = node_of(machine.wiring, device)) {
    gpu.numa_node = *node;
    if (machine.wiring.nodes) {
      const auto row = std::ranges::find(*machine.wiring.nodes, *node, &facts::NumaNode::id);
      if (row != machine.wiring.nodes->end() && row->cpus) gpu.cpus = *row->cpus;
    }
  }
  if (gpu.cpus.empty() && device.local_cpus) gpu.cpus = *device.local_cpus;
  for (const WiredDevice& other : *machine.wiring.devices) {
    if (other.kind != WiredKind::network || machine.hypervisor) continue;
    const auto distance = distance_between(machine, device, other);
    if (!distance || (!gpu.nearest.empty() && *distance > gpu.nearest.front().distance)) continue;
    if (!gpu.nearest.empty() && *distance < gpu.nearest.front().distance) gpu.nearest.clear();
    gpu.nearest.push_back({.address = other.address,
                           .name = other.names.empty() ? other.address : other.names.front(),
                           .distance = *distance});
  }
}

std::vector<std::string> gpu_addresses(const Machine& machine) {
  std::vector<std::string> addresses;
  if (machine.wiring.devices) {
    for (const WiredDevice& device : *machine.wiring.devices) {
      if (device.kind == WiredKind::gpu) addresses.push_back(device.address);
    }
  }
  if (!machine.nvml) return addresses;
  for (const facts::NvmlGpu& gpu : machine.nvml->gpus) {
    if (!gpu.pci.empty() && std::ranges::find(addresses, gpu.pci) == addresses.end())
      addresses.push_back(gpu.pci);
  }
  return addresses;
}

std::vector<TopologyGpu> find_gpus(const Machine& machine) {
  std::vector<TopologyGpu> gpus;
  for (const std::string& address : gpu_addresses(machine)) {
    const facts::NvmlGpu* told = nvml_of(machine, address);
    const WiredDevice* device = wired(machine, address);
    TopologyGpu gpu{
        .index = machine.nvml ? (told == nullptr ? -1 : told->index) : static_cast<int>(gpus.size()),
        .address = address,
        .name = model_of(machine, address)};
    const WiredDevice bare{.kind = WiredKind::gpu, .address = address};
    gpu.hops = hops_of(machine, device == nullptr ? bare : *device);
    measure_way(gpu, card_rate(machine, device, address));
    if (device != nullptr) find_near(gpu, machine, *device);
    gpus.push_back(std::move(gpu));
  }
  std::ranges::stable_sort(gpus, [](const TopologyGpu& a, const TopologyGpu& b) {
    return static_cast<unsigned>(a.index) < static_cast<unsigned>(b.index);  // those without one last
  });
  return gpus;
}

std::vector<GpuPair> find_pairs(const Machine& machine, const std::vector<TopologyGpu>& gpus) {
  std::vector<GpuPair> pairs;
  for (std::size_t a = 0; a < gpus.size(); ++a) {
    for (std::size_t b = a + 1; b < gpus.size(); ++b) {
      GpuPair pair{.a = a, .b = b};
      const WiredDevice* one = wired(machine, gpus[a].address);
      const WiredDevice* other = wired(machine, gpus[b].address);
      if (one != nullptr && other != nullptr) pair.distance = distance_between(machine, *one, *other);
      pair.nvlinks = nvlinks_between(machine, gpus[a].address, gpus[b].address);
      pair.nvlinked = nvlinks_up(machine, gpus[a].address) && nvlinks_up(machine, gpus[b].address);
      if (const facts::NvmlGpu* gpu = nvml_of(machine, gpus[a].address)) {
        if (gpu->reads_from)
          pair.direct = std::ranges::find(*gpu->reads_from, gpus[b].address) != gpu->reads_from->end();
        else
          pair.direct = gpu->reads_from.error();
      }
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

void mark(std::vector<TreeNode>& tree, const std::vector<TopologyGpu>& gpus) {
  for (const TopologyGpu& gpu : gpus) {
    if (!gpu.narrowest) continue;
    const std::string& lower = gpu.hops[*gpu.narrowest].lower;
    for (TreeNode& node : tree) node.narrowest |= node.hop && node.hop->lower == lower;
  }
}

void say_of_bus(const Machine& machine, std::vector<std::string>& unseen) {
  const facts::Wiring& wiring = machine.wiring;
  if (!wiring.devices) {
    unseen.push_back("the PCI bus: " + wiring.devices.error().message());
    return;
  }
  if (machine.hypervisor)
    unseen.emplace_back(
        "switches, slots and the distances between devices: a virtual machine's PCI bus is made up and does "
        "not show the real one; the host would have to be asked");
  if (wiring.unclassed > 0)
    unseen.push_back(
        fmt::format("what {} of the functions on the bus are: their class could not be read, so "
                    "network cards and drives may be missing here",
                    wiring.unclassed));
  const auto lost = std::ranges::find_if(*wiring.devices, [](const WiredDevice& one) { return !one.way; });
  if (!machine.hypervisor && lost != wiring.devices->end())
    unseen.push_back("the bridges above some devices: " + lost->way.error().message());
  const bool chipset = std::ranges::any_of(*wiring.devices, [](const WiredDevice& one) {
    return one.way && !one.way->bridges.empty() && is_chipset(one.way->bridges.back(), true);
  });
  if (chipset && !machine.hypervisor)
    unseen.emplace_back(
        "the link between the chipset and the processor: it is no PCIe link and is not on "
        "the bus");
}

void say_of_nodes(const Machine& machine, std::vector<std::string>& unseen) {
  const facts::Wiring& wiring = machine.wiring;
  if (!wiring.nodes) {
    unseen.push_back("NUMA nodes: " + wiring.nodes.error().message());
    return;
  }
  for (const facts::NumaNode& node : *wiring.nodes) {
    if (node.cpus && (node.socket || node.cpus->empty())) continue;
    if (!node.cpus) {
      unseen.push_back(fmt::format("the CPUs of NUMA node {}: {}", node.id, node.cpus.error().message()));
      break;  // the others will say the same
    }
    unseen.push_back(fmt::format("the socket of NUMA node {}: {}", node.id, node.socket.error().message()));
    break;
  }
  const bool homeless = wiring.devices && std::ranges::any_of(*wiring.devices, [&](const WiredDevice& one) {
                          return !node_of(wiring, one);
                        });
  if (homeless)
    unseen.emplace_back("the NUMA node of some devices: the firmware did not say it to the kernel");
}

void say_of_pairs(const Machine& machine, const std::vector<GpuPair>& pairs,
                  std::vector<std::string>& unseen) {
  const auto add = [&unseen](std::string text) {
    if (std::ranges::find(unseen, text) == unseen.end()) unseen.push_back(std::move(text));
  };
  for (const GpuPair& pair : pairs) {
    if (!pair.nvlinks) add("NVLinks between GPUs: " + pair.nvlinks.error().message());
    if (!pair.direct && machine.nvml)
      add("which GPUs read each other's memory directly: " + pair.direct.error().message());
  }
}

}  // namespace

std::string_view distance_word(Distance distance) {
  constexpr std::array<std::string_view, 5> kWords{"PIX", "PXB", "PHB", "NODE", "SYS"};
  return kWords.at(static_cast<std::size_t>(distance));
}

std::string_view distance_meaning(Distance distance) {
  constexpr std::array<std::string_view, 5> kMeanings{
      "through one PCIe switch", "through several PCIe switches", "through one host bridge of the processor",
      "through several host bridges of one NUMA node", "through the link between NUMA nodes"};
  return kMeanings.at(static_cast<std::size_t>(distance));
}

std::string GpuPair::word() const {
  if (nvlinks && *nvlinks > 0) return fmt::format("NV{}", *nvlinks);
  if (!nvlinks && nvlinked) return "NV?";
  return distance ? std::string(distance_word(*distance)) : "?";
}

Topology topology(const Machine& machine) {
  Topology out;
  out.gpus = find_gpus(machine);
  out.pairs = find_pairs(machine, out.gpus);
  out.tree = draw_tree(machine, out.gpus);
  mark(out.tree, out.gpus);
  out.made_up = machine.hypervisor.has_value();
  out.nothing = !machine.wiring.devices && !machine.nvml;
  say_of_bus(machine, out.unseen);
  say_of_nodes(machine, out.unseen);
  say_of_pairs(machine, out.pairs, out.unseen);
  out.suggestion = suggest(out);
  return out;
}

}  // namespace bringup::diagnose
