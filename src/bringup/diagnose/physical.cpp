// SPDX-License-Identifier: Apache-2.0
// Rules over the GPUs themselves, as NVML and the PCI bus describe them.
#include <bringup/base/text.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/wires.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::NvmlGpu;

Result<std::vector<NvmlGpu>> nvml_gpus(const Machine& machine) {
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  return machine.nvml->gpus;
}

std::vector<std::string> about(const NvmlGpu& gpu) {
  return gpu.pci.empty() ? std::vector<std::string>{} : std::vector{gpu.pci};
}

std::string named(const NvmlGpu& gpu) {
  return gpu.pci.empty() ? fmt::format("GPU {}", gpu.index) : gpu.pci;
}

// Looks at one value of every GPU. A card that has no such thing is well; one whose value could not be read
// is not, unless another one already speaks.
template <typename T, typename Judge>
Looked each_gpu(const Machine& machine, facts::Reading<T> NvmlGpu::*member, Judge judge) {
  if (!machine.hypothetical && machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  Sightings out;
  std::optional<Error> unread;
  for (const NvmlGpu& gpu : TRY(nvml_gpus(machine))) {
    const facts::Reading<T>& reading = gpu.*member;
    if (!reading) {
      if (reading.error().code() != Errc::unsupported && !unread)
        unread = Error(reading.error()).within(named(gpu));
      continue;
    }
    Result<std::optional<Sighting>> sighting = judge(gpu, *reading);
    if (!sighting)
      unread = sighting.error();
    else if (*sighting)
      out.push_back(std::move(**sighting));
  }
  if (out.empty() && unread) return *unread;
  return out;
}

using Judged = Result<std::optional<Sighting>>;

Judged one_of(const NvmlGpu& gpu, std::string text, std::string fix) {
  return std::optional(Sighting{.evidence = {seen("NVML", fmt::format("{}: {}", named(gpu), text))},
                                .gpus = about(gpu),
                                .fix = {.summary = std::move(fix), .steps = {}}});
}

// The link and where it was read. A virtual machine's bus is made up; there only the card's own word counts.
Result<std::pair<std::string, facts::PcieLink>> link_of(const Machine& machine,
                                                        const facts::PciFunction& gpu) {
  if (machine.nvml) {
    const auto row = std::ranges::find(machine.nvml->gpus, gpu.address, &NvmlGpu::pci);
    if (row != machine.nvml->gpus.end() && row->link) return std::pair(std::string("NVML"), *row->link);
  }
  if (machine.hypervisor)
    return Error(Errc::unsupported, "a virtual machine's PCI bus does not show the real one");
  if (!gpu.link) return Error(gpu.link.error()).within(gpu.address);
  return std::pair("/sys/bus/pci/devices/" + gpu.address, *gpu.link);
}

// Consumer cards in a desktop are not kept awake; servers and several GPUs are.
bool should_persist(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (machine.nvml && machine.nvml->gpus.size() > 1) return true;
  return std::ranges::any_of(machine.pci, [&patient](const facts::PciFunction& function) {
    const catalog::Gpu* row = patient.catalog.gpu(function.device_id);
    return function.kind == facts::PciKind::gpu && row != nullptr && !row->geforce;
  });
}

bool is_narrow(const Hop& hop) {
  return hop.link && hop.both_ends && (hop.lanes_lost || hop.link->generation < hop.link->max_generation);
}

Sighting narrow(const Hop& hop) {
  const facts::PcieLink& link = *hop.link;
  return {.evidence = {seen(fmt::format("/sys/bus/pci/devices/{}, below {}", hop.lower, hop.upper),
                            fmt::format("PCIe {}.0 x{} now, {}.0 x{} by what both ends can", link.generation,
                                        link.width, link.max_generation, link.max_width))},
          .gpus = {},
          .fix = {.summary =
                      "reseat the switch's board, its cable or riser, look for a limit of speed or lanes in "
                      "the firmware, then measure: bringup verify",
                  .steps = {}}};
}

}  // namespace

// Generations are not judged: idle GPUs drop to the first to save power, and 'verify' looks at them under
// load. Lanes they keep.
Looked look_pcie_link_narrow(const Patient& patient) {
  Sightings out;
  std::optional<Error> unread;
  for (const facts::PciFunction* gpu : TRY(gpus_here(patient.machine))) {
    const auto link = link_of(patient.machine, *gpu);
    if (!link) {
      unread = link.error();
      continue;
    }
    const auto& [source, lanes] = *link;
    if (lanes.width <= 0 || lanes.max_width <= 0 || lanes.width >= lanes.max_width) continue;
    out.push_back(
        {.evidence = {seen(source, fmt::format("x{} now, x{} at most", lanes.width, lanes.max_width))},
         .gpus = {gpu->address},
         .fix = {.summary =
                     "use a slot with all its lanes wired, reseat the card or its riser, and look for a "
                     "setting that splits the slot (bifurcation) in the firmware",
                 .steps = {}}});
  }
  if (out.empty() && unread) return std::move(*unread).within("the PCIe link could not be read");
  return out;
}

