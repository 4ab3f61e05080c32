// SPDX-License-Identifier: Apache-2.0
#pragma once
// What there is of GPUs: PCI functions, NVML's view of them, and how many each layer counts.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bringup::facts {

// What was seen, or why one could not look.
template <typename T>
using Reading = Result<T>;

enum class PciKind { gpu, audio, nvswitch, usb, other };

struct PcieLink {
  int generation = 0;      // PCIe generation now, 1..6; idle GPUs often drop it
  int max_generation = 0;  // the most that the device can
  int width = 0;           // lanes now
  int max_width = 0;       // the most that the device can
  bool operator==(const PcieLink&) const = default;
};

// One function of an NVIDIA device on the PCI bus (vendor 10de), from sysfs.
struct PciFunction {
  std::string address;  // "0000:06:00.0"
  PciKind kind = PciKind::other;
  std::uint16_t device_id = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem_device = 0;
  std::uint32_t class_code = 0;    // 0x030200 and so on
  std::string name;                // from the catalog; "" when it has no row
  std::string architecture;        // "Hopper"; "" when unknown
  std::string compute_capability;  // "9.0"; "" when unknown
  Reading<std::optional<std::string>> kernel_driver =
      Error(Errc::absent, "not looked at");  // nullopt: none bound
  Reading<PcieLink> link = Error(Errc::absent, "not looked at");
  Reading<int> numa_node = Error(Errc::absent, "not looked at");  // -1: the firmware did not say
  Reading<std::string> iommu =
      Error(Errc::absent, "not looked at");  // its group's type: "DMA", "identity"; "" none
  Reading<std::uint64_t> aer_errors =
      Error(Errc::absent, "not looked at");  // uncorrected PCIe errors that it reported, fatal or not
  Reading<std::uint64_t> aer_corrected =
      Error(Errc::absent, "not looked at");  // PCIe errors that the link mended by itself
  bool operator==(const PciFunction&) const = default;
};

enum class NvlinkEnd { gpu, nvswitch, other };

// Where NVLinks of a GPU lead.
struct NvlinkPeer {
  std::string pci;  // address of the other end
  NvlinkEnd kind = NvlinkEnd::other;
  int links = 0;  // active ones
  bool operator==(const NvlinkPeer&) const = default;
};

// One GPU as NVML described it; a value that NVML refused is an error with NVML's own words.
struct NvmlGpu {
  int index = 0;
  std::string pci;  // "0000:06:00.0", as PciFunction writes it
  std::string name;
  std::string uuid;
  Reading<std::string> compute_capability = Error(Errc::absent, "not asked");
  Reading<std::uint64_t> memory_bytes = Error(Errc::absent, "not asked");  // total of the card
  Reading<std::uint64_t> memory_used_bytes = Error(Errc::absent, "not asked");
  Reading<PcieLink> link = Error(Errc::absent, "not asked");
  Reading<bool> persistence = Error(Errc::absent, "not asked");
  Reading<bool> mig = Error(Errc::absent, "not asked");
  Reading<bool> ecc = Error(Errc::absent, "not asked");
  Reading<std::uint64_t> ecc_uncorrected = Error(Errc::absent, "not asked");  // since the driver was loaded
  Reading<double> power_limit_watts = Error(Errc::absent, "not asked");
  Reading<double> power_default_watts = Error(Errc::absent, "not asked");
  Reading<double> power_watts = Error(Errc::absent, "not asked");
  Reading<double> temperature_celsius = Error(Errc::absent, "not asked");
  Reading<int> nvlinks_active = Error(Errc::absent, "not asked");
  Reading<std::vector<NvlinkPeer>> nvlink_peers = Error(Errc::absent, "not asked");  // by address
  Reading<std::vector<std::string>> reads_from =
      Error(Errc::absent, "not asked");  // GPUs whose memory it can read without the host's: addresses
  Reading<int> processes = Error(Errc::absent, "not asked");  // compute processes that hold the GPU
  Reading<std::uint64_t> bar1_bytes = Error(Errc::absent, "not asked");
  Reading<bool> row_remap_pending = Error(Errc::absent, "not asked");
  Reading<bool> row_remap_failed = Error(Errc::absent, "not asked");
  Reading<std::uint64_t> clock_reasons =
      Error(Errc::absent, "not asked");  // NVML's bits of why its clock is not higher now
  bool operator==(const NvmlGpu&) const = default;
};

struct NvmlSnapshot {
  std::string driver_version;
  std::string nvml_version;
  int cuda_driver_version = 0;  // 13000 is CUDA 13.0: the newest CUDA that this driver speaks natively
  std::string library_path;     // the file that was opened
  std::vector<NvmlGpu> gpus;
  bool operator==(const NvmlSnapshot&) const = default;
};

// How many GPUs one layer counts, and how that was taken.
struct Count {
  Reading<int> gpus = Error(Errc::absent, "not counted");
  std::string how;  // "functions of class 03xx with vendor 10de under /sys/bus/pci/devices"
  bool operator==(const Count&) const = default;
};

struct Counts {
  Count pci;     // on the bus
  Count driver;  // /proc/driver/nvidia/gpus
  Count nvml;
  Count cuda;     // cuDeviceGetCount in a child process
  Count pytorch;  // torch.cuda.device_count() in an environment
  bool operator==(const Counts&) const = default;
};

}  // namespace bringup::facts
