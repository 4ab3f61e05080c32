// SPDX-License-Identifier: Apache-2.0
// Judges measurements. A pass is only made of something that was measured and found right.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/native.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::EnvProof;
using facts::GpuProof;
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

Verdict without_measure(std::string check, std::vector<std::string> gpus, const Error& error) {
  return {.check = std::move(check),
          .gpus = std::move(gpus),
          .outcome = outcome_of(error),
          .measured = std::nullopt,
          .expected = std::nullopt,
          .why = error.message()};
}

// GPUs that programs here are to have: those that are set aside for virtual machines are not.
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

std::vector<std::string> about(const GpuProof& proof) {
  return proof.pci.empty() ? std::vector<std::string>{} : std::vector{proof.pci};
}

bool answered(const GpuProof& proof) {
  return proof.context_seconds || proof.kernel_elements || proof.copy_bytes_per_second;
}

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

// Fewer than there are, and meant so: hidden by a variable, not given to this container, cut up by MIG.
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

Verdict judge_count(const Machine& machine, const Measurements& measurements,
                    const std::vector<std::string>& gpus) {
  if (!measurements.cuda) return without_measure("gpu-count", gpus, measurements.cuda.error());
  const auto& proofs = measurements.cuda->gpus;
  const auto cuda = static_cast<int>(proofs.size());
  const auto wanted = static_cast<int>(gpus.size());
  Verdict verdict{.check = "gpu-count",
                  .gpus = gpus,
                  .outcome = Outcome::fail,
                  .measured = Quantity{.value = static_cast<double>(cuda), .unit = "GPUs"},
                  .expected = facts::Expectation{.value = static_cast<double>(wanted),
                                                 .unit = "GPUs",
                                                 .source = machine.counts.pci.how},
                  .why = all_counts(machine, measurements, cuda)};
  if (cuda != wanted) {
    if (const auto why = meant_so(machine); why && cuda > 0) {
      verdict.outcome = Outcome::warn;
      verdict.why += "; " + *why;
    }
    return verdict;
  }
  const auto fewer = [wanted](const facts::Reading<int>& count) { return count && *count < wanted; };
  if (fewer(machine.counts.driver.gpus) || fewer(machine.counts.nvml.gpus))
    verdict.outcome = Outcome::warn;
  else if (std::ranges::any_of(proofs, answered))
    verdict.outcome = Outcome::pass;
  else {
    verdict.outcome = Outcome::inconclusive;
    verdict.why += "; none of them answered";
  }
  return verdict;
}

Verdict judge_kernel(const GpuProof& proof) {
  if (!proof.kernel_elements)
    return without_measure(
        "cuda-kernel", about(proof),
        proof.context_seconds ? proof.kernel_elements.error() : proof.context_seconds.error());
  const std::uint64_t elements = *proof.kernel_elements;
  Verdict verdict{.check = "cuda-kernel",
                  .gpus = about(proof),
                  .outcome = elements > 0 ? Outcome::pass : Outcome::inconclusive,
                  .measured = Quantity{.value = static_cast<double>(elements), .unit = "elements"},
                  .expected = std::nullopt,
                  .why = "every element was computed on the GPU and compared with the CPU's result"};
  if (elements == 0) verdict.why = "the kernel computed nothing";
  return verdict;
}

// Bytes per second and lane, after line coding (8b/10b to generation 2, 128b/130b to 5, flits from 6).
double lane_rate(int generation) {
  constexpr std::array<double, 7> kRates{0, 0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};
  return generation > 0 && static_cast<std::size_t>(generation) < kRates.size()
             ? kRates.at(static_cast<std::size_t>(generation))
             : 0;
}

// Half of what the link carries. Healthy machines reach 0.82 to 0.89 of it from pinned memory; below a half
// is slow even from the far socket. Only NVML tells what card and slot can do together.
std::optional<facts::Expectation> copy_expectation(const Machine& machine, const std::string& pci) {
  constexpr double kPart = 0.5;
  if (!machine.nvml) return std::nullopt;
  const auto gpu = std::ranges::find(machine.nvml->gpus, pci, &facts::NvmlGpu::pci);
  if (gpu == machine.nvml->gpus.end() || !gpu->link) return std::nullopt;
  const facts::PcieLink& link = *gpu->link;
  const double roof = lane_rate(link.max_generation) * link.max_width;
  if (roof <= 0) return std::nullopt;
  return facts::Expectation{
      .value = roof * kPart,
      .unit = "B/s",
      .source = fmt::format("half of PCIe {}.0 x{} ({:.1f} GB/s), the link's maximum by NVML",
                            link.max_generation, link.max_width, roof / 1e9)};
}

