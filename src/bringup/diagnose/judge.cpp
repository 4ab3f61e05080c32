// SPDX-License-Identifier: Apache-2.0
// Judges what was measured of the GPUs. A pass is only made of something that was measured and found right.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/judge.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/native.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::Measurements;
using facts::Outcome;
using facts::Quantity;
using facts::Verdict;

// What an error instead of a measurement means: somebody or something stood in the way, there was nothing to
// measure, or it was tried and went wrong.
Outcome outcome_of(const Error& error) {
  switch (error.code()) {
    case Errc::busy:
    case Errc::denied:
    case Errc::timeout:
    case Errc::cancelled:
    case Errc::refused:
    case Errc::stale:
    case Errc::io:
      return Outcome::inconclusive;
    case Errc::absent:
    case Errc::unsupported:
    case Errc::unreachable:
    case Errc::usage:
      return Outcome::not_measured;
    case Errc::malformed:
    case Errc::failed:
      return Outcome::fail;
  }
  return Outcome::not_measured;
}

}  // namespace

Verdict without_measure(std::string check, std::vector<std::string> gpus, const Error& error) {
  return {.check = std::move(check),
          .gpus = std::move(gpus),
          .outcome = outcome_of(error),
          .measured = std::nullopt,
          .expected = std::nullopt,
          .why = error.message()};
}

std::vector<std::string> expected_gpus(const Machine& machine) {
  std::vector<std::string> out;
  if (machine.hypothetical || !machine.pci_visible) return out;
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind == facts::PciKind::gpu && !bound_to(function, "vfio-pci") &&
        !bound_to(function, "pci-stub"))
      out.push_back(function.address);
  }
  return out;
}

std::optional<std::string> meant_so(const Machine& machine) {
  if (const auto value = variable(machine, "CUDA_VISIBLE_DEVICES"))
    return fmt::format("CUDA_VISIBLE_DEVICES={} hides the others", *value);
  if (is_container(machine))
    return fmt::format("this container ({}) has the GPUs that it was given", **machine.container);
  const bool mig = machine.nvml && std::ranges::any_of(machine.nvml->gpus, [](const facts::NvmlGpu& gpu) {
                     return gpu.mig && *gpu.mig;
                   });
  if (mig) return "a GPU is in MIG mode: CUDA counts its instances";
  return std::nullopt;
}

namespace {

std::string count_text(std::string_view layer, const facts::Reading<int>& count) {
  return count ? fmt::format("{} {}", layer, *count) : fmt::format("{} not counted", layer);
}

// The most that any environment's torch counted.
facts::Reading<int> pytorch_count(const Machine& machine, const Measurements& measurements) {
  facts::Reading<int> most = machine.counts.pytorch.gpus;
  for (const auto& [path, proof] : measurements.envs) {
    if (proof && proof->device_count && (!most || *proof->device_count > *most)) most = proof->device_count;
  }
  return most;
}

std::string all_counts(const Machine& machine, const Measurements& measurements, int cuda) {
  const facts::Counts& counts = machine.counts;
  return fmt::format("{}, {}, {}, CUDA {}, {}", count_text("PCI bus", counts.pci.gpus),
                     count_text("driver", counts.driver.gpus), count_text("NVML", counts.nvml.gpus), cuda,
                     count_text("PyTorch", pytorch_count(machine, measurements)));
}

bool answered(const facts::NativeGpu& gpu) {
  return gpu.context_seconds || gpu.kernel_elements;
}

Verdict judge_count(const Machine& machine, const Measurements& measurements,
                    const std::vector<std::string>& gpus) {
  if (!measurements.native) return without_measure("gpu-count", gpus, measurements.native.error());
  const int cuda = measurements.native->cuda_count;
  const auto wanted = static_cast<int>(gpus.size());
  const auto seen = Seen::of(measurements.native);
  Verdict verdict = passed(*seen, "gpu-count", gpus, all_counts(machine, measurements, cuda));
  verdict.measured = Quantity{.value = static_cast<double>(cuda), .unit = "GPUs"};
  verdict.expected = facts::Expectation{
      .value = static_cast<double>(wanted), .unit = "GPUs", .source = machine.counts.pci.how};
  const auto fewer = [wanted](const facts::Reading<int>& count) { return count && *count < wanted; };
  if (cuda != wanted) {
    const auto why = meant_so(machine);
    verdict.outcome = why && cuda > 0 ? Outcome::warn : Outcome::fail;
    if (why && cuda > 0) verdict.why += "; " + *why;
  } else if (fewer(machine.counts.driver.gpus) || fewer(machine.counts.nvml.gpus)) {
    verdict.outcome = Outcome::warn;
  } else if (std::ranges::none_of(measurements.native->gpus, answered)) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why += "; none of them answered";
  }
  return verdict;
}

