// SPDX-License-Identifier: Apache-2.0
// The drawing: its lines, what stands in them, and that text from outside steers nothing.
#include <bringup/base/text.hpp>
#include <bringup/report/report.hpp>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace {

using namespace bringup;
using diagnose::TreeNode;
using testing::HasSubstr;
using testing::Not;

TreeNode line(TreeNode::Kind kind, int depth, const std::string& address) {
  TreeNode node;
  node.kind = kind;
  node.depth = depth;
  node.address = address;
  return node;
}

diagnose::Topology two_branches() {
  diagnose::Topology out;
  out.tree = {line(TreeNode::Kind::numa, 0, ""), line(TreeNode::Kind::pcie_switch, 1, "0000:11:00.0"),
              line(TreeNode::Kind::gpu, 2, "0000:13:00.0"), line(TreeNode::Kind::network, 2, "0000:14:00.0"),
              line(TreeNode::Kind::storage, 1, "0000:20:00.0")};
  out.tree[0].id = 0;
  return out;
}

TEST(TopoText, DrawsEachLineBelowItsParent) {
  EXPECT_THAT(report::topo_text(two_branches(), {}), HasSubstr("NUMA node 0\n"
                                                               "├─ switch"));
  const std::string page = report::topo_text(two_branches(), {.columns = 80, .colour = false, .ascii = true});
  EXPECT_THAT(page, HasSubstr("\n|- switch"));
  EXPECT_THAT(page, HasSubstr("\n|  |- GPU"));
  EXPECT_THAT(page, HasSubstr("\n|  `- network"));
  EXPECT_THAT(page, HasSubstr("\n`- drive"));
}

TEST(TopoText, ShowsAGpusLinkAsItsEndsCanAndSaysWhatAnIdleOneRunsAt) {
  diagnose::Topology topology = two_branches();
  topology.tree[2].hop = diagnose::Hop{
      .lower = "0000:13:00.0",
      .upper = "0000:12:00.0",
      .link = facts::PcieLink{.generation = 1, .max_generation = 4, .width = 16, .max_width = 16},
      .bytes_per_second = 31.5e9};
  const std::string page = report::topo_text(topology, {});
  EXPECT_THAT(page, HasSubstr("gen4 x16  31.5 GB/s  now gen1\n"));
  topology.tree[2].narrowest = true;
  EXPECT_THAT(report::topo_text(topology, {}), HasSubstr("31.5 GB/s  ◄ narrowest"));
}

TEST(TopoText, KeepsTheMatrixWithinTheWidthHoweverManyGpusThereAre) {
  diagnose::Topology topology;
  for (int i = 0; i < 16; ++i) {
    topology.gpus.push_back({.index = i, .address = "a", .name = "b"});
    for (std::size_t a = 0; a + 1 < topology.gpus.size(); ++a)
      topology.pairs.push_back({.a = a, .b = topology.gpus.size() - 1, .distance = diagnose::Distance::node});
  }
  const std::string page = report::topo_text(topology, {});
  std::size_t rows = 0;
  for (const std::string_view one : base::lines(page)) {
    EXPECT_LE(base::display_width(one), 80U) << one;
    rows += one.starts_with("  GPU ") ? 1 : 0;
  }
  EXPECT_EQ(rows, 32U) << "sixteen columns take two tables of sixteen lines";
}

TEST(TopoText, SaysWhereNothingIsSuggestedAndWhatWasNotSeen) {
  diagnose::Topology topology;
  topology.gpus = {{.index = 0, .address = "a"}, {.index = 1, .address = "b"}};
  topology.pairs = {{.a = 0, .b = 1}};
  topology.unseen = {"the PCI bus: no permission"};
  const std::string page = report::topo_text(topology, {});
  EXPECT_THAT(page, HasSubstr("None: how the GPUs are joined is not known."));
  EXPECT_THAT(page, HasSubstr("Could not be seen\n  the PCI bus: no permission\n"));
}

TEST(TopoText, DoesNotCountNoGpusWhereNobodyCouldLook) {
  diagnose::Topology topology;
  EXPECT_THAT(report::topo_text(topology, {}), HasSubstr("0 GPUs"));
  topology.nothing = true;
  EXPECT_THAT(report::topo_text(topology, {}), Not(HasSubstr("0 GPUs")));
}

TEST(TopoText, IsNotSteeredByNamesFromOutside) {
  diagnose::Topology topology = two_branches();
  const std::string hostile = "\x1b[2Jname\nNUMA node 7";
  for (TreeNode& node : topology.tree) {
    node.name = hostile;
    node.cpus = hostile;
  }
  topology.gpus = {{.index = 0, .address = hostile, .name = hostile}};
  topology.gpus[0].nearest = {{.address = hostile, .name = hostile}};
  topology.unseen = {hostile};
  const std::string page = report::topo_text(topology, {});
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, Not(HasSubstr("\nNUMA node 7")));
  EXPECT_THAT(report::topo_json(topology), Not(HasSubstr("\x1b")));
}

TEST(TopoJson, WritesNullForWhatIsNotKnown) {
  diagnose::Topology topology = two_branches();
  topology.gpus = {{.index = -1, .address = "0000:13:00.0"}, {.index = 0, .address = "0000:14:00.0"}};
  topology.pairs = {{.a = 0, .b = 1}};
  const auto json = nlohmann::json::parse(report::topo_json(topology));
  EXPECT_TRUE(json["gpus"][0]["index"].is_null());
  EXPECT_TRUE(json["gpus"][0]["host_bytes_per_second"].is_null());
  EXPECT_EQ(json["gpus"][1]["index"], 0);
  EXPECT_EQ(json["pairs"][0]["a"], "0000:13:00.0");
  for (const char* key : {"word", "distance", "nvlinks", "direct"})
    EXPECT_TRUE(json["pairs"][0][key].is_null()) << key;
  EXPECT_TRUE(json["suggestion"].is_null());
  EXPECT_EQ(json["tree"][0]["numa_node"], 0);
  EXPECT_TRUE(json["tree"][1]["hop"].is_null());
}

}  // namespace