Verdict judge_copy(const Machine& machine, const GpuProof& proof) {
  if (!proof.copy_bytes_per_second)
    return without_measure(
        "cuda-copy", about(proof),
        proof.context_seconds ? proof.copy_bytes_per_second.error() : proof.context_seconds.error());
  const double speed = *proof.copy_bytes_per_second;
  Verdict verdict{.check = "cuda-copy",
                  .gpus = about(proof),
                  .outcome = Outcome::info,
                  .measured = Quantity{.value = speed, .unit = "B/s"},
                  .expected = copy_expectation(machine, proof.pci),
                  .why = "what was copied there and back is the same"};
  if (!(speed > 0)) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why = "the copy took no time that could be measured";
  } else if (!verdict.expected) {
    verdict.why += "; the link cannot be seen, so that the speed is not judged";
  } else if (speed < verdict.expected->value) {
    verdict.outcome = Outcome::warn;
    verdict.why += ", and slow: a narrow or busy link, or memory of the far socket";
  } else {
    verdict.outcome = Outcome::pass;
  }
  return verdict;
}

void judge_gpus(const Machine& machine, const Measurements& measurements, std::vector<Verdict>& out) {
  const std::vector<std::string> gpus = expected_gpus(machine);
  const bool shown = measurements.cuda && !measurements.cuda->gpus.empty();
  if (machine.hypothetical) {
    out.push_back(
        without_measure("gpu", {}, Error(Errc::absent, "the GPUs were given with --for and are not here")));
    return;
  }
  if (gpus.empty() && !shown) {
    const bool blind = !machine.pci_visible && !measurements.cuda;
    out.push_back(without_measure(
        "gpu", {},
        Error(Errc::absent, blind ? "the PCI bus could not be read: " + machine.pci_visible.error().message()
                            : !machine.pci_visible
                                ? std::string("CUDA shows no GPU, and the PCI bus could not be read")
                            : machine.counts.pci.gpus && *machine.counts.pci.gpus > 0
                                ? std::string("all NVIDIA GPUs are reserved for virtual machines")
                                : std::string("no NVIDIA GPU on the PCI bus"))));
    return;
  }
  if (!gpus.empty()) out.push_back(judge_count(machine, measurements, gpus));
  std::vector<std::string> tried;
  for (const GpuProof& proof : measurements.cuda ? measurements.cuda->gpus : std::vector<GpuProof>{}) {
    out.push_back(judge_kernel(proof));
    out.push_back(judge_copy(machine, proof));
    tried.push_back(proof.pci);
  }
  const Error why =
      measurements.cuda ? Error(Errc::absent, "CUDA does not show this GPU") : measurements.cuda.error();
  for (const std::string& gpu : gpus) {
    if (std::ranges::find(tried, gpu) != tried.end()) continue;
    for (const char* check : {"cuda-kernel", "cuda-copy"}) out.push_back(without_measure(check, {gpu}, why));
  }
}

bool installed(const facts::PythonEnv* env, const std::string& module) {
  return env == nullptr ||
         std::ranges::find(env->packages, module, &facts::PythonPackage::name) != env->packages.end();
}

Verdict judge_import(const facts::PythonEnv* env, const EnvProof& proof, const facts::ImportProof& import) {
  if (!import.version) {
    Verdict verdict = without_measure("env-import", {}, import.version.error());
    verdict.why = fmt::format("{}: {}: {}", proof.path, import.module, verdict.why);
    if (!installed(env, import.module)) {
      verdict.outcome = Outcome::info;
      verdict.why = fmt::format("{}: {} is not installed there", proof.path, import.module);
    }
    return verdict;
  }
  return {.check = "env-import",
          .gpus = {},
          .outcome = Outcome::pass,
          .measured = Quantity{.value = 1, .unit = "imports"},
          .expected = std::nullopt,
          .why = fmt::format("{}: {} {}{}", proof.path, import.module, *import.version,
                             import.cuda ? " for CUDA " + *import.cuda : "")};
}

