// SPDX-License-Identifier: Apache-2.0
// Whole shapes, from the files of sysfs to the page that a person reads. The pages are in topo/.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/report/report.hpp>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "../probe/tree.hpp"
#include <algorithm>
#include <support/golden.hpp>
#include <support/wired_shapes.hpp>

namespace {

using namespace bringup;
using testing_support::Sysfs;

facts::NvmlGpu nvml_gpu(int index, const facts::WiredDevice& device, bool nvlink) {
  facts::NvmlGpu out{.index = index, .pci = device.address, .name = "NVIDIA Card", .link = device.link};
  out.reads_from = std::vector<std::string>{};
  out.nvlinks_active = 18;
  out.nvlink_peers =
      std::vector{facts::NvlinkPeer{.pci = "0000:73:00.0", .kind = facts::NvlinkEnd::nvswitch, .links = 18}};
  if (nvlink) return out;
  out.nvlinks_active = Error(Errc::unsupported, "NVML: Not Supported (3)");
  out.nvlink_peers = out.nvlinks_active.error();
  return out;
}

struct Shape {
  const char* name;
  const char* model;
  void (*write)(Sysfs&);
  bool nvlink;
  bool nvml;
  const char* hypervisor;
};

facts::Machine machine_of(const Shape& shape) {
  const testing_support::Tree tree;
  Sysfs sysfs(tree.root());
  shape.write(sysfs);
  facts::Machine machine;
  machine.wiring = probe::read_wiring(tree.view());
  auto pci = probe::read_pci(tree.view(), [&shape](auto, auto, auto) {
    return probe::GpuName{.name = shape.model, .architecture = "", .compute_capability = ""};
  });
  EXPECT_TRUE(pci);
  machine.pci = std::move(pci).take();
  machine.pci_visible = true;
  if (*shape.hypervisor != '\0') machine.hypervisor = shape.hypervisor;
  machine.nvml = Error(Errc::absent, "libnvidia-ml.so.1: not found");
  if (!shape.nvml) return machine;
  facts::NvmlSnapshot nvml;
  for (const facts::WiredDevice& device : *machine.wiring.devices) {
    if (device.kind == facts::WiredKind::gpu)
      nvml.gpus.push_back(nvml_gpu(static_cast<int>(nvml.gpus.size()), device, shape.nvlink));
  }
  for (facts::NvmlGpu& gpu : nvml.gpus) {
    for (const facts::NvmlGpu& other : nvml.gpus) {
      if (shape.nvlink && &other != &gpu) gpu.reads_from->push_back(other.pci);
    }
  }
  machine.nvml = std::move(nvml);
  return machine;
}

class TopoPage : public testing::TestWithParam<Shape> {
 protected:
  static std::filesystem::path golden(const std::string& name) {
    return std::filesystem::path(BRINGUP_SOURCE_DIR) / "tests/unit/cli/topo" / name;
  }
};

TEST_P(TopoPage, IsTheOneThatWasRead) {
  const std::string page = report::topo_text(diagnose::topology(machine_of(GetParam())), {.columns = 80});
  for (const std::string_view line : base::lines(page)) EXPECT_LE(base::display_width(line), 80U) << line;
  testing_support::expect_golden(golden(std::string(GetParam().name) + ".txt"), page);
}

TEST_P(TopoPage, SaysTheSameToPrograms) {
  const auto topology = diagnose::topology(machine_of(GetParam()));
  const auto json = nlohmann::json::parse(report::topo_json(topology), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json.value("schema", ""), "bringup.topo/1");
  EXPECT_EQ(json["tree"].size(), topology.tree.size());
  ASSERT_EQ(json["gpus"].size(), topology.gpus.size());
  EXPECT_EQ(json["pairs"].size(), topology.gpus.size() * (topology.gpus.size() - 1) / 2);
  for (std::size_t i = 0; i < topology.gpus.size(); ++i) {
    EXPECT_EQ(json["gpus"][i]["pci"], topology.gpus[i].address);
    EXPECT_EQ(json["gpus"][i]["narrowest"].is_null(), !topology.gpus[i].narrowest);
    EXPECT_EQ(json["gpus"][i]["hops"].size(), topology.gpus[i].hops.size());
  }
  EXPECT_EQ(json["suggestion"].is_null(), !topology.suggestion);
  if (topology.suggestion) {
    EXPECT_EQ(json["suggestion"]["order"].get<std::vector<int>>(), topology.suggestion->order);
  }
}

TEST_P(TopoPage, FitsAnyWidthAndCanBeDrawnInAscii) {
  const auto topology = diagnose::topology(machine_of(GetParam()));
  for (const std::size_t columns : {40U, 60U, 120U}) {
    const std::string page =
        report::topo_text(topology, {.columns = columns, .colour = false, .ascii = true});
    for (const std::string_view line : base::lines(page)) {
      EXPECT_LE(base::display_width(line), columns) << line;
      const bool drawn =
          std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) == 0xE2; });
      EXPECT_TRUE(!drawn || base::contains(line, "…")) << line;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, TopoPage,
    testing::Values(
        Shape{"hgx_h100", "H100 80GB HBM3", testing_support::write_hgx, true, true, ""},
        Shape{"hgx_without_driver", "H100 80GB HBM3", testing_support::write_hgx, true, false, ""},
        Shape{"rig_rtx3090", "GeForce RTX 3090", testing_support::write_rig, false, true, ""},
        Shape{"laptop", "GeForce RTX 4060 Max-Q", testing_support::write_laptop, false, true, ""},
        Shape{"guest", "H100 80GB HBM3", testing_support::write_guest, true, true, "qemu"},
        Shape{"guest_without_driver", "H100 80GB HBM3", testing_support::write_guest, true, false, "qemu"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(TopoShapes, TheCardBehindTheChipsetIsTheNarrowestAndComesLast) {
  const auto topology = diagnose::topology(
      machine_of({"rig", "GeForce RTX 3090", testing_support::write_rig, false, true, ""}));
  const auto card = std::ranges::find(topology.tree, "0000:05:00.0", &diagnose::TreeNode::address);
  ASSERT_NE(card, topology.tree.end());
  EXPECT_TRUE(card->narrowest);
  EXPECT_TRUE(card->chipset);
  EXPECT_EQ(std::ranges::count(topology.tree, true, &diagnose::TreeNode::narrowest), 1);
  ASSERT_TRUE(topology.suggestion);
  EXPECT_EQ(topology.suggestion->order.back(), *card->id);
  EXPECT_EQ(topology.suggestion->last, std::vector{*card->id});
}

TEST(TopoShapes, WithoutNvlinkTheSwitchesSayWhoBelongsTogether) {
  const auto topology =
      diagnose::topology(machine_of({"hgx", "H100 PCIe", testing_support::write_hgx, false, true, ""}));
  ASSERT_TRUE(topology.suggestion);
  EXPECT_EQ(topology.suggestion->groups, (std::vector<std::vector<int>>{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
  EXPECT_EQ(topology.pairs.front().word(), "PIX");
  EXPECT_EQ(topology.pairs.back().word(), "PIX");
  EXPECT_EQ(topology.pairs[1].word(), "NODE");
  EXPECT_EQ(topology.pairs[6].word(), "SYS");
}

}  // namespace
