// SPDX-License-Identifier: Apache-2.0
// Machines with package trouble, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void hide_packages(Setting& setting) {
  setting.machine.packages.list = Error(Errc::denied, "/var/lib/dpkg/status: permission denied");
}

facts::Package& package(Setting& setting, std::string_view name) {
  for (facts::Package& one : *setting.machine.packages.list) {
    if (one.name == name) return one;
  }
  setting.machine.packages.list->push_back({.name = std::string(name), .version = "1"});
  return setting.machine.packages.list->back();
}

// Switches on the bus, and CUDA that does not start: what a board without its manager looks like.
void show_switches(Setting& setting) {
  setting.machine.pci.push_back({.address = "0000:90:00.0",
                                 .kind = facts::PciKind::nvswitch,
                                 .device_id = 0x22a3,
                                 .class_code = 0x068000});
  setting.machine.counts.cuda.gpus = Error(Errc::failed, "cuInit: CUDA_ERROR_SYSTEM_NOT_READY");
}

std::vector<Case> whole() {
  return {
      {"dpkg-interrupted", "TheJournalIsNotEmpty", sick,
       [](Setting& s) { s.machine.packages.interrupted = true; }, "dpkg was interrupted",
       "sudo dpkg --configure -a", Severity::warn},
      {"dpkg-interrupted", "ABrokenPackageIsAnotherMatter", well,
       [](Setting& s) { package(s, "nvidia-open").broken = true; }},
      {"dpkg-interrupted", "PackagesCannotBeRead", blind, hide_packages, "permission denied"},
      {"packages-broken", "OneIsHalfConfigured", sick,
       [](Setting& s) { package(s, "nvidia-open").broken = true; }, "nvidia-open 580.159.04-1",
       "--fix-broken install", Severity::warn},
      {"packages-broken", "HeldIsNotBroken", well, [](Setting& s) { package(s, "nvidia-open").held = true; }},
      {"packages-broken", "PackagesCannotBeRead", blind, hide_packages, "permission denied"},
      {"kernel-not-held",
       "TheKernelsMetapackageIsFree",
       sick,
       [](Setting& s) { package(s, "linux-image-amd64").held = false; },
       "linux-image-amd64",
       "sudo apt-mark hold linux-image-amd64",
       Severity::info,
       {},
       {"linux-image-amd64"}},
      {"kernel-not-held", "TheDriverMayBeUpdated", well,
       [](Setting& s) { package(s, "nvidia-open").held = false; }},
      {"kernel-not-held", "AKernelOfOneReleaseNeverChanges", well,
       [](Setting& s) { package(s, "linux-image-6.1.0-25-amd64").held = false; }},
      {"kernel-not-held", "TheGoalLeavesThemFree", well,
       [](Setting& s) {
         package(s, "nvidia-open").held = false;
         s.goal.kernel = "free";
       }},
      {"kernel-not-held", "NoDriverCameFromPackages", well,
       [](Setting& s) {
         s.machine.packages.list = std::vector<facts::Package>{{.name = "linux-image-amd64"}};
       }},
      {"kernel-not-held", "RpmDoesNotTell", blind, [](Setting& s) { s.machine.packages.manager = "rpm"; },
       "dnf versionlock"},
      {"kernel-not-held", "PackagesCannotBeRead", blind, hide_packages, "permission denied"},
  };
}

std::vector<Case> fabric() {
  return {
      {"fabric-manager-missing",
       "SwitchesWithoutTheirManager",
       sick,
       show_switches,
       "NVSwitch 10de:22a3",
       "install nvidia-fabricmanager in",
       Severity::fail,
       {kFirst, kSecond}},
      {"fabric-manager-missing",
       "OlderBranchesNameThePackageOtherwise",
       sick,
       [](Setting& s) {
         show_switches(s);
         run_driver(s, "570.172.08", facts::Flavour::open);
       },
       "no package of Fabric Manager",
       "install nvidia-fabricmanager-570 in",
       Severity::fail,
       {kFirst, kSecond}},
      {"fabric-manager-missing", "ItIsInstalled", well,
       [](Setting& s) {
         show_switches(s);
         package(s, "nvidia-fabricmanager").held = true;
       }},
      {"fabric-manager-missing", "CudaStartsAllTheSame", well,
       [](Setting& s) {
         show_switches(s);
         s.machine.counts.cuda.gpus = 2;
       }},
      {"fabric-manager-missing", "GpusOfAVirtualMachineWithoutSwitches", well,
       [](Setting& s) {
         s.machine.hypervisor = "qemu";
         s.machine.counts.cuda.gpus = Error(Errc::timeout, "did not answer");
       }},
      {"fabric-manager-missing", "BoardsThatHideTheirSwitches", blind,
       [](Setting& s) {
         s.machine.pci[0].device_id = 0x2901;
         s.machine.counts.cuda.gpus = Error(Errc::failed, "cuInit: CUDA_ERROR_SYSTEM_NOT_READY");
       },
       "do not show their NVSwitches"},
      {"fabric-manager-missing", "PackagesCannotBeRead", blind,
       [](Setting& s) {
         show_switches(s);
         hide_packages(s);
       },
       "permission denied"},
  };
}

}  // namespace

std::vector<Case> package_cases() {
  std::vector<Case> out = whole();
  for (auto& one : fabric()) out.push_back(one);
  return out;
}

}  // namespace bringup::diagnose::testing