Verdict judge_devices(const Machine& machine, const facts::PythonEnv* env, const EnvProof& proof,
                      const std::vector<std::string>& gpus) {
  if (!proof.device_count) {
    Verdict verdict = without_measure("env-devices", gpus, proof.device_count.error());
    verdict.why = proof.path + ": " + verdict.why;
    return verdict;
  }
  const auto wanted = static_cast<double>(gpus.size());
  Verdict verdict{
      .check = "env-devices",
      .gpus = gpus,
      .outcome = Outcome::fail,
      .measured = Quantity{.value = static_cast<double>(*proof.device_count), .unit = "GPUs"},
      .expected = facts::Expectation{.value = wanted, .unit = "GPUs", .source = machine.counts.pci.how},
      .why = proof.path + ": torch.cuda.device_count()"};
  const auto reason = meant_so(machine);
  if (verdict.measured->value == wanted) {
    verdict.outcome = Outcome::pass;
  } else if (env != nullptr && env->variant == "cpu") {
    verdict.outcome = Outcome::warn;
    verdict.why += "; this torch is built for the CPU alone";
  } else if (reason && *proof.device_count > 0) {
    verdict.outcome = Outcome::warn;
    verdict.why += "; " + *reason;
  }
  return verdict;
}

// torch numbers the GPUs as CUDA does in the same surroundings.
Verdict judge_matmul(const Measurements& measurements, const EnvProof& proof,
                     const facts::DeviceProof& device) {
  const bool cpu = device.index < 0;
  std::vector<std::string> gpus;
  for (const GpuProof& gpu : measurements.cuda ? measurements.cuda->gpus : std::vector<GpuProof>{}) {
    if (!cpu && gpu.index == device.index) gpus = about(gpu);
  }
  const std::string check = cpu ? "env-matmul-cpu" : "env-matmul-gpu";
  const std::string what = fmt::format("{}: a product of random matrices on {}", proof.path,
                                       cpu ? "the CPU" : fmt::format("cuda:{}", device.index));
  if (!device.seconds) {
    Verdict verdict = without_measure(check, std::move(gpus), device.seconds.error());
    verdict.why = what + ": " + verdict.why;
    return verdict;
  }
  return {.check = check,
          .gpus = std::move(gpus),
          .outcome = Outcome::pass,
          .measured = Quantity{.value = *device.seconds, .unit = "s"},
          .expected = std::nullopt,
          .why = what + ", compared with float64"};
}

void judge_env(const Machine& machine, const Measurements& measurements, const std::string& path,
               const facts::Reading<EnvProof>& proof, std::vector<Verdict>& out) {
  if (!proof) {
    out.push_back(without_measure("env-import", {}, Error(proof.error()).within(path)));
    return;
  }
  const auto at = std::ranges::find(machine.envs, path, &facts::PythonEnv::path);
  const facts::PythonEnv* env = at == machine.envs.end() ? nullptr : &*at;
  const std::vector<std::string> gpus = expected_gpus(machine);
  for (const facts::ImportProof& import : proof->imports) out.push_back(judge_import(env, *proof, import));
  if (!gpus.empty()) out.push_back(judge_devices(machine, env, *proof, gpus));
  for (const facts::DeviceProof& device : proof->devices)
    out.push_back(judge_matmul(measurements, *proof, device));
}

bool about_gpus(const Verdict& verdict) {
  return verdict.check.starts_with("gpu") || verdict.check.starts_with("cuda-") ||
         verdict.check == "env-devices" || verdict.check == "env-matmul-gpu";
}

// From best to worst; what was not done ranks between what is well and what is not.
int rank(Outcome outcome) {
  constexpr std::array kOrder{Outcome::pass,         Outcome::info, Outcome::not_measured,
                              Outcome::inconclusive, Outcome::warn, Outcome::fail};
  return static_cast<int>(std::ranges::find(kOrder, outcome) - kOrder.begin());
}

}  // namespace

std::vector<Verdict> judge(const Machine& machine, const Measurements& measurements) {
  std::vector<Verdict> out;
  judge_gpus(machine, measurements, out);
  const bool asked_for =
      measurements.native || measurements.native.error() != facts::Measurements().native.error();
  if (asked_for) {
    for (Verdict& verdict : judge_native(machine, measurements.native, reference()))
      out.push_back(std::move(verdict));
  }
  for (const auto& [path, proof] : measurements.envs) judge_env(machine, measurements, path, proof, out);
  return out;
}

Outcome overall(std::span<const Verdict> verdicts) {
  Outcome worst = Outcome::pass;
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
