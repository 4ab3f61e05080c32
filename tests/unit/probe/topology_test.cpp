// SPDX-License-Identifier: Apache-2.0
// Devices below their bridges, NUMA nodes and sockets, from the files of sysfs.
#include <bringup/host/recording.hpp>
#include <bringup/probe/internal.hpp>

#include <gmock/gmock.h>

#include "tree.hpp"
#include <algorithm>
#include <iterator>
#include <support/wired_shapes.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup;
using facts::WiredKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Sysfs;
using testing_support::Tree;

struct PlaceCase {
  const char* name;
  const char* target;
  const char* root;  // "": refused
  std::vector<std::string> bridges;
};

class PciPlaceOf : public testing::TestWithParam<PlaceCase> {};

TEST_P(PciPlaceOf, IsReadFromTheLinkOfTheBus) {
  const PlaceCase& tested = GetParam();
  const auto place = probe::parse_pci_place(tested.target, "0000:41:00.0");
  ASSERT_EQ(static_cast<bool>(place), *tested.root != '\0');
  if (!place) {
    EXPECT_THAT(place.error().message(), HasSubstr("0000:41:00.0"));
    return;
  }
  EXPECT_EQ(place->root, tested.root);
  EXPECT_EQ(place->bridges, tested.bridges);
}

INSTANTIATE_TEST_SUITE_P(
    Links, PciPlaceOf,
    testing::Values(
        PlaceCase{"on_the_root_bus", "../../../devices/pci0000:40/0000:41:00.0", "pci0000:40", {}},
        PlaceCase{"below_a_switch",
                  "../../../devices/pci0000:40/0000:40:01.1/0000:3e:00.0/0000:3f:10.0/0000:41:00.0",
                  "pci0000:40",
                  {"0000:3f:10.0", "0000:3e:00.0", "0000:40:01.1"}},
        PlaceCase{"below_acpi",
                  "../../../devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/"
                  "8ced0d56-a41c-e534-8851-cb3bb68a6083/pci0000:00/0000:41:00.0",
                  "pci0000:00",
                  {}},
        PlaceCase{"below_volume_management",
                  "../../../devices/pci0000:e0/0000:e0:00.5/pci10000:e0/10000:e0:02.0/0000:41:00.0",
                  "pci0000:e0",
                  {"10000:e0:02.0", "0000:e0:00.5"}},
        PlaceCase{"of_another_device", "../../../devices/pci0000:40/0000:42:00.0", "", {}},
        PlaceCase{"no_host_bridge", "../../../devices/platform/0000:41:00.0", "", {}},
        PlaceCase{"empty", "", "", {}}),
    [](const auto& tested) { return std::string(tested.param.name); });

const facts::WiredDevice& device_at(const facts::Wiring& wiring, std::string_view address) {
  static const facts::WiredDevice kNone;
  const auto found = std::ranges::find(*wiring.devices, address, &facts::WiredDevice::address);
  if (found != wiring.devices->end()) return *found;
  ADD_FAILURE() << "no device " << address;
  return kNone;
}

TEST(Wiring, HoldsEveryDeviceWithTheBridgesAboveIt) {
  Tree tree;
  Sysfs sysfs(tree.root());
  testing_support::write_hgx(sysfs);
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  ASSERT_TRUE(wiring.devices);
  const auto count = [&wiring](WiredKind kind) {
    return std::ranges::count(*wiring.devices, kind, &facts::WiredDevice::kind);
  };
  EXPECT_EQ(count(WiredKind::gpu), 8);
  EXPECT_EQ(count(WiredKind::nvswitch), 4);
  EXPECT_EQ(count(WiredKind::network), 10);
  EXPECT_EQ(count(WiredKind::storage), 2);
  EXPECT_EQ(wiring.unclassed, 0);
  const facts::WiredDevice& gpu = device_at(wiring, "0000:93:00.0");
  EXPECT_EQ(gpu.numa_node, facts::Reading<int>(1));
  ASSERT_TRUE(gpu.way);
  EXPECT_EQ(gpu.way->root, "pci0000:90");
  ASSERT_EQ(gpu.way->bridges.size(), 3U);
  EXPECT_EQ(gpu.way->bridges[0].address, "0000:92:00.0");
  EXPECT_EQ(gpu.way->bridges[1].address, "0000:91:00.0");
  EXPECT_EQ(gpu.way->bridges[1].vendor, 0x1000);
  EXPECT_EQ(gpu.way->bridges[2].address, "0000:90:01.0");
  EXPECT_EQ(gpu.way->bridges[2].class_code, 0x060400U);
  ASSERT_TRUE(gpu.way->bridges[2].link);
  EXPECT_EQ(gpu.way->bridges[2].link->max_generation, 5);
  EXPECT_THAT(device_at(wiring, "0000:15:00.0").names, ElementsAre("mlx5_0"));
  EXPECT_THAT(device_at(wiring, "0000:d3:00.0").names, ElementsAre("nvme1"));
}