// Above a GPU's own link nothing rests to save power: there the speed counts at idle too.
Looked look_pcie_hop_narrow(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_here(machine)).empty()) return Sightings{};
  if (machine.hypervisor)
    return Error(Errc::unsupported, "a virtual machine's PCI bus does not show the real one");
  if (!machine.wiring.devices)
    return Error(machine.wiring.devices.error()).within("how the GPUs are wired could not be read");
  Sightings out;
  std::vector<std::string> told;  // the lower end of each in `out`: GPUs below one switch share its link
  for (const facts::WiredDevice& device : *machine.wiring.devices) {
    const std::vector<Hop> hops =
        device.kind == facts::WiredKind::gpu ? hops_of(machine, device) : std::vector<Hop>{};
    for (std::size_t i = 1; i < hops.size(); ++i) {
      if (!is_narrow(hops[i])) continue;
      const auto known = std::ranges::find(told, hops[i].lower);
      if (known == told.end()) {
        told.push_back(hops[i].lower);
        out.push_back(narrow(hops[i]));
        out.back().gpus.push_back(device.address);
      } else {
        out[static_cast<std::size_t>(known - told.begin())].gpus.push_back(device.address);
      }
    }
  }
  return out;
}

Looked look_ecc_uncorrected(const Patient& patient) {
  return each_gpu(
      patient.machine, &NvmlGpu::ecc_uncorrected, [](const NvmlGpu& gpu, std::uint64_t errors) -> Judged {
        if (errors == 0) return Judged(std::nullopt);
        return one_of(gpu, fmt::format("{} uncorrected memory errors since the driver was loaded", errors),
                      fmt::format("end what runs on it, then sudo nvidia-smi --gpu-reset -i {}; if "
                                  "they come again, have the card replaced",
                                  named(gpu)));
      });
}

Looked look_row_remap_pending(const Patient& patient) {
  return each_gpu(
      patient.machine, &NvmlGpu::row_remap_pending, [](const NvmlGpu& gpu, bool pending) -> Judged {
        if (!pending) return Judged(std::nullopt);
        return one_of(gpu, "a memory row waits to be replaced by a spare one",
                      fmt::format("end what runs on it, then sudo nvidia-smi --gpu-reset -i {}, or "
                                  "reboot",
                                  named(gpu)));
      });
}

Looked look_row_remap_failed(const Patient& patient) {
  return each_gpu(patient.machine, &NvmlGpu::row_remap_failed, [](const NvmlGpu& gpu, bool failed) -> Judged {
    if (!failed) return Judged(std::nullopt);
    return one_of(gpu, "a bad memory row could not be replaced: no spare one is left",
                  "have the card replaced; until then keep work off it");
  });
}

Looked look_persistence_off(const Patient& patient) {
  if (!should_persist(patient)) {
    TRY(gpus_here(patient.machine));
    if (patient.machine.nvml) return Sightings{};
  }
  Sightings each =
      TRY(each_gpu(patient.machine, &NvmlGpu::persistence, [](const NvmlGpu& gpu, bool on) -> Judged {
        if (on) return Judged(std::nullopt);
        return one_of(gpu, "persistence mode is off", "sudo systemctl enable --now nvidia-persistenced");
      }));
  // One service for all of them, and so one finding.
  for (std::size_t i = 1; i < each.size(); ++i) {
    std::ranges::move(each[i].evidence, std::back_inserter(each[0].evidence));
    std::ranges::move(each[i].gpus, std::back_inserter(each[0].gpus));
  }
  if (each.size() > 1) each.resize(1);
  return each;
}

Looked look_power_limit_reduced(const Patient& patient) {
  const double rounding = catalog::threshold(catalog::Limit::power_limit) / 100;
  return each_gpu(
      patient.machine, &NvmlGpu::power_limit_watts, [rounding](const NvmlGpu& gpu, double limit) -> Judged {
        if (!gpu.power_default_watts) return Error(gpu.power_default_watts.error()).within(named(gpu));
        if (limit >= *gpu.power_default_watts * rounding) return Judged(std::nullopt);
        return one_of(gpu, fmt::format("limited to {:.0f} W of {:.0f} W", limit, *gpu.power_default_watts),
                      fmt::format("if it is not meant so: sudo nvidia-smi -i {} -pl {:.0f}", named(gpu),
                                  *gpu.power_default_watts));
      });
}

}  // namespace bringup::diagnose
