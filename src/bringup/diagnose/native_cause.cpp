// SPDX-License-Identifier: Apache-2.0
// Why a figure may be low: what the facts show, and the command with which a person sees the same.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/native.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::LoadSample;
using facts::NativeGpu;

// NVML's bits of why a clock is not higher.
constexpr std::uint64_t kPowerCap = 0x4;
constexpr std::uint64_t kHardwareSlowdown = 0x8;
constexpr std::uint64_t kThermal = 0x20 | 0x40;
constexpr std::uint64_t kPowerBrake = 0x80;

std::vector<LoadSample> samples_of(const NativeGpu& gpu) {
  return gpu.load ? *gpu.load : std::vector<LoadSample>();
}

std::uint64_t reasons_of(const NativeGpu& gpu) {
  std::uint64_t all = 0;
  for (const LoadSample& sample : samples_of(gpu)) all |= sample.reasons.value_or(0);
  return all;
}

// The least of a value over all samples; nullopt when none has it.
template <typename T>
std::optional<T> least(const NativeGpu& gpu, std::optional<T> LoadSample::*field) {
  std::optional<T> low;
  for (const LoadSample& sample : samples_of(gpu)) {
    const auto& value = sample.*field;
    if (value && (!low || *value < *low)) low = value;
  }
  return low;
}
template <typename T>
std::optional<T> most(const NativeGpu& gpu, std::optional<T> LoadSample::*field) {
  std::optional<T> high;
  for (const LoadSample& sample : samples_of(gpu)) {
    const auto& value = sample.*field;
    if (value && (!high || *value > *high)) high = value;
  }
  return high;
}

bool limit_lowered(const NativeGpu& gpu) {
  return gpu.power_limit_watts && gpu.power_default_watts &&
         *gpu.power_limit_watts < *gpu.power_default_watts * 0.98;
}

std::string limit_text(const NativeGpu& gpu) {
  return fmt::format("its power limit is {:.0f} W where the card's own is {:.0f} W (nvidia-smi -q -d POWER)",
                     *gpu.power_limit_watts, *gpu.power_default_watts);
}

std::string throttle_text(const NativeGpu& gpu) {
  const std::uint64_t reasons = reasons_of(gpu);
  const auto hot = most(gpu, &LoadSample::celsius);
  const std::string heat = hot ? fmt::format(" at {:.0f} C", *hot) : "";
  if ((reasons & kThermal) != 0)
    return fmt::format("heat lowered its clock{} (nvidia-smi -q -d PERFORMANCE,TEMPERATURE)", heat);
  if ((reasons & kPowerBrake) != 0)
    return "the machine's power brake lowered its clock: too little power comes in (nvidia-smi -q -d "
           "PERFORMANCE)";
  if ((reasons & kHardwareSlowdown) != 0)
    return "the hardware slowed it down, for heat or power (nvidia-smi -q -d PERFORMANCE)";
  return "";
}

bool mentions(const std::string& setting, std::string_view name) {
  return setting.starts_with(name) && setting.size() > name.size() && setting[name.size()] == '=';
}

const NativeGpu* gpu_at(const NativeView& view, const std::string& pci) {
  const auto found = std::ranges::find(view.proof.gpus, pci, &NativeGpu::pci);
  return found == view.proof.gpus.end() ? nullptr : &*found;
}

std::string links_down(const NativeGpu& gpu) {
  if (!gpu.nvlink || gpu.nvlink->active >= gpu.nvlink->links) return "";
  return fmt::format("{} of {} NVLinks of {} are up (nvidia-smi nvlink --status)", gpu.nvlink->active,
                     gpu.nvlink->links, gpu.pci);
}

std::string translated(const facts::Machine& machine) {
  const std::string& line = machine.kernel.command_line;
  const bool on = base::contains(line, "intel_iommu=on") || base::contains(line, "amd_iommu=on");
  if (!on || base::contains(line, "iommu=pt")) return "";
  return "the IOMMU translates what devices send each other, and access control may send it through the root "
         "(cat /proc/cmdline; sudo lspci -vvv | grep ACSCtl): iommu=pt lets it pass";
}

}  // namespace

std::string holders_text(const NativeGpu& gpu) {
  std::string text;
  for (const facts::Holder& holder : gpu.holders ? *gpu.holders : std::vector<facts::Holder>()) {
    text += fmt::format("{}process {}{}", text.empty() ? "" : ", ", holder.pid,
                        holder.name.empty() ? "" : " " + holder.name);
  }
  return text;
}

std::string memory_cause(const NativeGpu& gpu) {
  const auto clock = most(gpu, &LoadSample::memory_megahertz);
  if (clock && gpu.build && *clock < gpu.build->memory_megahertz_most * 0.98) {
    return fmt::format("its memory ran at {:.0f} MHz of {:.0f} (nvidia-smi -q -d CLOCK)", *clock,
                       gpu.build->memory_megahertz_most);
  }
  if (gpu.errors_before && gpu.errors_after && gpu.errors_before->ecc_corrected &&
      gpu.errors_after->ecc_corrected > gpu.errors_before->ecc_corrected)
    return "its memory corrected errors meanwhile (nvidia-smi -q -d ECC)";
  return throttle_text(gpu);
}

