// SPDX-License-Identifier: Apache-2.0
// Machines with GPUs that are ill, and with too little of memory or disk, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

facts::NvmlGpu& second(Setting& setting) {
  return setting.machine.nvml->gpus[1];
}

void hide_nvml(Setting& setting) {
  setting.machine.nvml = Error(Errc::timeout, "did not answer within 10 s");
}

void describe(Setting& setting) {
  setting.machine.hypothetical = true;
  setting.machine.cpus = 0;
}

constexpr facts::PcieLink kNarrow{.generation = 5, .max_generation = 5, .width = 8, .max_width = 16};

std::vector<Case> memory() {
  return {
      {"ecc-uncorrected",
       "OneHasErrors",
       sick,
       [](Setting& s) { second(s).ecc_uncorrected = std::uint64_t{3}; },
       "3 uncorrected memory errors",
       "--gpu-reset -i 0000:0a:00.0",
       Severity::warn,
       {kSecond}},
      {"ecc-uncorrected", "ACardWithoutEcc", well,
       [](Setting& s) { second(s).ecc_uncorrected = Error(Errc::unsupported, "NVML: Not Supported (3)"); }},
      {"ecc-uncorrected", "OneCannotBeRead", blind,
       [](Setting& s) {
         second(s).ecc_uncorrected = Error(Errc::denied, "NVML: Insufficient Permissions (4)");
       },
       "0000:0a:00.0: NVML: Insufficient Permissions"},
      {"row-remap-pending",
       "OneWaits",
       sick,
       [](Setting& s) { second(s).row_remap_pending = true; },
       "waits to be replaced",
       "--gpu-reset",
       Severity::warn,
       {kSecond}},
      {"row-remap-pending", "AFailureIsAnotherRule", well,
       [](Setting& s) { second(s).row_remap_failed = true; }},
      {"row-remap-pending", "NvmlDoesNotAnswer", blind, hide_nvml, "NVML could not be read: did not answer"},
      {"row-remap-failed",
       "OneFailed",
       sick,
       [](Setting& s) { second(s).row_remap_failed = true; },
       "could not be replaced",
       "have the card replaced",
       Severity::fail,
       {kSecond}},
      {"row-remap-failed", "PendingIsAnotherRule", well,
       [](Setting& s) { second(s).row_remap_pending = true; }},
      {"row-remap-failed", "NvmlDoesNotAnswer", blind, hide_nvml, "NVML could not be read: did not answer"},
  };
}

std::vector<Case> settings() {
  return {
      {"persistence-off",
       "OneOfTwo",
       sick,
       [](Setting& s) { second(s).persistence = false; },
       "persistence mode is off",
       "nvidia-persistenced",
       Severity::info,
       {kSecond}},
      {"persistence-off",
       "OfBothInOneFinding",
       sick,
       [](Setting& s) {
         for (facts::NvmlGpu& gpu : s.machine.nvml->gpus) gpu.persistence = false;
       },
       "0000:0a:00.0: persistence mode is off",
       "nvidia-persistenced",
       Severity::info,
       {kFirst, kSecond}},
      {"persistence-off", "ASingleConsumerCard", well,
       [](Setting& s) {
         s.machine.pci.pop_back();
         s.machine.pci[0].device_id = 0x2684;
         s.machine.nvml->gpus.pop_back();
         s.machine.nvml->gpus[0].persistence = false;
       }},
      {"persistence-off", "NvmlDoesNotAnswer", blind, hide_nvml, "NVML could not be read"},
      {"power-limit-reduced",
       "OneIsHeldBack",
       sick,
       [](Setting& s) { second(s).power_limit_watts = 500.0; },
       "limited to 500 W of 700 W",
       "-pl 700",
       Severity::warn,
       {kSecond}},
      {"power-limit-reduced", "ARoundingIsNoLimit", well,
       [](Setting& s) { second(s).power_limit_watts = 699.0; }},
      {"power-limit-reduced", "TheDefaultIsNotKnown", blind,
       [](Setting& s) { second(s).power_default_watts = Error(Errc::failed, "NVML: Unknown Error (999)"); },
       "0000:0a:00.0: NVML: Unknown Error"},
      {"power-limit-reduced", "TheGpusAreNotHere", blind, [](Setting& s) { s.machine.hypothetical = true; },
       "--for"},
      {"pcie-link-narrow",
       "NvmlSaysEightOfSixteen",
       sick,
       [](Setting& s) { second(s).link = kNarrow; },
       "x8 now, x16 at most",
       "bifurcation",
       Severity::warn,
       {kSecond}},
      {"pcie-link-narrow",
       "TheBusSaysSoWithoutNvml",
       sick,
       [](Setting& s) {
         hide_nvml(s);
         s.machine.pci[1].link = kNarrow;
       },
       "x8 now, x16 at most",
       "bifurcation",
       Severity::warn,
       {kSecond}},
      {"pcie-link-narrow", "AnIdleLinkIsOnlySlow", well,
       [](Setting& s) {
         second(s).link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 16, .max_width = 16};
       }},
      {"pcie-link-narrow", "TheCardsOwnWordCounts", well,
       [](Setting& s) { s.machine.pci[1].link = kNarrow; }},
      {"pcie-link-narrow", "AVirtualMachinesBusIsMadeUp", blind,
       [](Setting& s) {
         hide_nvml(s);
         s.machine.hypervisor = "qemu";
         s.machine.pci[1].link = kNarrow;
       },
       "does not show the real one"},
      {"pcie-link-narrow", "TheLinkCannotBeRead", blind,
       [](Setting& s) {
         hide_nvml(s);
         s.machine.pci[1].link = Error(Errc::absent, "no current_link_width");
       },
       "0000:0a:00.0: no current_link_width"},
  };
}

}  // namespace

