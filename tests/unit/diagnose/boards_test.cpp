// SPDX-License-Identifier: Apache-2.0
// Machines whose boards or what carries them want attention, for rules_test.cpp.
#include "patients.hpp"
#include <tuple>

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void hide_nvml(Setting& s) {
  s.machine.nvml = Error(Errc::failed, "NVML: Unknown Error (999)");
}
void translate(Setting& s) {
  s.machine.pci[1].iommu = std::string("DMA-FQ");
}

facts::PciBridge bridge_at(const std::string& address, facts::Reading<bool> redirects) {
  return {.address = address,
          .vendor = 0x10b5,
          .device_id = 0x8796,
          .class_code = 0x060400,
          .link = Error(Errc::absent, "not looked at"),
          .redirects = std::move(redirects)};
}

// Both GPUs below one switch, each at a port of its own.
void share_switch(Setting& s, const facts::Reading<bool>& first, const facts::Reading<bool>& second) {
  s.machine.hypervisor.reset();
  for (auto& gpu : s.machine.nvml->gpus) gpu.nvlinks_active = Error(Errc::unsupported, "no NVLink");
  std::vector<facts::WiredDevice> devices;
  for (const auto& [address, port, redirects] :
       {std::tuple(kFirst, "0000:05:08.0", first), std::tuple(kSecond, "0000:05:10.0", second)})
    devices.push_back(
        {.kind = facts::WiredKind::gpu,
         .address = address,
         .vendor = 0x10de,
         .names = {},
         .way = facts::PciWay{.root = "pci0000:00",
                              .bridges = {bridge_at(port, redirects), bridge_at("0000:04:00.0", false),
                                          bridge_at("0000:00:01.1", true)}}});
  s.machine.wiring.devices = std::move(devices);
}

// The second GPU's place is a network card's.
void make_second_a_card(Setting& s) {
  facts::WiredDevice& card = s.machine.wiring.devices->back();
  card.kind = facts::WiredKind::network;
  card.vendor = 0x15b3;
  for (auto& gpu : s.machine.nvml->gpus) gpu.nvlinks_active = 18;
}

std::vector<Case> access_cases() {
  return {
      {"acs-redirects",
       "AtOnePortOfASwitch",
       sick,
       [](Setting& s) { share_switch(s, false, true); },
       "above 0000:0a:00.0",
       "these ports: 0000:05:10.0",
       Severity::warn,
       {kSecond}},
      {"acs-redirects",
       "BetweenAGpuAndACard",
       sick,
       [](Setting& s) {
         share_switch(s, true, false);
         make_second_a_card(s);
       },
       "above 0000:06:00.0",
       "these ports: 0000:05:08.0",
       Severity::warn,
       {kFirst}},
      {"acs-redirects", "OffAtThePortsAndOnAtTheRoot", well,
       [](Setting& s) { share_switch(s, false, false); }},
      {"acs-redirects", "NvlinksDoNotPassTheSwitch", well,
       [](Setting& s) {
         share_switch(s, true, true);
         for (auto& gpu : s.machine.nvml->gpus) gpu.nvlinks_active = 18;
       }},
      {"acs-redirects", "TwoSwitches", well,
       [](Setting& s) {
         share_switch(s, true, true);
         auto& bridges = s.machine.wiring.devices->back().way->bridges;
         bridges[1].address = "0000:84:00.0";
         bridges[2].address = "0000:80:01.1";
       }},
      {"acs-redirects", "OnlyRootMayRead", blind,
       [](Setting& s) { share_switch(s, false, Error(Errc::denied, "only root is shown it")); },
       "only root is shown it"},
      {"acs-redirects", "TheBusCannotBeRead", blind,
       [](Setting& s) {
         s.machine.hypervisor.reset();
         s.machine.wiring.devices = Error(Errc::denied, "permission denied");
       },
       "permission denied"},
  };
}

// The switch's own link to the processor, as each of its ends tells it.
void link_switch(Setting& s, const facts::PcieLink& lower, const facts::Reading<facts::PcieLink>& upper) {
  share_switch(s, false, false);
  for (facts::WiredDevice& device : *s.machine.wiring.devices) {
    device.way->bridges[1].link = lower;
    device.way->bridges[2].link = upper;
  }
}

constexpr facts::PcieLink kWhole{.generation = 4, .max_generation = 4, .width = 16, .max_width = 16};

