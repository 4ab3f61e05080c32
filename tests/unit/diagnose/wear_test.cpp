// SPDX-License-Identifier: Apache-2.0
// Machines whose GPUs are hot, held or uneven, and with too little around them, for rules_test.cpp.
#include "more_patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

facts::NvmlGpu& second(Setting& setting) {
  return setting.machine.nvml->gpus[1];
}
void hide_nvml(Setting& setting) {
  setting.machine.nvml = Error(Errc::timeout, "did not answer within 10 s");
}

}  // namespace

std::vector<Case> wear_cases() {
  return {
      {"gpu-hot",
       "OneIs",
       sick,
       [](Setting& s) { second(s).temperature_celsius = 91.0; },
       "0000:0a:00.0: 91 degrees",
       "fans",
       Severity::warn,
       {kSecond}},
      {"gpu-hot", "JustBelow", well, [](Setting& s) { second(s).temperature_celsius = 86.9; }},
      {"gpu-hot", "ACardThatDoesNotTell", well,
       [](Setting& s) {
         second(s).temperature_celsius = Error(Errc::unsupported, "NVML: Not Supported (3)");
       }},
      {"gpu-hot", "NvmlDoesNotAnswer", blind, hide_nvml, "did not answer"},
      {"gpu-memory-held",
       "AJobIsLeftOver",
       sick,
       [](Setting& s) { second(s).memory_used_bytes = std::uint64_t{70} << 30U; },
       "70 GiB in use",
       "fuser",
       Severity::info,
       {kSecond}},
      {"gpu-memory-held", "SomebodyComputes", well,
       [](Setting& s) {
         second(s).memory_used_bytes = std::uint64_t{70} << 30U;
         second(s).processes = 1;
       }},
      {"gpu-memory-held", "WhatADriverKeeps", well,
       [](Setting& s) { second(s).memory_used_bytes = std::uint64_t{600} << 20U; }},
      {"gpu-memory-held", "AContainerDoesNotShowOthers", blind,
       [](Setting& s) { s.machine.container = std::optional<std::string>("docker"); }, "docker"},
      {"nvlinks-uneven",
       "OneIsDown",
       sick,
       [](Setting& s) { second(s).nvlinks_active = 17; },
       "17 NVLinks up, its sisters have 18",
       "nvlink -s",
       Severity::warn,
       {kSecond}},
      {"nvlinks-uneven", "OneHasNoBridge", well, [](Setting& s) { second(s).nvlinks_active = 0; }},
      {"nvlinks-uneven", "AnotherKindOfCard", well,
       [](Setting& s) {
         second(s).name = "NVIDIA H200 NVL";
         second(s).nvlinks_active = 6;
       }},
      {"nvlinks-uneven", "NvmlDoesNotAnswer", blind, hide_nvml, "did not answer"},
      {"pcie-slots-mixed",
       "OneIsOlder",
       sick,
       [](Setting& s) {
         second(s).link = facts::PcieLink{.generation = 1, .max_generation = 3, .width = 16, .max_width = 16};
       },
       "generation 3 at most, its sisters 5",
       "slot",
       Severity::info,
       {kSecond}},
      {"pcie-slots-mixed", "OneIsIdle", well,
       [](Setting& s) {
         second(s).link = facts::PcieLink{.generation = 4, .max_generation = 5, .width = 16, .max_width = 16};
       }},
      {"pcie-slots-mixed", "NoLinkIsTold", blind,
       [](Setting& s) {
         for (auto& gpu : s.machine.nvml->gpus) gpu.link = Error(Errc::denied, "no permission");
       },
       "no permission"},
      {"bar-one-small",
       "AsOldFirmwareLeavesIt",
       sick,
       [](Setting& s) { second(s).bar1_bytes = std::uint64_t{256} << 20U; },
       "0000:0a:00.0: BAR1 of 256 MiB",
       "Resizable BAR",
       Severity::info,
       {kSecond}},
      {"bar-one-small", "ASingleCardHasNoPeer", well,
       [](Setting& s) {
         s.machine.nvml->gpus[0].bar1_bytes = std::uint64_t{256} << 20U;
         s.machine.nvml->gpus.pop_back();
       }},
      {"bar-one-small", "ACardThatDoesNotTell", well,
       [](Setting& s) { second(s).bar1_bytes = Error(Errc::unsupported, "NVML: Not Supported (3)"); }},
      {"bar-one-small", "NobodyTells", blind, hide_nvml, "did not answer"},
      {"gpus-mixed",
       "TwoArchitectures",
       sick,
       [](Setting& s) {
         s.machine.pci[1].architecture = "Volta";
         s.machine.pci[1].name = "V100";
       },
       "V100 (Volta)",
       "CUDA_VISIBLE_DEVICES",
       Severity::info,
       {kFirst, kSecond}},
      {"gpus-mixed", "TwoNamesOfOneArchitecture", well, [](Setting& s) { s.machine.pci[1].name = "H100"; }},
      {"gpus-mixed", "OneIsNotInTheCatalog", well, [](Setting& s) { s.machine.pci[1].architecture = ""; }},
      {"gpus-mixed", "TheBusCannotBeRead", blind,
       [](Setting& s) { s.machine.pci_visible = Error(Errc::denied, "/sys: denied"); }, "/sys: denied"},
  };
}

