// SPDX-License-Identifier: Apache-2.0
// Machines whose next boot goes wrong, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void put_into_container(Setting& setting) {
  setting.machine.container = std::optional<std::string>("podman");
}

void unsign(Setting& setting) {
  for (facts::ModuleOnDisk& module : setting.machine.driver.modules) module.signer = "";
}

void compress(Setting& setting) {
  for (facts::ModuleOnDisk& module : setting.machine.driver.modules) {
    module.path += ".xz";
    module.version = "";
    module.signer = "";
  }
}

void upgrade_on_disk(Setting& setting) {
  for (facts::ModuleOnDisk& module : setting.machine.driver.modules) module.version = "580.200.01";
}

// One module for kNext, built for another kernel; unversioned ones are refused outright.
void misbuild(Setting& setting) {
  setting.machine.driver.modules[1].built_for = kRunning;
}

std::vector<Case> modules_of_others() {
  return {
      {"module-for-other-kernel",
       "TheNextKernelsWasBuiltForTheRunningOne",
       sick,
       misbuild,
       "built for kernel 6.1.0-25-amd64",
       "let /lib/modules/6.1.0-28-amd64/build lead to that kernel's own headers "
       "(linux-headers-6.1.0-28-amd64), "
       "then sudo dkms build --force nvidia/580.159.04 -k 6.1.0-28-amd64 && sudo dkms install --force "
       "nvidia/580.159.04 -k 6.1.0-28-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"module-for-other-kernel",
       "WithVersionsOfItsSymbolsItMayBeTaken",
       sick,
       [](Setting& s) {
         misbuild(s);
         s.machine.driver.modules[1].versioned = true;
       },
       "taken only if no symbol has changed",
       "dkms build --force",
       Severity::warn,
       {kFirst, kSecond}},
      {"module-for-other-kernel",
       "TheRunningKernelsIsNotLoaded",
       sick,
       [](Setting& s) {
         s.machine.driver.modules[0].built_for = "6.1.0-9-amd64";
         s.machine.driver.loaded = std::optional<facts::LoadedModule>{};
       },
       "built for kernel 6.1.0-9-amd64",
       "-k 6.1.0-25-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"module-for-other-kernel",
       "WithoutDkmsItIsBuiltByWhatBuiltIt",
       sick,
       [](Setting& s) {
         misbuild(s);
         s.machine.boot.dkms->clear();
       },
       "/updates/dkms/nvidia.ko",
       "then build the driver's module anew",
       Severity::fail,
       {kFirst, kSecond}},
      {"module-for-other-kernel", "ItsOwn", well,
       [](Setting& s) {
         s.machine.driver.modules[0].built_for = kRunning;
         s.machine.driver.modules[1].built_for = kNext;
       }},
      {"module-for-other-kernel", "TheRunningKernelHasTakenIt", well,
       [](Setting& s) { s.machine.driver.modules[0].built_for = "6.1.0-24-amd64"; }},
      {"module-for-other-kernel", "AKernelOfTheSameInterfaceMayTakeIt", well,
       [](Setting& s) {
         misbuild(s);
         s.machine.driver.modules[1].path = "/lib/modules/6.1.0-28-amd64/weak-updates/nvidia.ko";
       }},
      {"module-for-other-kernel", "OneOfItsOwnStandsBeside", well,
       [](Setting& s) {
         misbuild(s);
         s.machine.driver.modules.push_back(module_for(kNext));
         s.machine.driver.modules.back().built_for = kNext;
       }},
      {"module-for-other-kernel", "OfAKernelThatDoesNotBoot", well,
       [](Setting& s) {
         misbuild(s);
         s.machine.kernel.installed[1].bootable = false;
       }},
      {"module-for-other-kernel", "KernelsAreTheHosts", blind, put_into_container, "its host's"},
  };
}

