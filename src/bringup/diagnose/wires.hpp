// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parts of topology(): links, distances, and the order that follows from them.

#include <bringup/diagnose/topology.hpp>

namespace bringup::diagnose {

// wires.cpp
// The number of the node that the device lies on; a machine with one node has all devices there.
std::optional<int> node_of(const facts::Wiring& wiring, const facts::WiredDevice& device);
// From the device up to its processor. Of a virtual machine's bus only the card's own end counts.
std::vector<Hop> hops_of(const facts::Machine& machine, const facts::WiredDevice& device);
// Whether a port or a switch is the chipset's.
bool is_chipset(const facts::PciBridge& bridge, bool root_port);
facts::Reading<Distance> distance_between(const facts::Machine& machine, const facts::WiredDevice& a,
                                          const facts::WiredDevice& b);
const facts::NvmlGpu* nvml_of(const facts::Machine& machine, std::string_view address);
facts::Reading<int> nvlinks_between(const facts::Machine& machine, std::string_view a, std::string_view b);
bool nvlinks_up(const facts::Machine& machine, std::string_view address);

// topology_tree.cpp: the drawing, without the marks
std::vector<TreeNode> draw_tree(const facts::Machine& machine, const std::vector<TopologyGpu>& gpus);

// topology_order.cpp
std::optional<Suggestion> suggest(const Topology& topology);

}  // namespace bringup::diagnose