std::vector<Case> room_cases() {
  return {
      {"open-files-low",
       "TooFewForTwo",
       sick,
       [](Setting& s) { s.machine.open_files = std::int64_t{511}; },
       "511 for 2 GPUs",
       "nofile 1048576",
       Severity::info,
       {},
       {"/etc/security/limits.d/bringup-nofile.conf"}},
      {"open-files-low", "JustEnough", well, [](Setting& s) { s.machine.open_files = std::int64_t{512}; }},
      {"open-files-low", "OneOfManyInAContainer", well,
       [](Setting& s) {
         s.machine.open_files = std::int64_t{300};
         s.machine.nvml->gpus.pop_back();
       }},
      {"open-files-low", "Unlimited", well, [](Setting& s) { s.machine.open_files = std::int64_t{-1}; }},
      {"open-files-low", "ItCannotBeRead", blind,
       [](Setting& s) { s.machine.open_files = Error(Errc::malformed, "no 'Max open files'"); },
       "the limit of open files could not be read"},
      {"host-memory-small", "LessThanAGpu", sick,
       [](Setting& s) { s.machine.memory_bytes = std::uint64_t{64} << 30U; }, "64 GiB of memory", "in parts",
       Severity::info},
      {"host-memory-small", "SwapCounts", well,
       [](Setting& s) {
         s.machine.memory_bytes = std::uint64_t{64} << 30U;
         s.machine.swap_bytes = std::uint64_t{128} << 30U;
       }},
      {"host-memory-small", "NvmlDoesNotAnswer", blind, hide_nvml, "NVML could not be read"},
      {"numa-unknown",
       "OneHasNone",
       sick,
       [](Setting& s) { s.machine.pci[1].numa_node = -1; },
       "0000:0a:00.0/numa_node",
       "firmware",
       Severity::info,
       {kSecond}},
      {"numa-unknown", "ThereIsOneNode", well,
       [](Setting& s) {
         s.machine.pci[1].numa_node = -1;
         s.machine.numa_nodes = 1;
       }},
      {"numa-unknown", "AVirtualMachine", well,
       [](Setting& s) {
         s.machine.pci[1].numa_node = -1;
         s.machine.hypervisor = "kvm";
       }},
      {"numa-unknown", "ItCannotBeRead", blind,
       [](Setting& s) {
         for (auto& gpu : s.machine.pci) gpu.numa_node = Error(Errc::denied, "numa_node: denied");
       },
       "numa_node: denied"},
  };
}

}  // namespace bringup::diagnose::testing
