// SPDX-License-Identifier: Apache-2.0
// The tree that is drawn: NUMA nodes, switches below them, devices below those.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/wires.hpp>

#include <algorithm>
#include <deque>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::WiredDevice;
using facts::WiredKind;

struct Branch {
  TreeNode node;
  std::deque<Branch> children;  // a deque: what it holds stays where it is
};

TreeNode::Kind kind_of(WiredKind kind) {
  switch (kind) {
    case WiredKind::gpu:
      return TreeNode::Kind::gpu;
    case WiredKind::nvswitch:
      return TreeNode::Kind::nvswitch;
    case WiredKind::network:
      return TreeNode::Kind::network;
    case WiredKind::storage:
      return TreeNode::Kind::storage;
  }
  return TreeNode::Kind::storage;
}

TreeNode node_line(const Machine& machine, std::optional<int> id) {
  TreeNode line{.kind = TreeNode::Kind::numa, .id = id};
  if (!machine.wiring.nodes || !id) return line;
  const auto node = std::ranges::find(*machine.wiring.nodes, *id, &facts::NumaNode::id);
  if (node == machine.wiring.nodes->end()) return line;
  if (node->cpus) line.cpus = *node->cpus;
  if (node->socket) line.socket = *node->socket;
  return line;
}

Branch& child(std::deque<Branch>& children, const TreeNode& node) {
  const auto same = std::ranges::find_if(children, [&node](const Branch& one) {
    return one.node.address == node.address && one.node.id == node.id;
  });
  if (same != children.end()) return *same;
  children.push_back({.node = node, .children = {}});
  return children.back();
}

TreeNode device_line(const WiredDevice& device, const std::vector<TopologyGpu>& gpus) {
  TreeNode line{.kind = kind_of(device.kind), .address = device.address, .vendor = device.vendor};
  line.name = base::join(device.names, " ");
  const auto gpu = std::ranges::find(gpus, device.address, &TopologyGpu::address);
  if (gpu == gpus.end()) return line;
  if (gpu->index >= 0) line.id = gpu->index;
  line.name = gpu->name;
  return line;
}

void hang(Branch& node, const Machine& machine, const WiredDevice& device,
          const std::vector<TopologyGpu>& gpus) {
  const std::vector<Hop> hops = hops_of(machine, device);
  Branch* above = &node;
  const bool seen = !machine.hypervisor && device.way && !device.way->bridges.empty();
  const bool chipset_port = seen && is_chipset(device.way->bridges.back(), true);
  for (std::size_t i = hops.size(); seen && i-- > 1;) {
    const facts::PciBridge& bridge = device.way->bridges[2 * i - 1];
    TreeNode line{.kind = TreeNode::Kind::pcie_switch, .address = bridge.address, .vendor = bridge.vendor};
    line.hop = hops[i];
    line.chipset = is_chipset(bridge, false) || (chipset_port && above == &node);
    above = &child(above->children, line);
    above->node.gpus_below += device.kind == WiredKind::gpu ? 1 : 0;
  }
  TreeNode line = device_line(device, gpus);
  if (!hops.empty()) line.hop = hops.front();
  line.chipset = above->node.chipset || (chipset_port && above == &node);
  child(above->children, line);
}

void flatten(const std::deque<Branch>& branches, int depth, std::vector<TreeNode>& out) {
  for (const Branch& branch : branches) {
    out.push_back(branch.node);
    out.back().depth = depth;
    flatten(branch.children, depth + 1, out);
  }
}

}  // namespace

std::vector<TreeNode> draw_tree(const Machine& machine, const std::vector<TopologyGpu>& gpus) {
  std::deque<Branch> roots;
  if (machine.wiring.nodes) {
    for (const facts::NumaNode& node : *machine.wiring.nodes) {
      if (!node.cpus || !node.cpus->empty()) child(roots, node_line(machine, node.id));
    }
  }
  if (machine.wiring.devices) {
    for (const WiredDevice& device : *machine.wiring.devices)
      hang(child(roots, node_line(machine, node_of(machine.wiring, device))), machine, device, gpus);
  }
  // What only NVML shows hangs below no node that is known.
  for (const TopologyGpu& gpu : gpus) {
    const bool drawn = machine.wiring.devices &&
                       std::ranges::any_of(*machine.wiring.devices,
                                           [&](const auto& one) { return one.address == gpu.address; });
    if (drawn) continue;
    TreeNode line{.kind = TreeNode::Kind::gpu, .address = gpu.address, .id = gpu.index};
    line.name = gpu.name;
    if (!gpu.hops.empty()) line.hop = gpu.hops.front();
    child(child(roots, node_line(machine, std::nullopt)).children, line);
  }
  std::vector<TreeNode> tree;
  flatten(roots, 0, tree);
  return tree;
}

}  // namespace bringup::diagnose
