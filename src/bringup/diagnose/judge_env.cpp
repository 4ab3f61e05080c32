// SPDX-License-Identifier: Apache-2.0
// Judges what the Python environments did. A pass is only made of something that was measured and found
// right.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/judge.hpp>
#include <bringup/diagnose/native.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::EnvDeed;
using facts::EnvProof;
using facts::Machine;
using facts::Measurements;
using facts::Outcome;
using facts::Quantity;
using facts::Verdict;

// PCI addresses of the GPUs with these numbers: torch numbers them as CUDA does in the same surroundings.
std::vector<std::string> numbered(const Measurements& measurements, int first, int end) {
  std::vector<std::string> gpus;
  if (!measurements.native) return gpus;
  for (const facts::NativeGpu& gpu : measurements.native->gpus) {
    if (gpu.index >= first && gpu.index < end && !gpu.pci.empty()) gpus.push_back(gpu.pci);
  }
  return gpus;
}

std::string place(int index) {
  return index < 0 ? "the CPU" : fmt::format("cuda:{}", index);
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

Verdict judge_matmul(const Measurements& measurements, const EnvProof& proof,
                     const facts::DeviceProof& device) {
  const bool cpu = device.index < 0;
  std::vector<std::string> gpus = numbered(measurements, device.index, device.index + 1);
  const std::string check = cpu ? "env-matmul-cpu" : "env-matmul-gpu";
  const std::string what =
      fmt::format("{}: a product of random matrices on {}", proof.path, place(device.index));
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

bool by_nccl(const EnvDeed& deed) {
  return base::lower(deed.how).starts_with("nccl");
}

std::string what_was_done(const EnvDeed& deed) {
  if (deed.name == "training")
    return fmt::format("training of a small transformer on {}{}", place(deed.index),
                       deed.how.empty() ? "" : " in " + deed.how);
  if (deed.name == "all-reduce")
    return fmt::format("all-reduce over {} processes by {}, {}", deed.ranks, deed.how,
                       by_nccl(deed) ? "one per GPU" : "on the CPU");
  if (deed.name == "data loader") return "data loader with worker processes";
  if (deed.name == "compile") return "torch.compile of a small function on " + place(deed.index);
  return deed.name;
}

std::string reduced_text(const EnvDeed& deed) {
  std::vector<std::string> sizes;
  for (const facts::ReducedSize& size : deed.reduced)
    sizes.push_back(fmt::format("{} in {:.3g} ms", base::human_bytes(size.bytes), size.seconds * 1e3));
  return base::join(sizes, ", ");
}

// What was found right.
std::string what_was_seen(const EnvDeed& deed) {
  if (deed.loss)
    return fmt::format("the loss fell from {:.3g} to {:.3g} in {} steps", deed.loss->first, deed.loss->last,
                       deed.loss->steps);
  if (!deed.reduced.empty()) return "every sum was exact; " + reduced_text(deed);
  if (deed.name == "data loader")
    return fmt::format(
        "{} of them handed batches over through /dev/shm{}, every number as it was made", deed.workers,
        deed.shared_memory ? fmt::format(" ({})", base::human_bytes(*deed.shared_memory)) : "");
  if (deed.name == "compile")
    return fmt::format("made into machine code{}, with the result of the function itself",
                       deed.how.empty() ? "" : " by " + deed.how);
  return "";
}

// A busy CPU may take its time; GPUs that do not come to an end within ten times what they need hang.
bool hangs(const EnvDeed& deed) {
  return deed.seconds.error().code() == Errc::timeout &&
         (by_nccl(deed) || (deed.name == "training" && deed.index >= 0));
}

std::string check_of(const EnvDeed& deed) {
  std::string check = "env-" + deed.name;
  std::ranges::replace(check, ' ', '-');
  return check;
}

Verdict judge_deed(const Measurements& measurements, const EnvProof& proof, const EnvDeed& deed) {
  std::vector<std::string> gpus = by_nccl(deed) ? numbered(measurements, 0, deed.ranks)
                                                : numbered(measurements, deed.index, deed.index + 1);
  const std::string what = fmt::format("{}: {}", proof.path, what_was_done(deed));
  const auto seen = Seen::of(deed.seconds);
  if (!seen) {
    const Error& why = deed.seconds.error();
    Verdict verdict = without_measure(check_of(deed), std::move(gpus), why);
    if (hangs(deed)) verdict.outcome = Outcome::fail;
    // Where no compiler is, it is not the proof that misses something but the user.
    if (deed.name == "compile" && verdict.outcome == Outcome::not_measured) verdict.outcome = Outcome::warn;
    verdict.why = fmt::format("{}: {}", what, why.message());
    return verdict;
  }
  const std::string found = what_was_seen(deed);
  Verdict verdict = passed(*seen, check_of(deed), std::move(gpus), fmt::format("{}: {}", what, found));
  verdict.measured = Quantity{.value = *deed.seconds, .unit = "s"};
  if (found.empty()) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why = what + ": it came to its end, and what it gave was not told";
  }
  // What a container gets when nobody says otherwise; a few batches of images do not fit.
  constexpr std::uint64_t kLittle = std::uint64_t{256} << 20U;
  if (deed.shared_memory && *deed.shared_memory < kLittle) {
    verdict.outcome = Outcome::warn;
    verdict.why +=
        "; larger batches will not fit: give the container more (--shm-size=8g), or mount "
        "/dev/shm larger";
  }
  return verdict;
}

void judge_proof(const Machine& machine, const Measurements& measurements, const EnvProof& proof,
                 std::vector<Verdict>& out) {
  const auto at = std::ranges::find(machine.envs, proof.path, &facts::PythonEnv::path);
  const facts::PythonEnv* env = at == machine.envs.end() ? nullptr : &*at;
  const std::vector<std::string> gpus = expected_gpus(machine);
  for (const facts::ImportProof& import : proof.imports) out.push_back(judge_import(env, proof, import));
  if (!gpus.empty()) out.push_back(judge_devices(machine, env, proof, gpus));
  for (const facts::DeviceProof& device : proof.devices)
    out.push_back(judge_matmul(measurements, proof, device));
  for (const EnvDeed& deed : proof.deeds) out.push_back(judge_deed(measurements, proof, deed));
  if (proof.cut_short)
    out.push_back(without_measure("env-python", {}, Error(*proof.cut_short).within(proof.path)));
}

}  // namespace

void judge_env(const Machine& machine, const Measurements& measurements, const std::string& path,
               const facts::Reading<EnvProof>& proof, std::vector<Verdict>& out) {
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  if (proof)
    judge_proof(machine, measurements, *proof, out);
  else
    out.push_back(without_measure("env-import", {}, Error(proof.error()).within(path)));
  for (auto verdict = out.begin() + before; verdict != out.end(); ++verdict) verdict->env = path;
}

}  // namespace bringup::diagnose