Error no_gpu(const Machine& machine, const Measurements& measurements) {
  if (machine.hypothetical) return {Errc::absent, "the GPUs were given with --for and are not here"};
  if (!machine.pci_visible && !measurements.native)
    return {Errc::absent, "the PCI bus could not be read: " + machine.pci_visible.error().message()};
  if (!machine.pci_visible) return {Errc::absent, "CUDA shows no GPU, and the PCI bus could not be read"};
  if (machine.counts.pci.gpus && *machine.counts.pci.gpus > 0)
    return {Errc::absent, "all NVIDIA GPUs are reserved for virtual machines"};
  return {Errc::absent, "no NVIDIA GPU on the PCI bus"};
}

void judge_gpus(const Machine& machine, const Measurements& measurements, std::vector<Verdict>& out) {
  const std::vector<std::string> gpus = expected_gpus(machine);
  const bool shown = measurements.native && !measurements.native->gpus.empty();
  if (machine.hypothetical || (gpus.empty() && !shown)) {
    out.push_back(without_measure("gpu", {}, no_gpu(machine, measurements)));
    return;
  }
  if (!gpus.empty()) out.push_back(judge_count(machine, measurements, gpus));
  for (const std::string& gpu : gpus) {
    if (!measurements.native) {
      out.push_back(without_measure("gpu-kernel", {gpu}, measurements.native.error()));
    } else if (std::ranges::find(measurements.native->gpus, gpu, &facts::NativeGpu::pci) ==
               measurements.native->gpus.end()) {
      out.push_back(without_measure("gpu-kernel", {gpu}, Error(Errc::absent, "CUDA does not show this GPU")));
    }
  }
  if (!shown) return;
  for (Verdict& verdict : judge_native(machine, measurements.native, reference()))
    out.push_back(std::move(verdict));
}

bool about_gpus(const Verdict& verdict) {
  const bool deed =
      verdict.check == "env-training" || verdict.check == "env-all-reduce" || verdict.check == "env-compile";
  return verdict.check.starts_with("gpu") || verdict.check == "env-devices" ||
         verdict.check == "env-matmul-gpu" || (deed && !verdict.gpus.empty());
}

// From best to worst. What is told for information is no reason to call the whole less than a pass; what was
// not done ranks between what is well and what is not.
int rank(Outcome outcome) {
  constexpr std::array kOrder{Outcome::info,         Outcome::pass, Outcome::not_measured,
                              Outcome::inconclusive, Outcome::warn, Outcome::fail};
  return static_cast<int>(std::ranges::find(kOrder, outcome) - kOrder.begin());
}

}  // namespace

std::vector<Verdict> judge(const Machine& machine, const Measurements& measurements) {
  std::vector<Verdict> out;
  judge_gpus(machine, measurements, out);
  for (const auto& [path, proof] : measurements.envs) judge_env(machine, measurements, path, proof, out);
  return out;
}

Outcome overall(std::span<const Verdict> verdicts) {
  Outcome worst = Outcome::info;
  bool measured = false;
  for (const Verdict& verdict : verdicts) {
    if (rank(verdict.outcome) > rank(worst)) worst = verdict.outcome;
    measured = measured || (about_gpus(verdict) && verdict.outcome != Outcome::not_measured);
  }
  if (worst == Outcome::fail) return worst;
  return measured ? worst : Outcome::not_measured;
}

std::string_view outcome_name(Outcome outcome) {
  constexpr std::array<std::string_view, 6> kNames{"pass", "info",         "warn",
                                                   "fail", "inconclusive", "not measured"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

}  // namespace bringup::diagnose
