// SPDX-License-Identifier: Apache-2.0
// Machines whose boards or what carries them want attention, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void hide_nvml(Setting& s) {
  s.machine.nvml = Error(Errc::failed, "NVML: Unknown Error (999)");
}
void translate(Setting& s) {
  s.machine.pci[1].iommu = std::string("DMA-FQ");
}

}  // namespace

std::vector<Case> board_cases() {
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

}  // namespace bringup::diagnose::testing