std::string matrix_cause(const NativeGpu& gpu) {
  if (auto why = throttle_text(gpu); !why.empty()) return why;
  if (limit_lowered(gpu)) return limit_text(gpu);
  const auto clock = most(gpu, &LoadSample::sm_megahertz);
  if (clock && gpu.build && *clock < gpu.build->sm_megahertz_most * 0.9) {
    return fmt::format(
        "its clock never came above {:.0f} MHz of {:.0f}: it may be locked lower (nvidia-smi -q -d "
        "CLOCK,PERFORMANCE)",
        *clock, gpu.build->sm_megahertz_most);
  }
  if ((reasons_of(gpu) & kPowerCap) != 0)
    return "it ran into its own power limit, as such loads do (nvidia-smi -q -d POWER,PERFORMANCE)";
  return "";
}

std::string host_cause(const NativeGpu& gpu) {
  // Idle links rest at a lower generation; under load the highest seen counts.
  const auto width = most(gpu, &LoadSample::link_width);
  const auto generation = most(gpu, &LoadSample::link_generation);
  if (gpu.link && width && *width < gpu.link->max_width) {
    return fmt::format(
        "its link is trained at x{} of x{}: seat, riser or slot (nvidia-smi -q -i {} | grep -A3 "
        "'Link Width'; sudo lspci -vvs {} | grep LnkSta)",
        *width, gpu.link->max_width, gpu.pci, gpu.pci);
  }
  if (gpu.link && generation && *generation < gpu.link->max_generation) {
    return fmt::format(
        "its link runs as PCIe {}.0 of {}.0 under load (nvidia-smi -q -i {} | grep -A3 'PCIe "
        "Generation'; sudo lspci -vvs {} | grep LnkSta)",
        *generation, gpu.link->max_generation, gpu.pci, gpu.pci);
  }
  if (gpu.near && !*gpu.near) {
    return fmt::format(
        "the measuring thread may not run on the CPUs next to it (taskset -p $$; cat "
        "/sys/bus/pci/devices/{}/local_cpulist)",
        gpu.pci);
  }
  if (gpu.errors_before && gpu.errors_after && gpu.errors_before->pcie_replays &&
      gpu.errors_after->pcie_replays > gpu.errors_before->pcie_replays)
    return "its link repeated packets meanwhile: seat, riser or cable (nvidia-smi -q -d PCIE)";
  return "";
}

std::string pair_cause(const NativeView& view, const facts::NativePair& pair) {
  for (const std::string& pci : {pair.from, pair.to}) {
    const NativeGpu* gpu = gpu_at(view, pci);
    if (gpu == nullptr) continue;
    if (auto why = links_down(*gpu); !why.empty()) return why;
  }
  if (pair.reachable && !*pair.reachable)
    return "CUDA lets neither reach the other's memory, so that all goes through the host (nvidia-smi topo "
           "-p2p r)";
  if (auto why = translated(view.machine); !why.empty()) return why;
  for (const std::string& pci : {pair.from, pair.to}) {
    const NativeGpu* gpu = gpu_at(view, pci);
    if (gpu == nullptr || (gpu->nvlink && gpu->nvlink->active > 0)) continue;
    if (auto why = host_cause(*gpu); !why.empty()) return why.insert(0, pci + ": ");
  }
  return "";
}

std::string collective_cause(const NativeView& view) {
  for (const char* name :
       {"NCCL_P2P_DISABLE", "NCCL_P2P_LEVEL", "NCCL_SHM_DISABLE", "NCCL_PROTO", "NCCL_ALGO",
        "NCCL_MAX_NCHANNELS", "NCCL_BUFFSIZE", "NCCL_TOPO_FILE", "NCCL_CONF_FILE"}) {
    for (const std::string& setting : view.proof.settings) {
      if (mentions(setting, name) && setting != "NCCL_P2P_DISABLE=0" && setting != "NCCL_SHM_DISABLE=0")
        return fmt::format("{} is set (env | grep NCCL), and NCCL heeds it: try without", setting);
    }
  }
  for (const facts::NativePair& pair :
       view.proof.pairs ? *view.proof.pairs : std::vector<facts::NativePair>()) {
    if (auto why = pair_cause(view, pair); !why.empty()) return why;
  }
  return "";
}

facts::Verdict judge_throttling(const NativeGpu& gpu) {
  const auto seen = Seen::of(gpu.load);
  if (!seen) return unmeasured("gpu-throttling", {gpu.pci}, gpu.load.error());
  const auto told =
      std::ranges::count_if(*gpu.load, [](const LoadSample& one) { return one.reasons.has_value(); });
  if (told == 0) {
    return unmeasured("gpu-throttling", {gpu.pci},
                      Error(Errc::absent, "NVML gave no reasons for the clock while the GPU was loaded"));
  }
  facts::Verdict verdict = passed(*seen, "gpu-throttling", {gpu.pci},
                                  fmt::format("{} looks at clock, power and heat under load", told));
  if (auto why = throttle_text(gpu); !why.empty()) {
    verdict.outcome = facts::Outcome::warn;
    verdict.why = std::move(why);
  } else if (limit_lowered(gpu)) {
    verdict.outcome = facts::Outcome::warn;
    verdict.why = limit_text(gpu);
  }
  return verdict;
}

}  // namespace bringup::diagnose