std::vector<Case> physical_cases() {
  std::vector<Case> out = memory();
  for (auto& one : settings()) out.push_back(one);
  return out;
}

std::vector<Case> system_cases() {
  return {
      {"shm-small", "ADefaultContainer", sick,
       [](Setting& s) {
         s.machine.shm_bytes = std::uint64_t{64} << 20U;
         s.machine.container = std::optional<std::string>("docker");
       },
       "64 MiB", "--shm-size=1g", Severity::warn},
      {"shm-small", "OnTheMachineItself", sick,
       [](Setting& s) { s.machine.shm_bytes = std::uint64_t{512} << 20U; }, "512 MiB", "remount",
       Severity::warn},
      {"shm-small", "AsMuchAsIsAskedFor", well,
       [](Setting& s) { s.machine.shm_bytes = std::uint64_t{1} << 30U; }},
      {"shm-small", "ItCannotBeRead", blind,
       [](Setting& s) { s.machine.shm_bytes = Error(Errc::absent, "/dev/shm: no such directory"); },
       "the size of /dev/shm could not be read"},
      {"memlock-low",
       "WhatSystemdAllows",
       sick,
       [](Setting& s) { s.machine.memlock_bytes = std::int64_t{8} << 20U; },
       "8 MiB",
       "memlock unlimited",
       Severity::info,
       {},
       {"/etc/security/limits.d/bringup-memlock.conf"}},
      {"memlock-low", "OneGpuHasNobodyToTalkTo", well,
       [](Setting& s) {
         s.machine.memlock_bytes = std::int64_t{8} << 20U;
         s.machine.pci.pop_back();
       }},
      {"memlock-low", "ItCannotBeRead", blind,
       [](Setting& s) { s.machine.memlock_bytes = Error(Errc::malformed, "no 'Max locked memory'"); },
       "the limit of locked memory could not be read"},
      {"disk-low", "AnEnvironmentWouldNotFit", sick,
       [](Setting& s) {
         s.machine.envs.clear();
         s.machine.disks[0].free_bytes = 3'000'000'000;
       },
       "/home/user", "[python] prefix", Severity::warn},
      {"disk-low", "TheNearestDiskAboveCounts", sick,
       [](Setting& s) {
         s.machine.envs.clear();
         s.machine.disks = {{.path = "/", .free_bytes = 500'000'000'000, .total_bytes = 500'000'000'000},
                            {.path = "/data", .free_bytes = 1'000'000'000, .total_bytes = 500'000'000'000}};
         s.goal.python_prefix = "/data/python";
       },
       "/data", "[python] prefix", Severity::warn},
      {"disk-low", "TheEnvironmentIsThereAlready", well,
       [](Setting& s) { s.machine.disks[0].free_bytes = 3'000'000'000; }},
      {"disk-low", "ANameThatOnlyBeginsTheSame", well,
       [](Setting& s) {
         s.machine.envs.clear();
         s.machine.disks = {{.path = "/", .free_bytes = 500'000'000'000, .total_bytes = 500'000'000'000},
                            {.path = "/home/use", .free_bytes = 1, .total_bytes = 1}};
       }},
      {"disk-low", "AModelWouldNotFit", sick,
       [](Setting& s) {
         s.goal.stacks = {{.name = "exllamav2", .model = "org/Llama-2-70b-hf", .where = "bringup.toml:3"}};
         s.machine.disks[0].free_bytes = 130'000'000'000;
       },
       "org/Llama-2-70b-hf: about 130 GiB by its name", "bringup model plan", Severity::warn},
      {"disk-low", "AQuantisedModelFits", well,
       [](Setting& s) {
         s.goal.stacks = {{.name = "exllamav2", .model = "org/Llama-2-70B-exl2", .where = ""}};
         s.machine.disks[0].free_bytes = 130'000'000'000;
       }},
      {"disk-low", "ItsNameTellsNothing", well,
       [](Setting& s) {
         s.goal.stacks = {{.name = "exllamav2", .model = "org/b-1x7b-phi-2bc", .where = ""}};
         s.machine.disks[0].free_bytes = 3'000'000'000;
       }},
      {"disk-low", "TheModelIsADirectory", well,
       [](Setting& s) {
         s.goal.stacks = {{.name = "exllamav2", .model = "/data/llama-70b", .where = ""}};
         s.machine.disks[0].free_bytes = 3'000'000'000;
       }},
      {"disk-low", "TheStackIsThereWithItsModel", well,
       [](Setting& s) {
         s.goal.stacks = {{.name = "exllamav2", .model = "org/llama-70b", .where = ""}};
         s.machine.envs[0].path = "/home/user/.local/share/bringup/envs/stack-exllamav2";
         s.machine.disks[0].free_bytes = 3'000'000'000;
       }},
      {"disk-low", "NobodyAskedThere", blind,
       [](Setting& s) {
         s.machine.envs.clear();
         s.machine.disks.clear();
       },
       "the free space at /home/user was not read"},
      {"disk-low", "TheMachineIsDescribed", blind, describe, "its disks cannot be seen"},
  };
}

}  // namespace bringup::diagnose::testing
