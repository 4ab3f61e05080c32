// SPDX-License-Identifier: Apache-2.0
// Rules over what GPUs show beside each other and at work: heat, memory that is held, links, slots.
#include <bringup/base/text.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <map>

namespace bringup::diagnose {
namespace {

using catalog::Limit;
using facts::Machine;
using facts::NvmlGpu;

// What NVML tells of the GPUs; none of a machine without any.
Result<std::vector<NvmlGpu>> seen_by_nvml(const Machine& machine) {
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (machine.pci_visible && TRY(gpus_of(machine)).empty()) return std::vector<NvmlGpu>{};
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  return machine.nvml->gpus;
}

// Cards that are the same on the paper, by name; only where there are two of them.
std::map<std::string, std::vector<NvmlGpu>> sisters(const std::vector<NvmlGpu>& gpus) {
  std::map<std::string, std::vector<NvmlGpu>> out;
  for (const NvmlGpu& gpu : gpus) {
    if (!gpu.name.empty()) out[gpu.name].push_back(gpu);
  }
  std::erase_if(out, [](const auto& one) { return one.second.size() < 2; });
  return out;
}

// A value that no GPU tells was not seen; one that a card does not have is nothing to speak of.
template <typename T>
Result<> need_any(const std::vector<NvmlGpu>& gpus, facts::Reading<T> NvmlGpu::*member) {
  const Error* why = nullptr;
  for (const NvmlGpu& gpu : gpus) {
    if (gpu.*member) return ok;
    if ((gpu.*member).error().code() != Errc::unsupported && why == nullptr) why = &(gpu.*member).error();
  }
  return why == nullptr ? Result<>(ok) : Result<>(*why);
}

Sighting about(const NvmlGpu& gpu, std::string text, std::string fix) {
  return {.evidence = {seen("NVML", fmt::format("{}: {}", gpu.pci, text))},
          .gpus = {gpu.pci},
          .fix = {.summary = std::move(fix), .steps = {}}};
}

}  // namespace

Looked look_gpu_hot(const Patient& patient) {
  const auto gpus = TRY(seen_by_nvml(patient.machine));
  TRY(need_any(gpus, &NvmlGpu::temperature_celsius));
  const double limit = catalog::threshold(Limit::gpu_hot);
  Sightings out;
  for (const NvmlGpu& gpu : gpus) {
    if (gpu.temperature_celsius && *gpu.temperature_celsius >= limit)
      out.push_back(about(gpu, fmt::format("{:.0f} degrees Celsius", *gpu.temperature_celsius),
                          "look after fans, dust, airflow and the room; nvidia-smi -q -d PERFORMANCE tells "
                          "whether the card slows itself already"));
  }
  return out;
}

// In a container NVML does not show the processes of others, and of MIG parts none on the card.
Looked look_gpu_memory_held(const Patient& patient) {
  const auto gpus = TRY(seen_by_nvml(patient.machine));
  if (gpus.empty()) return Sightings{};
  if (is_container(patient.machine))
    return Error(Errc::unsupported, fmt::format("this is a container ({}): processes of others are not shown",
                                                **patient.machine.container));
  TRY(need_any(gpus, &NvmlGpu::memory_used_bytes));
  Sightings out;
  for (const NvmlGpu& gpu : gpus) {
    if (!gpu.memory_used_bytes || !gpu.processes || *gpu.processes > 0 || (gpu.mig && *gpu.mig) ||
        *gpu.memory_used_bytes < catalog::threshold_bytes(Limit::gpu_held))
      continue;
    out.push_back(about(
        gpu,
        fmt::format("{} in use, and no process computes on it", base::human_bytes(*gpu.memory_used_bytes)),
        "look who has it open: sudo fuser -v /dev/nvidia*; end what is left of a job"));
  }
  return out;
}

// A bridge that was never there gives none; fewer than a sister has is a link that is down.
Looked look_nvlinks_uneven(const Patient& patient) {
  const auto gpus = TRY(seen_by_nvml(patient.machine));
  TRY(need_any(gpus, &NvmlGpu::nvlinks_active));
  Sightings out;
  for (const auto& [name, cards] : sisters(gpus)) {
    int most = 0;
    for (const NvmlGpu& gpu : cards) most = std::max(most, gpu.nvlinks_active ? *gpu.nvlinks_active : 0);
    for (const NvmlGpu& gpu : cards) {
      if (!gpu.nvlinks_active || *gpu.nvlinks_active == 0 || *gpu.nvlinks_active == most) continue;
      out.push_back(
          about(gpu, fmt::format("{} NVLinks up, its sisters have {}", *gpu.nvlinks_active, most),
                fmt::format("sudo nvidia-smi nvlink -s -i {} tells which is down; reset the GPU when "
                            "nothing runs on it, and have bridge or board looked at when it stays",
                            gpu.pci)));
    }
  }
  return out;
}

// NVML tells the most that card and slot can do together.
Looked look_pcie_slots_mixed(const Patient& patient) {
  const auto gpus = TRY(seen_by_nvml(patient.machine));
  TRY(need_any(gpus, &NvmlGpu::link));
  Sightings out;
  for (const auto& [name, cards] : sisters(gpus)) {
    int most = 0;
    for (const NvmlGpu& gpu : cards) most = std::max(most, gpu.link ? gpu.link->max_generation : 0);
    for (const NvmlGpu& gpu : cards) {
      if (!gpu.link || gpu.link->max_generation <= 0 || gpu.link->max_generation == most) continue;
      out.push_back(about(
          gpu, fmt::format("PCIe generation {} at most, its sisters {}", gpu.link->max_generation, most),
          "use a slot of the same generation, a riser that is made for it, and look for a "
          "setting of the slot's speed in the firmware"));
    }
  }
  return out;
}

Looked look_bar_one_small(const Patient& patient) {
  const auto gpus = TRY(seen_by_nvml(patient.machine));
  if (gpus.size() < 2) return Sightings{};
  TRY(need_any(gpus, &NvmlGpu::bar1_bytes));
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const NvmlGpu& gpu : gpus) {
    if (!gpu.bar1_bytes || *gpu.bar1_bytes >= catalog::threshold_bytes(Limit::bar1_small) ||
        (gpu.memory_bytes && *gpu.bar1_bytes >= *gpu.memory_bytes))
      continue;
    sighting.gpus.push_back(gpu.pci);
    sighting.evidence.push_back(
        seen("NVML", fmt::format("{}: BAR1 of {}", gpu.pci, base::human_bytes(*gpu.bar1_bytes))));
  }
  if (sighting.gpus.empty()) return Sightings{};
  sighting.fix.summary =
      "switch on 'Above 4G Decoding' and 'Resizable BAR' in the firmware; a card may need a "
      "newer VBIOS for it";
  return Sightings{std::move(sighting)};
}

Looked look_gpus_mixed(const Patient& patient) {
  const Gpus gpus = TRY(gpus_of(patient.machine));
  std::map<std::string, const facts::PciFunction*> first;
  for (const facts::PciFunction* gpu : gpus) {
    if (!gpu->architecture.empty()) first.emplace(gpu->architecture, gpu);
  }
  if (first.size() < 2) return Sightings{};
  Sighting sighting{.evidence = {}, .gpus = addresses(gpus), .fix = {}};
  for (const auto& [architecture, gpu] : first)
    sighting.evidence.push_back(
        seen("/sys/bus/pci/devices/" + gpu->address, fmt::format("{} ({})", gpu->name, architecture)));
  sighting.fix.summary =
      "give each job cards of one kind: CUDA_VISIBLE_DEVICES for the command; 'bringup topo' "
      "tells the order";
  return Sightings{std::move(sighting)};
}

}  // namespace bringup::diagnose
