// SPDX-License-Identifier: Apache-2.0
// Machines whose boot, upgrades or fabric go wrong, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void put_into_container(Setting& s) {
  s.machine.container = std::optional<std::string>("podman");
}
void hide_packages(Setting& s) {
  s.machine.packages.list = Error(Errc::denied, "/var/lib/dpkg/status: Permission denied");
}
void hide_modprobe(Setting& s) {
  s.machine.boot.modprobe = Error(Errc::denied, "/etc/modprobe.d: Permission denied");
}
void add_package(Setting& s, const std::string& name, const std::string& version) {
  s.machine.packages.list->push_back({.name = name, .version = version, .architecture = "amd64"});
}
void keep_away(Setting& s, const std::string& text) {
  s.machine.boot.modprobe->push_back({.file = "/etc/modprobe.d/x.conf", .line = 3, .text = text});
}
// A board with NVSwitches and its manager, as it should be.
void on_a_fabric(Setting& s) {
  s.machine.pci.push_back({.address = "0000:c4:00.0", .kind = facts::PciKind::nvswitch, .device_id = 0x22a3});
  add_package(s, "nvidia-fabricmanager", std::string(kDriver) + "-1");
  s.machine.boot.enabled->emplace_back("nvidia-fabricmanager");
}
void upgrade_by_itself(Setting& s) {
  s.machine.boot.unattended = facts::Unattended{.on = true, .origins = {"o"}, .never = {}};
  add_package(s, "libnvidia-compute-580", "580.159.04-1");
}
void be_wsl(Setting& s) {
  s.machine.container = std::optional<std::string>("wsl");
  s.machine.packages.list = std::vector<facts::Package>{};
}

std::vector<Case> kept() {
  return {
      {"nvidia-kept-away",
       "ByPrimeSelect",
       sick,
       [](Setting& s) { keep_away(s, "alias nvidia off"); },
       "/etc/modprobe.d/x.conf:3",
       "prime-select nvidia",
       Severity::fail,
       {kFirst, kSecond}},
      {"nvidia-kept-away",
       "ByAnInstallLine",
       sick,
       [](Setting& s) { keep_away(s, "install nvidia /bin/false"); },
       "/bin/false",
       "update-initramfs",
       Severity::fail,
       {kFirst, kSecond}},
      {"nvidia-kept-away", "ACompanionAlone", well,
       [](Setting& s) {
         keep_away(s, "blacklist nvidia-drm");
         keep_away(s, "install nvidia /sbin/modprobe nvidia-current");
       }},
      {"nvidia-kept-away", "NoDriverIsWanted", well,
       [](Setting& s) {
         keep_away(s, "blacklist nvidia");
         s.goal.driver = "none";
       }},
      {"nvidia-kept-away", "ItCannotBeRead", blind, hide_modprobe, "Permission denied"},
      {"nouveau-not-kept-away",
       "NoLine",
       sick,
       [](Setting& s) { s.machine.boot.modprobe->clear(); },
       "no line keeps nouveau away",
       "blacklist nouveau",
       Severity::warn,
       {kFirst, kSecond},
       {"/etc/modprobe.d/bringup-nouveau.conf"}},
      {"nouveau-not-kept-away", "OnlyForAnOldKernel", well,
       [](Setting& s) {
         s.machine.boot.modprobe->clear();
         s.machine.boot.rivals = {kRunning};
       }},
      {"nouveau-not-kept-away", "ByTheCommandLine", well,
       [](Setting& s) {
         s.machine.boot.modprobe->clear();
         s.machine.kernel.command_line = "module_blacklist=nouveau";
       }},
      {"nouveau-not-kept-away", "ItCannotBeRead", blind, hide_modprobe, "Permission denied"},
      {"boot-disk-low", "Nearly", sick, [](Setting& s) { s.machine.disks[1].free_bytes = 40'000'000; },
       "/boot", "apt-get autoremove", Severity::warn},
      {"boot-disk-low", "JustEnough", well, [](Setting& s) { s.machine.disks[1].free_bytes = 200'000'000; }},
      {"boot-disk-low", "ItWasNotRead", blind, [](Setting& s) { s.machine.disks.pop_back(); },
       "was not read"},
  };
}

