// SPDX-License-Identifier: Apache-2.0
// Distances, narrow hops and the order that follows, from wirings made as values.
#include <bringup/diagnose/topology.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace bringup;
using diagnose::Topology;
using facts::NvmlGpu;
using facts::PciBridge;
using facts::PcieLink;
using facts::WiredDevice;
using facts::WiredKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PcieLink pcie(int generation, int width) {
  return {.generation = generation, .max_generation = generation, .width = width, .max_width = width};
}

PciBridge port(const std::string& address, PcieLink link = pcie(4, 16), std::uint16_t vendor = 0x8086) {
  return {.address = address, .vendor = vendor, .device_id = 1, .class_code = 0x060400, .link = link};
}

WiredDevice device(WiredKind kind, const std::string& address, int node, const std::string& root,
                   std::vector<PciBridge> bridges) {
  return {.kind = kind,
          .address = address,
          .vendor = 0x10de,
          .device_id = 1,
          .class_code = 0x030000,
          .names = {},
          .link = pcie(4, 16),
          .numa_node = node,
          .local_cpus = std::string("0-7"),
          .way = facts::PciWay{.root = root, .bridges = std::move(bridges)}};
}

// A GPU with a root port of its own.
WiredDevice gpu(const std::string& address, int node = 0, const std::string& root = "pci0000:00") {
  return device(WiredKind::gpu, address, node, root, {port("port of " + address)});
}

// A GPU below a switch that has a root port of its own.
WiredDevice switched(WiredKind kind, const std::string& address, const std::string& upper, int node,
                     const std::string& root) {
  return device(kind, address, node, root, {port("above " + address), port(upper), port("port of " + upper)});
}

NvmlGpu nvml_gpu(int index, const std::string& address) {
  NvmlGpu out{.index = index, .pci = address, .name = "NVIDIA Card"};
  out.nvlinks_active = Error(Errc::unsupported, "NVML: Not Supported (3)");
  out.nvlink_peers = out.nvlinks_active.error();
  out.reads_from = std::vector<std::string>{};
  return out;
}

facts::Machine machine(std::vector<WiredDevice> devices, int nodes = 1) {
  facts::Machine out;
  out.pci_visible = true;
  std::vector<facts::NumaNode> rows;
  for (int id = 0; id < nodes; ++id)
    rows.push_back({.id = id, .cpus = std::to_string(id), .distances = std::vector{10}, .socket = id});
  out.wiring.nodes = std::move(rows);
  facts::NvmlSnapshot nvml;
  for (const WiredDevice& one : devices) {
    if (one.kind == WiredKind::gpu)
      nvml.gpus.push_back(nvml_gpu(static_cast<int>(nvml.gpus.size()), one.address));
  }
  out.nvml = std::move(nvml);
  out.wiring.devices = std::move(devices);
  return out;
}

void join(facts::Machine& machine, std::size_t a, std::size_t b, int links) {
  auto& gpus = machine.nvml->gpus;
  for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    if (!gpus[from].nvlink_peers) gpus[from].nvlink_peers = std::vector<facts::NvlinkPeer>{};
    gpus[from].nvlink_peers->push_back({.pci = gpus[to].pci, .kind = facts::NvlinkEnd::gpu, .links = links});
    gpus[from].nvlinks_active = gpus[from].nvlinks_active.value_or(0) + links;
  }
}

std::vector<std::string> words(const Topology& topology) {
  std::vector<std::string> out;
  for (const diagnose::GpuPair& pair : topology.pairs) out.push_back(pair.word());
  return out;
}

struct DistanceCase {
  const char* name;
  WiredDevice a, b;
  const char* word;
};

class DistanceOf : public testing::TestWithParam<DistanceCase> {};

TEST_P(DistanceOf, IsWhatBothWaysShare) {
  const DistanceCase& tested = GetParam();
  EXPECT_THAT(words(diagnose::topology(machine({tested.a, tested.b}, 2))), ElementsAre(tested.word));
}

WiredDevice unplaced(const std::string& address, const std::string& root) {
  WiredDevice out = gpu(address, -1, root);
  return out;
}

WiredDevice deep(const std::string& address, const std::string& inner) {
  return device(WiredKind::gpu, address, 0, "r0",
                {port("above " + address), port(inner), port("above " + inner), port("outer"), port("rp")});
}