std::vector<Case> hop_cases() {
  return {
      {"pcie-hop-narrow",
       "HalfOfTheLanes",
       sick,
       [](Setting& s) {
         const facts::PcieLink half{.generation = 4, .max_generation = 4, .width = 8, .max_width = 16};
         link_switch(s, half, half);
       },
       "PCIe 4.0 x8 now, 4.0 x16 by what both ends can",
       "verify",
       Severity::warn,
       {kFirst, kSecond}},
      {"pcie-hop-narrow",
       "AnOlderGeneration",
       sick,
       [](Setting& s) {
         const facts::PcieLink slow{.generation = 3, .max_generation = 4, .width = 16, .max_width = 16};
         link_switch(s, slow, slow);
       },
       "0000:04:00.0, below 0000:00:01.1",
       "riser",
       Severity::warn,
       {kFirst, kSecond}},
      {"pcie-hop-narrow", "AllThatBothCan", well, [](Setting& s) { link_switch(s, kWhole, kWhole); }},
      {"pcie-hop-narrow", "TheUpperEndCanNoMore", well,
       [](Setting& s) {
         link_switch(s, {.generation = 3, .max_generation = 4, .width = 8, .max_width = 16},
                     facts::PcieLink{.generation = 3, .max_generation = 3, .width = 8, .max_width = 8});
       }},
      {"pcie-hop-narrow", "TheUpperEndDoesNotTell", well,
       [](Setting& s) {
         link_switch(s, {.generation = 3, .max_generation = 4, .width = 8, .max_width = 16},
                     Error(Errc::absent, "no current_link_width"));
       }},
      {"pcie-hop-narrow", "ACardsOwnLinkRestsAtIdle", well,
       [](Setting& s) {
         link_switch(s, kWhole, kWhole);
         for (facts::WiredDevice& device : *s.machine.wiring.devices) {
           device.link = facts::PcieLink{.generation = 1, .max_generation = 4, .width = 16, .max_width = 16};
           device.way->bridges[0].link = device.link;
         }
       }},
      {"pcie-hop-narrow", "AVirtualMachinesBusIsMadeUp", blind,
       [](Setting& s) {
         link_switch(s, kWhole, kWhole);
         s.machine.hypervisor = "qemu";
       },
       "does not show the real one"},
      {"pcie-hop-narrow", "TheBusCannotBeRead", blind,
       [](Setting& s) {
         s.machine.hypervisor.reset();
         s.machine.wiring.devices = Error(Errc::denied, "permission denied");
       },
       "permission denied"},
  };
}

std::vector<Case> other_boards() {
  return {
      {"mig-enabled",
       "One",
       sick,
       [](Setting& s) { s.machine.nvml->gpus[1].mig = true; },
       "MIG mode is on",
       "-mig 0",
       Severity::info,
       {kSecond}},
      {"mig-enabled", "ACardWithoutIt", well,
       [](Setting& s) { s.machine.nvml->gpus[0].mig = Error(Errc::unsupported, "Not Supported"); }},
      {"mig-enabled", "NvmlFails", blind, hide_nvml, "Unknown Error"},
      {"ecc-off",
       "One",
       sick,
       [](Setting& s) { s.machine.nvml->gpus[0].ecc = false; },
       "ECC is off",
       "-e 1",
       Severity::info,
       {kFirst}},
      {"ecc-off", "WhereItCostsMemory", well,
       [](Setting& s) {
         s.machine.nvml->gpus[0].ecc = false;
         s.machine.nvml->gpus[0].compute_capability = std::string("8.6");
       }},
      {"ecc-off", "NvmlFails", blind, hide_nvml, "Unknown Error"},
      {"iommu-translates", "One", sick, translate, "DMA-FQ", "iommu=pt", Severity::warn, {kSecond}},
      {"iommu-translates", "InAVirtualMachine", well,
       [](Setting& s) {
         translate(s);
         s.machine.hypervisor = "kvm";
       }},
      {"iommu-translates", "NoIommu", well, [](Setting& s) { s.machine.pci[1].iommu = std::string(); }},
      {"iommu-translates", "ItCannotBeRead", blind,
       [](Setting& s) { s.machine.pci[1].iommu = Error(Errc::denied, "denied"); }, "denied"},
      {"pcie-errors",
       "Some",
       sick,
       [](Setting& s) { s.machine.pci[1].aer_errors = std::uint64_t{3}; },
       "3 uncorrected errors",
       "reseat",
       Severity::warn,
       {kSecond}},
      {"pcie-errors", "NoCounters", well,
       [](Setting& s) { s.machine.pci[1].aer_errors = Error(Errc::unsupported, "no counters"); }},
      {"pcie-errors", "TheyCannotBeRead", blind,
       [](Setting& s) { s.machine.pci[1].aer_errors = Error(Errc::malformed, "no line TOTAL_ERR_"); },
       "no line TOTAL_ERR_"},
      {"gsp-firmware-missing", "OfAnotherVersion", sick,
       [](Setting& s) { s.machine.gsp_firmware = std::vector<std::string>{"570.1.1"}; }, "570.1.1",
       "in the same version", Severity::fail},
      {"gsp-firmware-missing", "NoFirmwareIsToBeSeen", blind,
       [](Setting& s) {
         s.machine.gsp_firmware = Error(Errc::absent, "no /lib/firmware/nvidia is to be seen");
       },
       "is to be seen"},
      {"gsp-firmware-missing", "TheProprietaryModulesMayDoWithout", well,
       [](Setting& s) {
         s.machine.gsp_firmware = std::vector<std::string>{};
         run_driver(s, kDriver, facts::Flavour::proprietary);
       }},
      {"gsp-firmware-missing", "TheHostsBusiness", blind,
       [](Setting& s) { s.machine.container = std::optional<std::string>("podman"); }, "its host's"},
      {"remove-ipc",
       "TheDefault",
       sick,
       [](Setting& s) { s.machine.remove_ipc = true; },
       "RemoveIPC",
       "RemoveIPC=no",
       Severity::info,
       {},
       {"/etc/systemd/logind.conf.d/bringup-ipc.conf"}},
      {"remove-ipc", "Root", well,
       [](Setting& s) {
         s.machine.remove_ipc = true;
         s.machine.user.root = true;
       }},
      {"remove-ipc", "ItCannotBeRead", blind,
       [](Setting& s) { s.machine.remove_ipc = Error(Errc::denied, "logind.conf: denied"); },
       "logind.conf: denied"},
  };
}

}  // namespace

std::vector<Case> board_cases() {
  std::vector<Case> out = access_cases();
  for (Case& one : hop_cases()) out.push_back(std::move(one));
  for (Case& one : other_boards()) out.push_back(std::move(one));
  return out;
}

}  // namespace bringup::diagnose::testing
