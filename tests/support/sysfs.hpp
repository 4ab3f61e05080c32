// SPDX-License-Identifier: Apache-2.0
#pragma once
// Machines as the kernel shows them in sysfs: PCI devices below their bridges (Documentation/ABI/testing/
// sysfs-bus-pci) and NUMA nodes (sysfs-devices-node), written as files and links.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace bringup::testing_support {

struct Lanes {
  int generation = 0;  // 0: the device has no PCIe link
  int max_generation = 0;
  int width = 0;
  int max_width = 0;
};

inline Lanes lanes(int generation, int width) {
  return {generation, generation, width, width};
}

// What a device says of itself: "10de:2330" and its class.
struct Identity {
  int vendor = 0;
  int device = 0;
  int class_code = 0;
};

inline constexpr Identity kH100{0x10de, 0x2330, 0x030200};
inline constexpr Identity kRtx3090{0x10de, 0x2204, 0x030000};
inline constexpr Identity kNvswitch{0x10de, 0x22a3, 0x068000};
inline constexpr Identity kInfiniband{0x15b3, 0x1021, 0x020700};
inline constexpr Identity kEthernet{0x8086, 0x1593, 0x020000};
inline constexpr Identity kNvme{0x144d, 0xa80a, 0x010802};
inline constexpr Identity kIntelPort{0x8086, 0x352a, 0x060400};
inline constexpr Identity kAmdPort{0x1022, 0x1483, 0x060400};
inline constexpr Identity kSwitchPort{0x1000, 0xc030, 0x060400};
inline constexpr Identity kAmdChipset{0x1022, 0x57ad, 0x060400};
inline constexpr Identity kIntelChipset{0x8086, 0x7ab8, 0x060400};

class Sysfs {
 public:
  explicit Sysfs(std::filesystem::path root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_ / "sys/bus/pci/devices");
  }

  // `place` below /sys/devices: "pci0000:40/0000:40:01.0/0000:41:00.0". -1: no node was said by the firmware.
  Sysfs& device(const std::string& place, Identity who, Lanes link, int node = -1) {
    const std::string folder = "/sys/devices/" + place;
    const std::string address = place.substr(place.find_last_of('/') + 1);
    file(folder + "/vendor", fmt::format("0x{:04x}\n", who.vendor));
    file(folder + "/device", fmt::format("0x{:04x}\n", who.device));
    file(folder + "/class", fmt::format("0x{:06x}\n", who.class_code));
    file(folder + "/numa_node", fmt::format("{}\n", node));
    if (link.generation > 0) {
      file(folder + "/current_link_speed", speed(link.generation));
      file(folder + "/max_link_speed", speed(link.max_generation));
      file(folder + "/current_link_width", fmt::format("{}\n", link.width));
      file(folder + "/max_link_width", fmt::format("{}\n", link.max_width));
    }
    std::filesystem::create_directory_symlink("../../../devices/" + place,
                                              root_ / "sys/bus/pci/devices" / address);
    return *this;
  }
  // A name that a driver gave: ("0000:41:00.0", "infiniband", "mlx5_0").
  Sysfs& name(const std::string& address, const std::string& group, const std::string& called) {
    std::filesystem::create_directories(root_ / "sys/bus/pci/devices" / address / group / called);
    return *this;
  }
  // The node's first CPU is on `socket`.
  Sysfs& node(int id, const std::string& cpus, const std::string& distances, int socket) {
    const std::string folder = fmt::format("/sys/devices/system/node/node{}", id);
    file(folder + "/cpulist", cpus + "\n");
    file(folder + "/distance", distances + "\n");
    const std::string first = cpus.substr(0, cpus.find_first_of(",-"));
    if (!first.empty())
      file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/physical_package_id", first),
           fmt::format("{}\n", socket));
    return *this;
  }
  Sysfs& file(const std::string& path, const std::string& text) {
    const std::filesystem::path place = root_.string() + path;
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place, std::ios::binary) << text;
    return *this;
  }

 private:
  static std::string speed(int generation) {
    constexpr const char* kSpeeds[] = {"Unknown",        "2.5 GT/s PCIe",  "5.0 GT/s PCIe", "8.0 GT/s PCIe",
                                       "16.0 GT/s PCIe", "32.0 GT/s PCIe", "64.0 GT/s PCIe"};
    return std::string(kSpeeds[generation]) + "\n";
  }
  std::filesystem::path root_;
};

}  // namespace bringup::testing_support
