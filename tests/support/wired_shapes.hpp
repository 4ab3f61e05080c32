// SPDX-License-Identifier: Apache-2.0
#pragma once
// Made-up machines of several shapes, as sysfs shows them.

#include <string>
#include <support/sysfs.hpp>

namespace bringup::testing_support {

// Two sockets with two PCIe switches each; on each switch two GPUs and two InfiniBand cards; a fabric of four
// NVSwitches; an Ethernet card and a drive on each socket.
inline void write_hgx(Sysfs& sysfs) {
  sysfs.node(0, "0-55,112-167", "10 21", 0).node(1, "56-111,168-223", "21 10", 1);
  int cards = 0;
  for (const int base : {0x10, 0x30, 0x90, 0xb0}) {
    const int node = base < 0x80 ? 0 : 1;
    const std::string port = fmt::format("pci0000:{:02x}/0000:{:02x}:01.0", base, base);
    const std::string upper = fmt::format("{}/0000:{:02x}:00.0", port, base + 1);
    sysfs.device(port, kIntelPort, lanes(5, 16), node).device(upper, kSwitchPort, lanes(5, 16), node);
    for (int slot = 0; slot < 4; ++slot) {
      const std::string lower = fmt::format("{}/0000:{:02x}:{:02x}.0", upper, base + 2, slot);
      const std::string address = fmt::format("0000:{:02x}:00.0", base + 3 + slot);
      sysfs.device(lower, kSwitchPort, lanes(5, 16), node);
      sysfs.device(lower + "/" + address, slot < 2 ? kH100 : kInfiniband, lanes(5, 16), node);
      if (slot >= 2) sysfs.name(address, "infiniband", fmt::format("mlx5_{}", cards++));
    }
  }
  for (const int base : {0x50, 0xd0}) {
    const int node = base < 0x80 ? 0 : 1;
    for (const int slot : {1, 3}) {
      const std::string port = fmt::format("pci0000:{:02x}/0000:{:02x}:{:02x}.0", base, base, slot);
      const std::string address = fmt::format("0000:{:02x}:00.0", base + slot);
      sysfs.device(port, kIntelPort, slot == 1 ? Lanes{4, 5, 16, 16} : Lanes{4, 5, 4, 4}, node);
      sysfs.device(port + "/" + address, slot == 1 ? kEthernet : kNvme, lanes(4, slot == 1 ? 16 : 4), node);
      sysfs.name(address, slot == 1 ? "net" : "nvme",
                 slot == 1 ? fmt::format("eth{}", node) : fmt::format("nvme{}", node));
    }
  }
  const std::string port = "pci0000:70/0000:70:01.0";
  sysfs.device(port, kIntelPort, lanes(4, 4), 0).device(port + "/0000:71:00.0", kSwitchPort, lanes(4, 4), 0);
  for (int slot = 0; slot < 4; ++slot) {
    const std::string lower = fmt::format("{}/0000:71:00.0/0000:72:{:02x}.0", port, slot);
    sysfs.device(lower, kSwitchPort, lanes(3, 2), 0);
    sysfs.device(fmt::format("{}/0000:{:02x}:00.0", lower, 0x73 + slot), kNvswitch, lanes(3, 2), 0);
  }
}

// A workstation with four RTX 3090, the second of them in a slot of the chipset that has four lanes.
inline void write_rig(Sysfs& sysfs) {
  const Lanes idle{1, 4, 16, 16};
  sysfs.node(0, "0-31", "10", 0);
  sysfs.device("pci0000:00/0000:00:01.1", kAmdPort, idle, 0)
      .device("pci0000:00/0000:00:01.1/0000:01:00.0", kRtx3090, idle, 0);
  const std::string chipset = "pci0000:00/0000:00:01.2/0000:02:00.0";
  sysfs.device("pci0000:00/0000:00:01.2", kAmdPort, {4, 4, 8, 8}, 0)
      .device(chipset, kAmdChipset, {4, 4, 8, 8}, 0)
      .device(chipset + "/0000:03:01.0", {0x1022, 0x57a3, 0x060400}, lanes(4, 1), 0)
      .device(chipset + "/0000:03:01.0/0000:04:00.0", kEthernet, lanes(3, 1), 0)
      .name("0000:04:00.0", "net", "eth0")
      .device(chipset + "/0000:03:08.0", {0x1022, 0x57a4, 0x060400}, {1, 3, 4, 4}, 0)
      .device(chipset + "/0000:03:08.0/0000:05:00.0", kRtx3090, {1, 4, 4, 16}, 0);
  for (const int slot : {1, 3}) {
    const std::string port = fmt::format("pci0000:40/0000:40:{:02x}.1", slot);
    sysfs.device(port, kAmdPort, idle, 0);
    sysfs.device(fmt::format("{}/0000:{:02x}:00.0", port, 0x40 + slot), kRtx3090, idle, 0);
  }
}

// A laptop: one GPU of eight lanes, a drive on the processor, another one and WLAN on Intel's chipset.
inline void write_laptop(Sysfs& sysfs) {
  sysfs.node(0, "0-15", "10", 0);
  sysfs.device("pci0000:00/0000:00:01.0", {0x8086, 0xa70d, 0x060400}, {4, 5, 8, 16})
      .device("pci0000:00/0000:00:01.0/0000:01:00.0", {0x10de, 0x28e0, 0x030000}, {4, 4, 8, 8})
      .device("pci0000:00/0000:00:06.0", {0x8086, 0xa74d, 0x060400}, lanes(4, 4))
      .device("pci0000:00/0000:00:06.0/0000:02:00.0", kNvme, lanes(4, 4))
      .name("0000:02:00.0", "nvme", "nvme0")
      .device("pci0000:00/0000:00:1a.0", kIntelChipset, {3, 4, 4, 4})
      .device("pci0000:00/0000:00:1a.0/0000:03:00.0", kNvme, {3, 3, 4, 4})
      .name("0000:03:00.0", "nvme", "nvme1")
      .device("pci0000:00/0000:00:14.3", {0x8086, 0x7a70, 0x028000}, {})
      .name("0000:00:14.3", "net", "wlp0s20f3");
}

// A virtual machine that was handed two GPUs: all on one flat bus, and no node said.
inline void write_guest(Sysfs& sysfs) {
  sysfs.node(0, "0-31", "10", 0);
  sysfs.device("pci0000:00/0000:00:03.0", {0x1af4, 0x1041, 0x020000}, {})
      .device("pci0000:00/0000:00:06.0", kH100, lanes(5, 16))
      .device("pci0000:00/0000:00:07.0", kH100, lanes(5, 16));
}

}  // namespace bringup::testing_support
