// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the machine is wired: devices that move data, the bridges above each of them, NUMA nodes and sockets.

#include <bringup/facts/gpu.hpp>

namespace bringup::facts {

// A bridge between a device and its processor: a port of a PCIe switch, of a chipset or of the processor.
struct PciBridge {
  std::string address;  // "0000:40:01.1"
  std::uint16_t vendor = 0;
  std::uint16_t device_id = 0;
  std::uint32_t class_code = 0;  // 0x060400
  Reading<PcieLink> link = Error(Errc::absent, "not looked at");
  // Whether its access control (ACS) sends what one device asks of another up to the processor; looked at
  // where GPUs or network cards meet above it.
  Reading<bool> redirects = Error(Errc::absent, "not looked at");
  bool operator==(const PciBridge&) const = default;
};

// The way from a device up to its processor.
struct PciWay {
  std::string root;  // the host bridge: "pci0000:40"
  std::vector<PciBridge>
      bridges;  // the one next to the device first, the root port last; empty: none between
  bool operator==(const PciWay&) const = default;
};

enum class WiredKind { gpu, nvswitch, network, storage };

// A GPU, an NVSwitch, a network card (class 02xx) or an NVMe drive (class 0108); no virtual functions.
struct WiredDevice {
  WiredKind kind = WiredKind::gpu;
  std::string address;
  std::uint16_t vendor = 0;
  std::uint16_t device_id = 0;
  std::uint32_t class_code = 0;
  std::vector<std::string> names;  // that the kernel gave it: "mlx5_0", "eth0", "nvme0"
  Reading<PcieLink> link = Error(Errc::absent, "not looked at");
  Reading<int> numa_node = Error(Errc::absent, "not looked at");           // -1: the firmware did not say
  Reading<std::string> local_cpus = Error(Errc::absent, "not looked at");  // "0-31,64-95"
  Reading<PciWay> way = Error(Errc::absent, "not looked at");
  bool operator==(const WiredDevice&) const = default;
};

struct NumaNode {
  int id = 0;
  Reading<std::string> cpus = Error(Errc::absent, "not looked at");  // "0-31,64-95"; "": memory only
  Reading<std::vector<int>> distances = Error(Errc::absent, "not looked at");  // to every node; 10: itself
  Reading<int> socket = Error(Errc::absent, "not looked at");  // physical_package_id of its first CPU
  bool operator==(const NumaNode&) const = default;
};

struct Wiring {
  Reading<std::vector<WiredDevice>> devices = Error(Errc::absent, "not looked at");  // by address
  int unclassed = 0;  // functions on the bus whose class could not be read: what they are is not known
  Reading<std::vector<NumaNode>> nodes = Error(Errc::absent, "not looked at");  // by id
  bool operator==(const Wiring&) const = default;
};

}  // namespace bringup::facts