INSTANTIATE_TEST_SUITE_P(
    Pairs, DistanceOf,
    testing::Values(DistanceCase{"same_switch", switched(WiredKind::gpu, "a", "s", 0, "r0"),
                                 switched(WiredKind::gpu, "b", "s", 0, "r0"), "PIX"},
                    DistanceCase{"switches_of_a_switch", deep("a", "s"), deep("b", "t"), "PXB"},
                    DistanceCase{"one_host_bridge", gpu("a", 0, "r0"), gpu("b", 0, "r0"), "PHB"},
                    DistanceCase{"two_host_bridges", gpu("a", 0, "r0"), gpu("b", 0, "r1"), "NODE"},
                    DistanceCase{"two_nodes", gpu("a", 0, "r0"), gpu("b", 1, "r1"), "SYS"},
                    DistanceCase{"node_not_said", unplaced("a", "r0"), unplaced("b", "r1"), "?"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(TopologyPairs, CountLinksBetweenTheTwoAndNotThoseToOthers) {
  facts::Machine four = machine({gpu("a"), gpu("b"), gpu("c"), gpu("d")});
  join(four, 0, 2, 4);
  join(four, 1, 3, 4);
  EXPECT_THAT(words(diagnose::topology(four)), ElementsAre("PHB", "NV4", "PHB", "PHB", "NV4", "PHB"));
}

TEST(TopologyPairs, ReachThroughSwitchesOverTheLinksOfTheOneThatHasFewer) {
  facts::Machine three = machine({gpu("a"), gpu("b"), gpu("c")});
  for (auto& one : three.nvml->gpus) {
    one.nvlinks_active = one.index == 2 ? 16 : 18;
    one.nvlink_peers = std::vector{
        facts::NvlinkPeer{.pci = "s", .kind = facts::NvlinkEnd::nvswitch, .links = *one.nvlinks_active}};
  }
  EXPECT_THAT(words(diagnose::topology(three)), ElementsAre("NV18", "NV16", "NV16"));
}

TEST(TopologyPairs, LinksThatLeadNobodyKnowsWhereAreNotNone) {
  facts::Machine three = machine({gpu("a"), gpu("b"), gpu("c")});
  for (auto& one : three.nvml->gpus) {
    one.nvlinks_active = 12;
    one.nvlink_peers = Error(Errc::absent, "not recorded");
  }
  Topology topology = diagnose::topology(three);
  EXPECT_THAT(words(topology), ElementsAre("NV?", "NV?", "NV?"));
  EXPECT_FALSE(topology.suggestion);
  EXPECT_THAT(topology.unseen, testing::Contains(HasSubstr("where they lead")));
  three.nvml->gpus.pop_back();
  three.wiring.devices->pop_back();
  topology = diagnose::topology(three);
  EXPECT_THAT(words(topology), ElementsAre("NV12")) << "of two there is nobody else to lead to";
}

TEST(TopologyPairs, ADriverThatIsNotThereLeavesTheDistanceOfTheBus) {
  facts::Machine two = machine({gpu("a"), gpu("b", 0, "pci0000:40")});
  two.nvml = Error(Errc::absent, "libnvidia-ml.so.1: not found");
  const Topology topology = diagnose::topology(two);
  EXPECT_THAT(words(topology), ElementsAre("NODE"));
  EXPECT_EQ(topology.gpus[1].index, 1);
  EXPECT_THAT(topology.unseen, ElementsAre(HasSubstr("libnvidia-ml.so.1: not found")));
}

TEST(TopologyHops, CarryTheLesserOfTheirEndsOnTheLanesThatRun) {
  WiredDevice card =
      device(WiredKind::gpu, "card", 0, "r0",
             {port("lower", pcie(5, 16)), port("upper", {2, 3, 8, 16}), port("root", pcie(3, 8))});
  card.link = PcieLink{.generation = 1, .max_generation = 4, .width = 16, .max_width = 16};
  const Topology topology = diagnose::topology(machine({card}));
  const diagnose::TopologyGpu& only = topology.gpus.at(0);
  ASSERT_EQ(only.hops.size(), 2U);
  EXPECT_EQ(only.hops[0].upper, "lower");
  ASSERT_TRUE(only.hops[0].link);
  EXPECT_EQ(only.hops[0].link->max_generation, 4) << "the port can 5, the card cannot";
  EXPECT_NEAR(only.hops[0].bytes_per_second, 31.5e9, 0.1e9) << "an idle card's generation does not count";
  EXPECT_EQ(only.hops[1].lower, "upper");
  EXPECT_EQ(only.hops[1].upper, "root");
  EXPECT_NEAR(only.hops[1].bytes_per_second, 4.0e9, 0.1e9) << "a switch runs at what it runs at";
  EXPECT_FALSE(only.hops[1].lanes_lost) << "the root port has no more than eight";
  EXPECT_EQ(only.narrowest, std::optional<std::size_t>(1));
  EXPECT_NEAR(only.host_bytes_per_second, 4.0e9, 0.1e9);
  ASSERT_EQ(topology.tree.size(), 3U);
  EXPECT_EQ(topology.tree[1].address, "upper");
  EXPECT_TRUE(topology.tree[1].narrowest);
  EXPECT_FALSE(topology.tree[2].narrowest);
}

TEST(TopologyHops, AreNotMarkedWhereTheCardCanNoMore) {
  WiredDevice card = gpu("card");
  card.link = pcie(3, 8);
  const Topology topology = diagnose::topology(machine({card}));
  EXPECT_FALSE(topology.gpus.at(0).narrowest);
  EXPECT_NEAR(topology.gpus.at(0).host_bytes_per_second, 7.9e9, 0.1e9);
}

TEST(TopologyHops, TellLostLanesFromLanesThatThereAreNot) {
  WiredDevice lost = gpu("lost");
  lost.link = PcieLink{.generation = 4, .max_generation = 4, .width = 8, .max_width = 16};
  WiredDevice small = gpu("small");
  small.link = lost.link;
  small.way->bridges[0].link = PcieLink{.generation = 4, .max_generation = 4, .width = 8, .max_width = 8};
  const Topology topology = diagnose::topology(machine({lost, small}));
  EXPECT_TRUE(topology.gpus.at(0).hops.at(0).lanes_lost);
  EXPECT_FALSE(topology.gpus.at(1).hops.at(0).lanes_lost);
  EXPECT_EQ(topology.gpus.at(1).narrowest, std::optional<std::size_t>(0));
}

TEST(TopologyHops, WithoutAWidthAreNotKnownAndNotZero) {
  WiredDevice card = gpu("card");
  card.link = PcieLink{.generation = 0, .max_generation = 4, .width = 255, .max_width = 255};
  card.way->bridges[0].link = Error(Errc::absent, "no such file");
  const Topology topology = diagnose::topology(machine({card}));
  ASSERT_EQ(topology.gpus.at(0).hops.size(), 1U);
  EXPECT_FALSE(topology.gpus.at(0).hops[0].link);
  EXPECT_FALSE(topology.gpus.at(0).narrowest);
  EXPECT_EQ(topology.gpus.at(0).host_bytes_per_second, 0);
}

TEST(TopologyHops, OfAVirtualMachineAreTheCardsOwnWord) {
  facts::Machine guest =
      machine({switched(WiredKind::gpu, "a", "s", -1, "r0"), switched(WiredKind::gpu, "b", "s", -1, "r0")});
  guest.hypervisor = "qemu";
  guest.nvml->gpus[0].link = pcie(5, 16);
  const Topology topology = diagnose::topology(guest);
  EXPECT_TRUE(topology.made_up);
  EXPECT_THAT(words(topology), ElementsAre("?"));
  ASSERT_EQ(topology.gpus.at(0).hops.size(), 1U);
  EXPECT_NEAR(topology.gpus.at(0).host_bytes_per_second, 63.0e9, 0.1e9);
  EXPECT_THAT(topology.gpus.at(1).hops, IsEmpty());
  EXPECT_EQ(topology.tree.size(), 3U) << "no switch is drawn";
  EXPECT_FALSE(topology.suggestion);
}

TEST(TopologyOrder, PutsThoseJoinedByNvlinkNextToEachOther) {
  facts::Machine four = machine({gpu("a"), gpu("b"), gpu("c"), gpu("d")});
  join(four, 0, 2, 4);
  join(four, 1, 3, 4);
  const auto suggestion = diagnose::topology(four).suggestion;
  ASSERT_TRUE(suggestion);
  EXPECT_THAT(suggestion->order, ElementsAre(0, 2, 1, 3));
  EXPECT_FALSE(suggestion->any_order);
  EXPECT_THAT(suggestion->groups, ElementsAre(ElementsAre(0, 2), ElementsAre(1, 3)));
  EXPECT_THAT(suggestion->reasons.front(), HasSubstr("2 NV4, 2 PHB"));
  EXPECT_THAT(suggestion->reasons.front(), HasSubstr("(0,1,2,3) it would take 4 PHB"));
}

TEST(TopologyOrder, CrossesBetweenNodesAsSeldomAsPossible) {
  const auto suggestion =
      diagnose::topology(machine({gpu("a", 0, "r0"), gpu("b", 1, "r1"), gpu("c", 0, "r2"), gpu("d", 1, "r3"),
                                  gpu("e", 0, "r4"), gpu("f", 1, "r5")},
                                 2))
          .suggestion;
  ASSERT_TRUE(suggestion);
  EXPECT_THAT(suggestion->order, ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_THAT(suggestion->reasons.front(), HasSubstr("4 NODE, 2 SYS"));
}

// More GPUs than all rings of which can be tried.
TEST(TopologyOrder, CrossesTwiceWithTwelveGpusToo) {
  std::vector<WiredDevice> cards;
  for (int i = 0; i < 12; ++i)
    cards.push_back(gpu(std::string(1, static_cast<char>('a' + i)), i % 2, "r" + std::to_string(i)));
  const auto suggestion = diagnose::topology(machine(cards, 2)).suggestion;
  ASSERT_TRUE(suggestion);
  int crossings = 0;
  for (std::size_t i = 0; i < 12; ++i)
    crossings += suggestion->order[i] % 2 != suggestion->order[(i + 1) % 12] % 2 ? 1 : 0;
  EXPECT_EQ(crossings, 2);
  std::vector<int> sorted = suggestion->order;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(TopologyOrder, LeavesTheNarrowOneLastAndSaysWhy) {
  WiredDevice narrow = gpu("b");
  narrow.link = pcie(3, 4);
  const auto suggestion = diagnose::topology(machine({gpu("a"), narrow, gpu("c"), gpu("d")})).suggestion;
  ASSERT_TRUE(suggestion);
  EXPECT_THAT(suggestion->order, ElementsAre(0, 2, 3, 1));
  EXPECT_THAT(suggestion->last, ElementsAre(1));
  EXPECT_FALSE(suggestion->any_order);
  EXPECT_THAT(suggestion->reasons,
              testing::Contains(AllOf(HasSubstr("GPU 1 comes last"), HasSubstr("3.9 GB/s"),
                                      HasSubstr("31.5 GB/s"), HasSubstr("CUDA_VISIBLE_DEVICES=0,2,3"))));
}

TEST(TopologyOrder, IsAnyWhereAllAreEqual) {
  const auto suggestion = diagnose::topology(machine({gpu("a"), gpu("b"), gpu("c"), gpu("d")})).suggestion;
  ASSERT_TRUE(suggestion);
  EXPECT_TRUE(suggestion->any_order);
  EXPECT_THAT(suggestion->order, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(suggestion->groups, IsEmpty());
  EXPECT_THAT(suggestion->reasons.front(), HasSubstr("every two of them are joined by PHB"));
}

TEST(TopologyOrder, IsNotGivenForOneGpuOrNone) {
  EXPECT_FALSE(diagnose::topology(machine({gpu("a")})).suggestion);
  EXPECT_FALSE(diagnose::topology(machine({})).suggestion);
}

TEST(TopologyOrder, LeavesOutWhatCudaWillNotShow) {
  facts::Machine three = machine({gpu("a"), gpu("b"), gpu("c")});
  three.nvml->gpus.erase(three.nvml->gpus.begin());
  for (auto& one : three.nvml->gpus) --one.index;
  const Topology topology = diagnose::topology(three);
  ASSERT_EQ(topology.gpus.size(), 3U);
  EXPECT_EQ(topology.gpus.back().address, "a");
  EXPECT_EQ(topology.gpus.back().index, -1);
  ASSERT_TRUE(topology.suggestion);
  EXPECT_THAT(topology.suggestion->order, ElementsAre(0, 1));
}

TEST(TopologyOrder, SaysWhenNoGpuReadsAnothersMemory) {
  facts::Machine two = machine({gpu("a"), gpu("b")});
  const auto says = [&two] {
    const auto suggestion = diagnose::topology(two).suggestion;
    return suggestion && std::ranges::any_of(suggestion->reasons, [](const std::string& reason) {
             return reason.find("directly") != std::string::npos;
           });
  };
  EXPECT_TRUE(says());
  two.nvml->gpus[0].reads_from = std::vector<std::string>{"b"};
  EXPECT_FALSE(says());
  two.nvml->gpus[0].reads_from = Error(Errc::absent, "not recorded");
  EXPECT_FALSE(says()) << "not asked is not no";
}

TEST(TopologyNear, NamesTheNetworkCardsOfTheSameSwitchAndNoOthers) {
  WiredDevice card = switched(WiredKind::network, "n1", "s", 0, "r0");
  card.names = {"mlx5_0"};
  const Topology topology = diagnose::topology(machine(
      {switched(WiredKind::gpu, "a", "s", 0, "r0"), card, device(WiredKind::network, "n2", 1, "r1", {})}, 2));
  ASSERT_EQ(topology.gpus.at(0).nearest.size(), 1U);
  EXPECT_EQ(topology.gpus.at(0).nearest[0].name, "mlx5_0");
  EXPECT_EQ(topology.gpus.at(0).nearest[0].distance, diagnose::Distance::pix);
  EXPECT_EQ(topology.gpus.at(0).numa_node, std::optional<int>(0));
}

TEST(TopologyChipset, IsToldOfBothMakers) {
  const PciBridge intel = port("0000:00:1c.0", pcie(3, 4), 0x8086);
  Topology topology = diagnose::topology(machine({device(WiredKind::gpu, "a", 0, "r0", {intel})}));
  EXPECT_TRUE(topology.tree.back().chipset);
  EXPECT_THAT(topology.unseen, testing::Contains(HasSubstr("between the chipset and the processor")));
  const PciBridge slot = port("0000:00:01.0", pcie(3, 4), 0x8086);
  topology = diagnose::topology(machine({device(WiredKind::gpu, "a", 0, "r0", {slot})}));
  EXPECT_FALSE(topology.tree.back().chipset);
  const auto amd = [](const char* address) { return port(address, pcie(4, 8), 0x1022); };
  topology = diagnose::topology(
      machine({device(WiredKind::gpu, "a", 0, "r0", {amd("lower"), amd("upper"), amd("root")})}));
  EXPECT_TRUE(topology.tree.at(1).chipset);
  EXPECT_TRUE(topology.tree.back().chipset);
  topology = diagnose::topology(machine({device(WiredKind::gpu, "a", 0, "r0", {amd("root")})}));
  EXPECT_FALSE(topology.tree.back().chipset);
}

TEST(TopologyUnseen, SaysSoWhereNothingCouldBeLookedAt) {
  facts::Machine nobody;
  nobody.wiring.devices = Error(Errc::denied, "/sys/bus/pci/devices: Permission denied");
  nobody.nvml = Error(Errc::absent, "no NVML");
  const Topology topology = diagnose::topology(nobody);
  EXPECT_TRUE(topology.nothing);
  EXPECT_THAT(topology.unseen, testing::Contains(HasSubstr("Permission denied")));
  EXPECT_FALSE(diagnose::topology(machine({})).nothing) << "a bus without GPUs was looked at";
}

TEST(TopologyUnseen, GpusThatOnlyNvmlShowsAreDrawnAllTheSame) {
  facts::Machine hidden = machine({});
  hidden.wiring.devices = Error(Errc::absent, "/sys/bus/pci/devices: No such file or directory");
  hidden.nvml->gpus = {nvml_gpu(0, "a"), nvml_gpu(1, "b")};
  join(hidden, 0, 1, 18);
  const Topology topology = diagnose::topology(hidden);
  EXPECT_EQ(topology.gpus.size(), 2U);
  EXPECT_EQ(std::ranges::count(topology.tree, diagnose::TreeNode::Kind::gpu, &diagnose::TreeNode::kind), 2);
  EXPECT_THAT(words(topology), ElementsAre("NV18"));
  EXPECT_FALSE(topology.nothing);
}

}  // namespace
