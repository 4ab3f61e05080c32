// SPDX-License-Identifier: Apache-2.0
// Rules over boards and what carries them: MIG, ECC, the IOMMU, errors on the bus, the GPUs' own firmware.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::NvmlGpu;

Result<> need_nvml(const Machine& machine) {
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  return ok;
}

// Chips with HBM, which have ECC without losing memory to it: what it costs elsewhere is the user's to weigh.
bool keeps_ecc(std::string_view compute_capability) {
  constexpr std::array<std::string_view, 6> kChips{"6.0", "7.0", "8.0", "9.0", "10.0", "10.3"};
  return std::ranges::find(kChips, compute_capability) != kChips.end();
}

}  // namespace

Looked look_mig_enabled(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (!machine.hypothetical && machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  TRY(need_nvml(machine));
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const NvmlGpu& gpu : machine.nvml->gpus) {
    if (!gpu.mig || !*gpu.mig) continue;
    sighting.evidence.push_back(seen("NVML", gpu.pci + ": MIG mode is on"));
    sighting.gpus.push_back(gpu.pci);
  }
  if (sighting.gpus.empty()) return Sightings{};
  sighting.fix.summary =
      "nothing, if it is meant so; for whole cards end what runs on them, then: sudo nvidia-smi -mig 0";
  return Sightings{std::move(sighting)};
}

Looked look_ecc_off(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (!machine.hypothetical && machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  TRY(need_nvml(machine));
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const NvmlGpu& gpu : machine.nvml->gpus) {
    if (!gpu.ecc || *gpu.ecc || !gpu.compute_capability || !keeps_ecc(*gpu.compute_capability)) continue;
    sighting.evidence.push_back(seen("NVML", fmt::format("{}: {}, ECC is off", gpu.pci, gpu.name)));
    sighting.gpus.push_back(gpu.pci);
  }
  if (sighting.gpus.empty()) return Sightings{};
  sighting.fix.summary = "sudo nvidia-smi -e 1, then reboot";
  return Sightings{std::move(sighting)};
}

// With translation what goes from GPU to GPU passes the host bridge (NCCL's documentation: PCI access
// control).
Looked look_iommu_translates(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.size() < 2 || machine.hypervisor || is_container(machine)) return Sightings{};
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  std::optional<Error> unread;
  for (const facts::PciFunction* gpu : gpus) {
    if (!gpu->iommu) {
      unread = gpu->iommu.error();
    } else if (gpu->iommu->starts_with("DMA")) {
      sighting.gpus.push_back(gpu->address);
      sighting.evidence.push_back(
          seen(fmt::format("/sys/bus/pci/devices/{}/iommu_group/type", gpu->address), *gpu->iommu));
    }
  }
  if (sighting.gpus.empty() && unread) return std::move(*unread).within("the IOMMU's mode could not be read");
  if (sighting.gpus.empty()) return Sightings{};
  sighting.fix.summary =
      "add iommu=pt to GRUB_CMDLINE_LINUX in /etc/default/grub, make the menu anew (sudo update-grub, or "
      "grub2-mkconfig) and reboot; leave it where GPUs are handed to virtual machines";
  return Sightings{std::move(sighting)};
}

Looked look_pcie_errors(const Patient& patient) {
  Sightings out;
  std::optional<Error> unread;
  for (const facts::PciFunction* gpu : TRY(gpus_here(patient.machine))) {
    if (!gpu->aer_errors) {
      // A virtual machine's bus, and a kernel without AER, have no such counters.
      if (gpu->aer_errors.error().code() != Errc::unsupported) unread = gpu->aer_errors.error();
      continue;
    }
    if (*gpu->aer_errors == 0) continue;
    out.push_back(
        {.evidence = {seen(
             fmt::format("/sys/bus/pci/devices/{}/aer_dev_fatal, aer_dev_nonfatal", gpu->address),
             fmt::format("{} uncorrected errors since the boot", *gpu->aer_errors))},
         .gpus = {gpu->address},
         .fix = {.summary = "reseat the card, look after its riser and power cables; a lower PCIe generation "
                            "in the firmware tells whether the link is to blame",
                 .steps = {}}});
  }
  if (out.empty() && unread) return std::move(*unread).within("PCIe's error counters could not be read");
  return out;
}

// The open modules run every GPU by it; the proprietary ones do so from Turing on unless they are told
// otherwise.
Looked look_gsp_firmware_missing(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_here(machine)).empty()) return Sightings{};
  if (!machine.driver.loaded)
    return Error(machine.driver.loaded.error()).within("the loaded driver could not be read");
  if (!*machine.driver.loaded || (*machine.driver.loaded)->flavour != facts::Flavour::open)
    return Sightings{};
  if (is_container(machine))
    return Error(Errc::unsupported,
                 fmt::format("this is a container ({}): firmware is its host's", **machine.container));
  if (!machine.gsp_firmware)
    return Error(machine.gsp_firmware.error()).within("/lib/firmware/nvidia could not be read");
  const std::string& version = (*machine.driver.loaded)->version;
  if (std::ranges::find(*machine.gsp_firmware, version) != machine.gsp_firmware->end()) return Sightings{};
  return Sightings{{.evidence = {seen("/proc/driver/nvidia/version", version + ", open modules"),
                                 seen("/lib/firmware/nvidia",
                                      machine.gsp_firmware->empty()
                                          ? "no gsp_*.bin of any version"
                                          : "gsp_*.bin of " + base::join(*machine.gsp_firmware, ", "))},
                    .gpus = {},
                    .fix = {.summary = "install the driver's firmware in the same version (nvidia-firmware, "
                                       "firmware-nvidia-gsp or nvidia-kernel-common), before the next boot",
                            .steps = {}}}};
}

// NCCL's documentation on shared memory; logind.conf(5).
Looked look_remove_ipc(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).size() < 2 || machine.user.root || is_container(machine)) return Sightings{};
  TRY(need_look(machine, "what happens at a logout"));
  if (!machine.remove_ipc)
    return Error(machine.remove_ipc.error()).within("logind's configuration could not be read");
  if (!*machine.remove_ipc) return Sightings{};
  return Sightings{
      {.evidence = {seen("/etc/systemd/logind.conf", "RemoveIPC is yes, or left at its default")},
       .gpus = {},
       .fix = {.summary = "for jobs that outlive a login: RemoveIPC=no in "
                          "/etc/systemd/logind.conf.d/ipc.conf, then sudo systemctl restart systemd-logind",
               .steps = {{.id = "keep-ipc",
                          .kind = steps::WriteFile{.path = "/etc/systemd/logind.conf.d/bringup-ipc.conf",
                                                   .text = "# Written by bringup.\n[Login]\nRemoveIPC=no\n"},
                          .why = "a logout would take the shared memory of jobs that go on",
                          .changes = "one file; from the next start of systemd-logind on"}}}}};
}

}  // namespace bringup::diagnose
