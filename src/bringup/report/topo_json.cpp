// SPDX-License-Identifier: Apache-2.0
// The wiring of a machine for programs.
#include <bringup/report/document.hpp>
#include <bringup/report/report.hpp>

#include <array>

namespace bringup::report {
namespace {

using diagnose::Topology;
using diagnose::TreeNode;

ordered_json positive_or_null(double value) {
  return value > 0 ? ordered_json(value) : ordered_json(nullptr);
}

template <typename T>
ordered_json reading_or_null(const facts::Reading<T>& reading) {
  return reading ? ordered_json(*reading) : ordered_json(nullptr);
}

ordered_json hop_json(const diagnose::Hop& hop) {
  ordered_json json = {{"lower", hop.lower}, {"upper", text_or_null(hop.upper)}};
  const facts::PcieLink* link = hop.link ? &*hop.link : nullptr;
  const auto put = [&](const char* key, int facts::PcieLink::*member) {
    json[key] = link == nullptr ? ordered_json(nullptr) : ordered_json(link->*member);
  };
  put("generation", &facts::PcieLink::generation);
  put("max_generation", &facts::PcieLink::max_generation);
  put("width", &facts::PcieLink::width);
  put("max_width", &facts::PcieLink::max_width);
  json["bytes_per_second"] = positive_or_null(hop.bytes_per_second);
  json["lanes_lost"] = hop.lanes_lost;
  return json;
}

ordered_json tree_json(const TreeNode& node) {
  constexpr std::array<const char*, 6> kKinds{"numa", "switch", "gpu", "nvswitch", "network", "storage"};
  const bool numa = node.kind == TreeNode::Kind::numa;
  return {{"kind", kKinds.at(static_cast<std::size_t>(node.kind))},
          {"depth", node.depth},
          {"pci", text_or_null(node.address)},
          {"numa_node", numa ? value_or_null(node.id) : ordered_json(nullptr)},
          {"socket", value_or_null(node.socket)},
          {"cpus", text_or_null(node.cpus)},
          {"index", numa ? ordered_json(nullptr) : value_or_null(node.id)},
          {"name", text_or_null(node.name)},
          {"hop", node.hop ? hop_json(*node.hop) : ordered_json(nullptr)},
          {"chipset", node.chipset},
          {"narrowest", node.narrowest},
          {"gpus_below", node.gpus_below}};
}

ordered_json gpu_json(const diagnose::TopologyGpu& gpu) {
  ordered_json json = {{"index", gpu.index < 0 ? ordered_json(nullptr) : ordered_json(gpu.index)},
                       {"pci", gpu.address},
                       {"name", text_or_null(gpu.name)},
                       {"numa_node", value_or_null(gpu.numa_node)},
                       {"cpus", text_or_null(gpu.cpus)},
                       {"card_bytes_per_second", positive_or_null(gpu.card_bytes_per_second)},
                       {"host_bytes_per_second", positive_or_null(gpu.host_bytes_per_second)},
                       {"narrowest", value_or_null(gpu.narrowest)},
                       {"hops", ordered_json::array()},
                       {"network", ordered_json::array()}};
  for (const diagnose::Hop& hop : gpu.hops) json["hops"].push_back(hop_json(hop));
  for (const diagnose::Neighbour& one : gpu.nearest)
    json["network"].push_back(
        {{"pci", one.address}, {"name", one.name}, {"distance", diagnose::distance_word(one.distance)}});
  return json;
}

}  // namespace

std::string topo_json(const Topology& topology) {
  ordered_json json = {{"schema", "bringup.topo/1"},     {"made_up", topology.made_up},
                       {"tree", ordered_json::array()},  {"gpus", ordered_json::array()},
                       {"pairs", ordered_json::array()}, {"suggestion", nullptr},
                       {"unseen", topology.unseen}};
  for (const TreeNode& node : topology.tree) json["tree"].push_back(tree_json(node));
  for (const diagnose::TopologyGpu& gpu : topology.gpus) json["gpus"].push_back(gpu_json(gpu));
  for (const diagnose::GpuPair& pair : topology.pairs) {
    const std::string word = pair.word();
    json["pairs"].push_back(
        {{"a", topology.gpus[pair.a].address},
         {"b", topology.gpus[pair.b].address},
         {"word", word == "?" ? ordered_json(nullptr) : ordered_json(word)},
         {"distance",
          pair.distance ? ordered_json(diagnose::distance_word(*pair.distance)) : ordered_json(nullptr)},
         {"nvlinks", reading_or_null(pair.nvlinks)},
         {"direct", reading_or_null(pair.direct)}});
  }
  if (const auto& suggestion = topology.suggestion)
    json["suggestion"] = {{"order", suggestion->order},
                          {"any_order", suggestion->any_order},
                          {"groups", suggestion->groups},
                          {"last", suggestion->last},
                          {"reasons", suggestion->reasons}};
  return written(json);
}

}  // namespace bringup::report