std::string number(std::uint32_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}

// A configuration space with a serial number (0x0003) in front of the access control.
std::string config(std::uint32_t control) {
  std::string out(4096, '\0');
  out.replace(0x100, 12, number(0x0003 | 1U << 16U | 0x148U << 20U, 4) + "SERIALNO");
  out.replace(0x148, 8, number(0x000d | 1U << 16U, 4) + number(0x5f, 2) + number(control, 2));
  return out;
}

TEST(Acs, IsReadFromTheListOfCapabilities) {
  EXPECT_EQ(probe::parse_acs(config(0x1d)), facts::Reading<bool>(true));
  EXPECT_EQ(probe::parse_acs(config(0x04)), facts::Reading<bool>(true));
  EXPECT_EQ(probe::parse_acs(config(0x11)), facts::Reading<bool>(false));
  EXPECT_EQ(probe::parse_acs(std::string(4096, '\0')), facts::Reading<bool>(false));
  EXPECT_EQ(probe::parse_acs(std::string(4096, '\xff')).error().code(), Errc::malformed);
  EXPECT_EQ(probe::parse_acs(std::string(256, '\0')), facts::Reading<bool>(false)) << "conventional PCI";
  EXPECT_EQ(probe::parse_acs(std::string(64, '\0')).error().code(), Errc::denied);
  EXPECT_EQ(probe::parse_acs("").error().code(), Errc::denied);
}

TEST(Acs, AListThatLeadsAstrayEnds) {
  for (const std::uint32_t next : {0x100U, 0x0fcU, 0x040U, 0x14aU, 0xffcU}) {
    std::string bytes(4096, '\0');
    bytes.replace(0x100, 4, number(0x0003 | 1U << 16U | next << 20U, 4));
    if (next == 0xffc) bytes.replace(0xffc, 4, number(0x000d, 4));
    const auto read = probe::parse_acs(bytes);
    ASSERT_FALSE(read) << next;
    EXPECT_FALSE(probe::parse_acs(probe::acs_essence(bytes))) << "a recording does not make it well";
    EXPECT_EQ(read.error().code(), Errc::malformed);
  }
  for (std::size_t size = 0x101; size < 0x150; ++size)
    EXPECT_FALSE(probe::parse_acs(config(4).substr(0, size)));
}

TEST(Acs, ARecordingKeepsItAndNoSerialNumber) {
  for (const std::uint32_t control : {0x1dU, 0x00U}) {
    const std::string kept = probe::acs_essence(config(control));
    EXPECT_LT(kept.size(), 300U);
    EXPECT_EQ(kept.find("SERIALNO"), std::string::npos);
    EXPECT_EQ(probe::parse_acs(kept), probe::parse_acs(config(control)));
  }
  EXPECT_EQ(probe::parse_acs(probe::acs_essence(std::string(64, 'x'))).error().code(), Errc::denied);
  EXPECT_EQ(probe::parse_acs(probe::acs_essence(std::string(256, 'x'))), facts::Reading<bool>(false));
}

TEST(Acs, IsReadOfThePortsOfASwitchThatDevicesShare) {
  Tree tree;
  Sysfs sysfs(tree.root());
  testing_support::write_hgx(sysfs);
  tree.file("/sys/bus/pci/devices/0000:92:00.0/config", config(0x1d));
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  ASSERT_TRUE(wiring.devices);
  const auto& bridges = device_at(wiring, "0000:93:00.0").way->bridges;
  EXPECT_EQ(bridges.at(0).redirects, facts::Reading<bool>(true));
}

TEST(Wiring, HoldsNodesWithTheirSocketsAndDistances) {
  Tree tree;
  Sysfs sysfs(tree.root());
  testing_support::write_hgx(sysfs);
  sysfs.node(2, "", "21 21 10", 0).file("/sys/devices/system/node/possible", "0-2\n");
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  ASSERT_TRUE(wiring.nodes);
  ASSERT_EQ(wiring.nodes->size(), 3U);
  const facts::NumaNode& second = (*wiring.nodes)[1];
  EXPECT_EQ(second.cpus, facts::Reading<std::string>("56-111,168-223"));
  EXPECT_EQ(second.distances, facts::Reading<std::vector<int>>(std::vector{21, 10}));
  EXPECT_EQ(second.socket, facts::Reading<int>(1));
  ASSERT_FALSE((*wiring.nodes)[2].socket) << "memory without CPUs lies on no socket that it names";
  EXPECT_EQ((*wiring.nodes)[2].socket.error().code(), Errc::absent);
}