std::vector<Case> modules() {
  return {
      {"module-missing-next-kernel",
       "TheNewestHasNone",
       sick,
       [](Setting& s) { s.machine.driver.modules = {module_for(kRunning)}; },
       "no NVIDIA module",
       "sudo dkms autoinstall -k 6.1.0-28-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"module-missing-next-kernel",
       "TheNewestHasNoHeadersEither",
       sick,
       [](Setting& s) {
         s.machine.driver.modules = {module_for(kRunning)};
         s.machine.kernel.installed[1].headers = false;
       },
       "/boot/vmlinuz-6.1.0-28-amd64",
       "sudo apt-get install linux-headers-6.1.0-28-amd64",
       Severity::fail,
       {kFirst, kSecond},
       {"linux-headers-6.1.0-28-amd64"}},
      {"module-missing-next-kernel",
       "NumbersCompareAsNumbers",
       sick,
       [](Setting& s) {
         s.machine.kernel.installed = {{.release = "6.1.0-9-amd64", .bootable = true, .headers = true},
                                       {.release = "6.1.0-10-amd64", .bootable = true, .headers = true}};
         s.machine.driver.modules = {module_for("6.1.0-9-amd64")};
       },
       "no NVIDIA module",
       "6.1.0-10-amd64",
       Severity::fail,
       {kFirst, kSecond}},
      {"module-missing-next-kernel", "TheOneWithoutCannotBeBooted", well,
       [](Setting& s) {
         s.machine.driver.modules = {module_for(kRunning)};
         s.machine.kernel.installed[1].bootable = false;
       }},
      {"module-missing-next-kernel", "NoGpuIsThereToLose", well,
       [](Setting& s) {
         s.machine.driver.modules = {module_for(kRunning)};
         s.machine.pci.clear();
       }},
      {"module-missing-next-kernel", "TheDriverComesFromElsewhere", blind,
       [](Setting& s) { s.machine.driver.modules.clear(); }, "where it comes from is not known"},
      {"module-missing-next-kernel", "KernelsAreTheHosts", blind, put_into_container, "its host's"},
      {"module-missing-next-kernel", "NoKernelIsToBeSeen", blind,
       [](Setting& s) { s.machine.kernel.installed.clear(); }, "no kernel that can be booted"},
      {"module-other-version", "AnUpgradeWaits", sick, upgrade_on_disk, "580.200.01", "reboot",
       Severity::warn},
      {"module-other-version", "AnotherKernelsModule", well,
       [](Setting& s) { s.machine.driver.modules[1].version = "580.200.01"; }},
      {"module-other-version", "ACompressedModuleDoesNotTell", blind, compress, "a compressed module"},
      {"module-other-version", "TheRunningKernelHasNoneOnDisk", blind,
       [](Setting& s) { s.machine.driver.modules = {module_for(kNext)}; },
       "no module for the running kernel"},
  };
}

std::vector<Case> building() {
  return {
      {"kernel-headers-missing",
       "TheNextKernelHasNone",
       sick,
       [](Setting& s) { s.machine.kernel.installed[1].headers = false; },
       "/lib/modules/6.1.0-28-amd64/build",
       "sudo apt-get install linux-headers-6.1.0-28-amd64",
       Severity::warn,
       {},
       {"linux-headers-6.1.0-28-amd64"}},
      {"kernel-headers-missing",
       "RedHatNamesThemOtherwise",
       sick,
       [](Setting& s) {
         s.machine.packages.manager = "rpm";
         s.machine.packages.list = std::vector<facts::Package>{held("kmod-nvidia-open-dkms", "580.159.04-1")};
         s.machine.kernel.installed[0].headers = false;
       },
       "/lib/modules/6.1.0-25-amd64/build",
       "sudo dnf install kernel-devel-6.1.0-25-amd64",
       Severity::warn,
       {},
       {"kernel-devel-6.1.0-25-amd64"}},
      {"kernel-headers-missing", "NobodyBuildsHere", well,
       [](Setting& s) {
         s.machine.kernel.installed[1].headers = false;
         s.machine.packages.list = std::vector<facts::Package>{held("nvidia-open", "580.159.04-1")};
       }},
      {"kernel-headers-missing", "AnOldKernelMayLackThem", well,
       [](Setting& s) {
         s.machine.kernel.installed.insert(s.machine.kernel.installed.begin(),
                                           {.release = "6.1.0-20-amd64", .bootable = true, .headers = false});
       }},
      {"kernel-headers-missing", "PackagesCannotBeRead", blind,
       [](Setting& s) {
         s.machine.packages.list = Error(Errc::denied, "/var/lib/dpkg/status: permission denied");
       },
       "the installed packages could not be read"},
      {"kernel-headers-missing", "KernelsAreTheHosts", blind, put_into_container, "its host's"},
      {"secure-boot-unsigned", "TheModuleHasNoSignature", sick,
       [](Setting& s) {
         unload(s);
         unsign(s);
       },
       "580.159.04, without a signature", "mokutil --import"},
      {"secure-boot-unsigned", "SecureBootIsOff", well,
       [](Setting& s) {
         unload(s);
         unsign(s);
         s.machine.secure_boot = false;
       }},
      {"secure-boot-unsigned", "ThisKernelTookItUnsigned", well, unsign},
      {"secure-boot-unsigned", "SecureBootCannotBeRead", blind,
       [](Setting& s) { s.machine.secure_boot = Error(Errc::absent, "efivars is not mounted here"); },
       "whether Secure Boot is on could not be read"},
      {"secure-boot-unsigned", "ACompressedModuleDoesNotTell", blind, compress, "a compressed module"},
  };
}

}  // namespace

std::vector<Case> kernel_cases() {
  std::vector<Case> out = modules();
  for (auto& one : modules_of_others()) out.push_back(one);
  for (auto& one : building()) out.push_back(one);
  return out;
}

}  // namespace bringup::diagnose::testing
