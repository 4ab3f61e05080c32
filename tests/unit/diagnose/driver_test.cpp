// SPDX-License-Identifier: Apache-2.0
// Machines with a driver that is wrong, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;
using facts::Flavour;

void put_into_container(Setting& setting) {
  setting.machine.container = std::optional<std::string>("docker");
}

void bind_first_to_nouveau(Setting& setting) {
  setting.machine.pci[0].kernel_driver = std::optional<std::string>("nouveau");
}

void hide_loaded(Setting& setting) {
  unload(setting);
  setting.machine.driver.loaded = Error(Errc::denied, "/proc/driver/nvidia/version: permission denied");
}

void without_any_driver(Setting& setting) {
  unload(setting);
  setting.machine.driver.modules.clear();
  setting.machine.driver.libcuda.clear();
  setting.machine.driver.libnvml.clear();
  setting.machine.packages.list = std::vector<facts::Package>{};
}

void upgrade_libraries(Setting& setting) {
  setting.machine.driver.libcuda = {"580.200.01"};
  setting.machine.driver.libnvml = {"580.200.01"};
}

void use_card(Setting& setting, std::uint16_t device) {
  setting.machine.pci[1].device_id = device;
}

void describe(Setting& setting) {
  setting.machine.hypothetical = true;
  setting.machine.cpus = 0;
}