TEST(Wiring, LeavesOutVirtualFunctions) {
  Tree tree;
  Sysfs sysfs(tree.root());
  testing_support::write_guest(sysfs);
  fs::create_directory_symlink("../0000:00:06.0", tree.root() / "sys/devices/pci0000:00/0000:00:07.0/physfn");
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  ASSERT_TRUE(wiring.devices);
  EXPECT_EQ(wiring.devices->size(), 2U);
}

TEST(Wiring, IsNotEmptyWhenTheBusCannotBeSeen) {
  const Tree tree;
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  EXPECT_FALSE(wiring.devices);
  EXPECT_FALSE(wiring.nodes);
}

TEST(Wiring, IsEmptyOnAKernelWithoutAPciBus) {
  Tree tree;
  tree.directory("/sys/bus/platform");
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  ASSERT_TRUE(wiring.devices);
  EXPECT_TRUE(wiring.devices->empty());
}

TEST(Wiring, SaysWhatItLacksWhereTheBusHasNoLinksAndNoClasses) {
  Tree tree;
  tree.file("/sys/bus/pci/devices/0000:06:00.0/vendor", "0x10de\n")
      .file("/sys/bus/pci/devices/0000:06:00.0/class", "0x030200\n")
      .file("/sys/bus/pci/devices/0000:06:00.0/numa_node", "two\n")
      .file("/sys/bus/pci/devices/0000:07:00.0/vendor", "0x15b3\n");
  const facts::Wiring wiring = probe::read_wiring(tree.view());
  EXPECT_EQ(wiring.unclassed, 1);
  const facts::WiredDevice& gpu = device_at(wiring, "0000:06:00.0");
  ASSERT_FALSE(gpu.way);
  EXPECT_EQ(gpu.way.error().code(), Errc::unsupported);
  ASSERT_FALSE(gpu.numa_node);
  EXPECT_EQ(gpu.numa_node.error().code(), Errc::malformed);
}

class RecordedWiring : public testing::Test {
 protected:
  RecordedWiring() : sysfs_(tree_.root()) {
    options_.kernel = "6.1.0-25-amd64";
    options_.arch = "x86_64";
    options_.user = {.name = "zaphod", .home = "/home/zaphod", .uid = 1000, .gid = 1000, .root = false};
  }
  facts::Wiring recorded() const {
    const fs::path folder = out_.root() / "rec";
    const auto done = probe::record(tree_.view(), options_, folder.string(), "2026-11-25T01:00:00Z");
    EXPECT_TRUE(done) << done.error().message();
    const auto recording = host::open_recording(folder.string());
    EXPECT_TRUE(recording);
    return probe::read_wiring(**recording);
  }
  Tree tree_;
  Tree out_;
  Sysfs sysfs_;
  probe::Options options_;
};

TEST_F(RecordedWiring, IsThatOfTheMachine) {
  testing_support::write_hgx(sysfs_);
  const facts::Wiring before = probe::read_wiring(tree_.view());
  ASSERT_EQ(before.devices->size(), 24U);
  const facts::Wiring after = recorded();
  ASSERT_TRUE(after.devices) << after.devices.error().message();
  for (std::size_t i = 0; i < before.devices->size(); ++i) {
    facts::WiredDevice then = (*before.devices)[i];
    const facts::WiredDevice& now = after.devices->at(i);
    EXPECT_EQ(now.way, then.way) << then.address;
    EXPECT_EQ(now.link, then.link);
    EXPECT_EQ(now.names, then.names);
    EXPECT_EQ(now.numa_node, then.numa_node);
  }
  EXPECT_EQ(after.nodes, before.nodes);
}

TEST_F(RecordedWiring, HoldsNothingOfWhatStandsAboveTheHostBridgeAndNoAddressInAName) {
  const std::string place = "LNXSYSTM:00/8ced0d56-a41c-e534-8851-cb3bb68a6083/pci0000:00/0000:00:05.0";
  sysfs_.device(place, testing_support::kEthernet, testing_support::lanes(3, 8))
      .name("0000:00:05.0", "net", "enx02fade0ddbad");
  const facts::Wiring after = recorded();
  ASSERT_EQ(after.devices->size(), 1U);
  ASSERT_TRUE(after.devices->front().way) << after.devices->front().way.error().message();
  EXPECT_EQ(after.devices->front().way->root, "pci0000:00");
  EXPECT_THAT(after.devices->front().names, ElementsAre("enx000000000000"));
  for (const auto& entry : fs::recursive_directory_iterator(out_.root())) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text =
        entry.is_regular_file() ? std::string(std::istreambuf_iterator<char>(in), {}) : "";
    for (const char* canary : {"8ced0d56", "02fade0ddbad"}) {
      EXPECT_THAT(entry.path().string(), testing::Not(HasSubstr(canary)));
      EXPECT_THAT(text, testing::Not(HasSubstr(canary))) << entry.path();
    }
  }
}

}  // namespace