std::vector<Case> upgrades() {
  return {
      {"reboot-required", "ItIs", sick,
       [](Setting& s) {
         s.machine.boot.reboot_required = true;
         s.machine.boot.reboot_required_by = {"linux-base"};
       },
       "linux-base", "--next-boot", Severity::info},
      {"reboot-required", "ItIsNot", well, [](Setting&) {}},
      {"reboot-required", "ItCannotBeSeen", blind,
       [](Setting& s) { s.machine.boot.reboot_required = Error(Errc::denied, "/run: denied"); },
       "/run: denied"},
      {"unattended-driver",
       "NothingIsHeld",
       sick,
       upgrade_by_itself,
       "libnvidia-compute-580",
       "apt-mark hold libnvidia-compute-580",
       Severity::warn,
       {},
       {"libnvidia-compute-580"}},
      {"unattended-driver", "ItIsNamedAmongWhatNeverComes", well,
       [](Setting& s) {
         upgrade_by_itself(s);
         s.machine.boot.unattended->never = {"libnvidia-.*"};
       }},
      {"unattended-driver", "AllIsHeld", well,
       [](Setting& s) {
         s.machine.boot.unattended = facts::Unattended{.on = true, .origins = {}, .never = {}};
       }},
      {"unattended-driver", "PackagesCannotBeRead", blind, hide_packages, "Permission denied"},
      {"wsl-linux-driver", "Installed", sick,
       [](Setting& s) {
         be_wsl(s);
         add_package(s, "nvidia-driver-580", "580.159.04-1");
       },
       "nvidia-driver-580", "remove nvidia-driver-580", Severity::fail},
      {"wsl-linux-driver", "OnlyAToolkit", well,
       [](Setting& s) {
         be_wsl(s);
         add_package(s, "cuda-toolkit-13-0", "13.0.2-1");
       }},
      {"wsl-linux-driver", "PackagesCannotBeRead", blind,
       [](Setting& s) {
         be_wsl(s);
         hide_packages(s);
       },
       "Permission denied"},
  };
}

std::vector<Case> fabric() {
  return {
      {"fabric-manager-disabled",
       "NobodyWantsIt",
       sick,
       [](Setting& s) {
         on_a_fabric(s);
         s.machine.boot.enabled->pop_back();
       },
       "NVSwitch",
       "systemctl enable --now nvidia-fabricmanager",
       Severity::fail,
       {},
       {"nvidia-fabricmanager"}},
      {"fabric-manager-disabled", "ItStarts", well, on_a_fabric},
      {"fabric-manager-disabled", "NoSwitches", well,
       [](Setting& s) { add_package(s, "nvidia-fabricmanager", "580.159.04-1"); }},
      {"fabric-manager-disabled", "ServicesCannotBeRead", blind,
       [](Setting& s) {
         on_a_fabric(s);
         s.machine.boot.enabled = Error(Errc::denied, "/etc/systemd: denied");
       },
       "/etc/systemd: denied"},
      {"fabric-manager-version",
       "AnOlderOne",
       sick,
       [](Setting& s) {
         on_a_fabric(s);
         s.machine.packages.list->back().version = "580.126.09-1";
       },
       "580.126.09-1",
       "in version 580.159.04",
       Severity::fail,
       {},
       {"nvidia-fabricmanager=580.159.04-*", "nvidia-fabricmanager"}},
      {"fabric-manager-version", "TheSame", well, on_a_fabric},
      {"fabric-manager-version", "ItsHeadersAlone", well,
       [](Setting& s) {
         on_a_fabric(s);
         s.machine.packages.list->back() = {.name = "nvidia-fabricmanager-dev", .version = "570.1-1"};
       }},
      {"fabric-manager-version", "NoSwitchesInAContainer", well, put_into_container},
      {"fabric-manager-version", "TheHostsBusiness", blind,
       [](Setting& s) {
         on_a_fabric(s);
         put_into_container(s);
       },
       "its host's"},
  };
}

}  // namespace

std::vector<Case> boot_cases() {
  std::vector<Case> out = kept();
  for (auto& part : {upgrades(), fabric()}) out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace bringup::diagnose::testing