std::vector<Case> presence() {
  return {
      {"nouveau-bound",
       "NouveauHoldsOne",
       sick,
       bind_first_to_nouveau,
       "nouveau",
       "blacklist nouveau, then sudo update-initramfs -u",
       Severity::fail,
       {kFirst},
       {"/etc/modprobe.d/bringup-nouveau.conf"}},
      {"nouveau-bound", "LoadedForAnotherCard", well,
       [](Setting& s) { s.machine.driver.nouveau_loaded = true; }},
      {"nouveau-bound", "NoDriverIsWanted", well,
       [](Setting& s) {
         bind_first_to_nouveau(s);
         s.goal.driver = "none";
       }},
      {"nouveau-bound", "TheBindingCannotBeRead", blind,
       [](Setting& s) { s.machine.pci[0].kernel_driver = Error(Errc::denied, "driver: permission denied"); },
       "which driver holds the GPUs could not be read: driver: permission denied"},
      {"driver-missing",
       "NothingAnywhere",
       sick,
       without_any_driver,
       "no NVIDIA module for any kernel",
       "bringup up",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-missing",
       "APackageWithoutItsModule",
       sick,
       [](Setting& s) {
         without_any_driver(s);
         s.machine.packages.list = std::vector<facts::Package>{held("nvidia-kernel-dkms", "535.183.01-1")};
       },
       "nvidia-kernel-dkms 535.183.01-1 is installed, its module not built",
       "dkms status",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-missing", "OnDiskIsNotMissing", well, unload},
      {"driver-missing", "AllAreForVirtualMachines", well,
       [](Setting& s) {
         without_any_driver(s);
         for (auto& gpu : s.machine.pci) gpu.kernel_driver = std::optional<std::string>("vfio-pci");
       }},
      {"driver-missing", "ASandboxHidesProc", well,
       [](Setting& s) {
         without_any_driver(s);
         s.machine.nvml = healthy_machine().nvml;
       }},
      {"driver-missing", "InAContainerItIsTheHosts", blind,
       [](Setting& s) {
         without_any_driver(s);
         put_into_container(s);
       },
       "the kernel module is its host's"},
      {"driver-missing", "ProcCannotBeRead", blind, hide_loaded, "permission denied"},
      {"driver-missing", "TheGpusAreNotHere", blind,
       [](Setting& s) {
         without_any_driver(s);
         s.machine.hypothetical = true;
       },
       "--for"},
      {"driver-not-loaded",
       "OnDiskForThisKernel",
       sick,
       unload,
       "updates/dkms/nvidia.ko",
       "sudo modprobe nvidia",
       Severity::fail,
       {kFirst, kSecond},
       {"nvidia"}},
      {"driver-not-loaded",
       "NouveauIsInTheWay",
       sick,
       [](Setting& s) {
         unload(s);
         s.machine.driver.nouveau_loaded = true;
       },
       "nouveau",
       "blacklist nouveau",
       Severity::fail,
       {kFirst, kSecond},
       {"/etc/modprobe.d/bringup-nouveau.conf"}},
      {"driver-not-loaded",
       "OnDiskForAnotherKernel",
       sick,
       [](Setting& s) {
         unload(s);
         s.machine.driver.modules = {module_for(kNext)};
       },
       "which has no NVIDIA module",
       "dkms autoinstall -k 6.1.0-25-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-not-loaded",
       "SomebodyKeepsItAway",
       sick,
       [](Setting& s) {
         unload(s);
         s.machine.boot.modprobe->push_back({.file = "f", .line = 2, .text = "alias nvidia off"});
       },
       "alias nvidia off",
       "nvidia-kept-away",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-not-loaded",
       "ItWasBuiltForAnotherKernel",
       sick,
       [](Setting& s) {
         unload(s);
         s.machine.driver.modules[0].built_for = "6.1.0-24-amd64";
       },
       "built for kernel 6.1.0-24-amd64",
       "sudo dkms build --force nvidia/580.159.04 -k 6.1.0-25-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-not-loaded",
       "SecureBootRefusesIt",
       sick,
       [](Setting& s) {
         unload(s);
         for (facts::ModuleOnDisk& module : s.machine.driver.modules) module.signer = "";
       },
       "is not signed",
       "secure-boot-unsigned",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-not-loaded",
       "ItsKeyIsNotTrusted",
       sick,
       [](Setting& s) {
         unload(s);
         for (facts::ModuleOnDisk& module : s.machine.driver.modules) {
           module.signer = "desk";
           module.path = "/lib/modules/" + module.kernel + "/updates/dkms/nvidia.ko";
         }
         s.machine.boot.signing_key = std::optional(facts::SigningKey{.path = "/k", .trust = "none"});
       },
       "none",
       "until its key is trusted",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-not-loaded", "NotOnDiskIsMissing", well, without_any_driver},
      {"driver-not-loaded", "NoGpuWantsIt", well,
       [](Setting& s) {
         unload(s);
         s.machine.pci.clear();
       }},
      {"driver-not-loaded", "ProcCannotBeRead", blind, hide_loaded, "permission denied"},
  };
}

std::vector<Case> versions() {
  return {
      {"driver-library-mismatch", "NvmlSaysSo", sick,
       [](Setting& s) { s.machine.nvml = Error(Errc::failed, "NVML: Driver/library version mismatch (18)"); },
       "Driver/library version mismatch (18)", "reboot"},
      {"driver-library-mismatch", "LibcudaIsOfAnotherVersion", sick,
       [](Setting& s) {
         upgrade_libraries(s);
         s.machine.nvml = Error(Errc::timeout, "did not answer");
         s.machine.counts.cuda.gpus = Error(Errc::failed, "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
       },
       "580.200.01", "reboot"},
      {"driver-library-mismatch", "WhatAnswersIsNotMismatched", well, upgrade_libraries},
      {"driver-library-mismatch", "NothingIsLoaded", well,
       [](Setting& s) {
         unload(s);
         upgrade_libraries(s);
       }},
      {"driver-library-mismatch", "NoLibraryToCompareWith", blind,
       [](Setting& s) {
         s.machine.driver.libcuda.clear();
         s.machine.driver.libnvml.clear();
         s.machine.nvml = Error(Errc::absent, "libnvidia-ml.so.1: cannot open shared object file");
       },
       "no libcuda and no libnvidia-ml"},
      {"driver-library-mismatch", "ProcCannotBeRead", blind, hide_loaded, "permission denied"},
      {"driver-several-versions", "TwoLibcudas", sick,
       [](Setting& s) {
         s.machine.driver.libcuda = {"535.183.01", kDriver};
       },
       "535.183.01, 580.159.04", "ldconfig", Severity::warn},
      {"driver-several-versions", "ARunfileBesidePackages", sick,
       [](Setting& s) { s.machine.driver.foreign = "/usr/bin/nvidia-uninstall"; }, "nvidia-kernel-open-dkms",
       "sudo /usr/bin/nvidia-uninstall", Severity::warn},
      {"driver-several-versions", "ARunfileAlone", well,
       [](Setting& s) {
         s.machine.driver.foreign = "/usr/bin/nvidia-uninstall";
         s.machine.packages.list = std::vector<facts::Package>{held("linux-image-amd64", "6.1")};
       }},
      {"driver-several-versions", "PackagesCannotBeRead", blind,
       [](Setting& s) {
         s.machine.driver.foreign = "/usr/bin/nvidia-uninstall";
         s.machine.packages.list = Error(Errc::denied, "permission denied");
       },
       "could not be read: permission denied"},
      {"driver-several-versions", "TheMachineIsDescribed", blind, describe, "described and not here"},
      {"driver-end-of-life", "TheBranchHasEnded", sick,
       [](Setting& s) { run_driver(s, "535.183.01", Flavour::open); }, "last updates 2026-06", "branch 580",
       Severity::warn},
      {"driver-end-of-life", "OnDiskAloneEndsToo", sick,
       [](Setting& s) {
         run_driver(s, "535.183.01", Flavour::open);
         unload(s);
       },
       "last updates 2026-06", "branch 580", Severity::warn},
      {"driver-end-of-life", "TheLastMonthIsNotOver", well,
       [](Setting& s) {
         run_driver(s, "535.183.01", Flavour::open);
         s.today = "2026-06-30";
       }},
      {"driver-end-of-life", "NoSuchBranchIsKnown", blind,
       [](Setting& s) { run_driver(s, "999.10.01", Flavour::open); }, "no driver branch for 999.10.01"},
      {"driver-end-of-life", "NobodyKnowsTheDate", blind, [](Setting& s) { s.today = ""; }, "today's date"},
  };
}

std::vector<Case> flavours() {
  return {
      {"module-flavour-wrong",
       "BlackwellWithProprietary",
       sick,
       [](Setting& s) {
         run_driver(s, kDriver, Flavour::proprietary);
         use_card(s, 0x2901);
       },
       "Blackwell): open modules only",
       "the open flavour",
       Severity::fail,
       {kSecond}},
      {"module-flavour-wrong",
       "GraceHopperWithProprietary",
       sick,
       [](Setting& s) {
         run_driver(s, kDriver, Flavour::proprietary);
         use_card(s, 0x2342);
       },
       "open modules only",
       "the open flavour",
       Severity::fail,
       {kSecond}},
      {"module-flavour-wrong",
       "VoltaWithOpen",
       sick,
       [](Setting& s) { use_card(s, 0x1db1); },
       "Volta): proprietary modules only",
       "the proprietary flavour",
       Severity::fail,
       {kSecond}},
      {"module-flavour-wrong",
       "NoneServesBoth",
       sick,
       [](Setting& s) {
         s.machine.pci[0].device_id = 0x2901;
         use_card(s, 0x1db1);
       },
       "proprietary modules only",
       "no driver serves all",
       Severity::fail,
       {kSecond}},
      {"module-flavour-wrong", "TheBranchItselfDoesNotDriveIt", well,
       [](Setting& s) {
         run_driver(s, "590.44.01", Flavour::open);
         use_card(s, 0x1b06);
       }},
      {"module-flavour-wrong", "TuringTakesBoth", well, [](Setting& s) { use_card(s, 0x1eb8); }},
      {"module-flavour-wrong", "HopperTakesBoth", well,
       [](Setting& s) { run_driver(s, kDriver, Flavour::proprietary); }},
      {"module-flavour-wrong", "ACompressedModuleDoesNotTell", blind,
       [](Setting& s) {
         unload(s);
         use_card(s, 0x2901);
         for (auto& module : s.machine.driver.modules) module.flavour = std::nullopt;
       },
       "cannot be read"},
      {"module-flavour-wrong", "TheBusCannotBeRead", blind,
       [](Setting& s) { s.machine.pci_visible = Error(Errc::denied, "permission denied"); },
       "the PCI bus could not be read"},
  };
}

}  // namespace

std::vector<Case> driver_cases() {
  std::vector<Case> out;
  for (auto& part : {presence(), versions(), flavours()}) out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace bringup::diagnose::testing
