// SPDX-License-Identifier: Apache-2.0
// Rules over an environment's own packages: one that is there twice, libraries of two CUDA versions, what
// nobody maintains.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace bringup::diagnose {
namespace {

using facts::PythonEnv;
using facts::PythonPackage;

// Libraries whose wheels put the same file into the same place, whatever CUDA they were built for
// (nvidia/nccl/lib/libnccl.so.2).
constexpr std::array<std::string_view, 4> kOnePlace{"nvidia-cudnn-cu", "nvidia-cusparselt-cu",
                                                    "nvidia-nccl-cu", "nvidia-nvshmem-cu"};

std::string in_words(const PythonPackage& package) {
  return fmt::format("{} {}", package.name, package.version);
}

// The newest release of PyTorch, or of those that are built for a CUDA.
const base::Version* newest_torch(const catalog::Catalog& catalog, std::optional<int> cuda_major) {
  const base::Version* newest = nullptr;
  for (const catalog::WheelSet& wheels : catalog.wheels) {
    const auto cuda = catalog::variant_cuda(wheels.variant);
    if (cuda_major && (!cuda || cuda->major() != *cuda_major)) continue;
    if (newest == nullptr || *newest < wheels.torch) newest = &wheels.torch;
  }
  return newest;
}

// By so many minor releases that nobody mends it.
bool behind(const base::Version& torch, const base::Version& newest) {
  const auto most = static_cast<std::int64_t>(catalog::threshold(catalog::Limit::torch_behind));
  return torch.major() < newest.major() ||
         (torch.major() == newest.major() && newest.minor() - torch.minor() >= most);
}

// Nobody publishes a date for a toolkit. What comes nearest is NVIDIA's policy for its container images of
// CUDA (2022-10): they end with the driver branch that the toolkit came with.
Evidence end_of(const catalog::Catalog& catalog, const base::Version& cuda) {
  const auto branch = std::ranges::find_if(catalog.branches, [&cuda](const catalog::Branch& one) {
    return one.max_cuda.major() == cuda.major() && one.max_cuda.minor() == cuda.minor();
  });
  std::string text = "NVIDIA names no end for a toolkit";
  if (branch != catalog.branches.end() && branch->eol)
    text += fmt::format("; its container images end with driver branch {}, {}", branch->number, *branch->eol);
  return seen("catalog: driver branches", text);
}

// "13.0 or 13.2": what the newest release of PyTorch is built with.
std::string cuda_of(const catalog::Catalog& catalog, const base::Version& torch) {
  std::vector<std::string> out;
  for (const catalog::WheelSet& wheels : catalog.wheels) {
    const auto cuda = catalog::variant_cuda(wheels.variant);
    if (cuda && wheels.torch == torch && std::ranges::find(out, cuda->text) == out.end())
      out.push_back(cuda->text);
  }
  return base::join(out, " or ");
}

}  // namespace

Looked look_nvidia_packages_mixed(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
    std::vector<std::string> names;
    for (const std::string_view start : kOnePlace) {
      std::vector<const PythonPackage*> of;
      for (const PythonPackage& package : env.packages) {
        if (package.name.starts_with(start) &&
            std::ranges::none_of(of, [&package](const auto* one) { return one->name == package.name; }))
          of.push_back(&package);
      }
      if (of.size() < 2) continue;
      for (const PythonPackage* package : of) {
        sighting.evidence.push_back(seen(env.path, in_words(*package)));
        names.push_back(package->name);
      }
    }
    if (names.empty()) continue;
    sighting.fix.summary =
        fmt::format("in {}: uninstall {}, then install torch anew, which brings the right one", env.path,
                    base::join(names, ", "));
    out.push_back(std::move(sighting));
  }
  return out;
}

Looked look_package_twice(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    std::map<std::string, std::vector<std::string>> versions;
    for (const PythonPackage& package : env.packages) {
      auto& of = versions[package.name];
      if (std::ranges::find(of, package.version) == of.end()) of.push_back(package.version);
    }
    std::erase_if(versions, [](const auto& one) { return one.second.size() < 2; });
    if (versions.empty()) continue;
    Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
    std::vector<std::string> names;
    for (const auto& [name, of] : versions) {
      names.push_back(name);
      sighting.evidence.push_back(
          seen(env.site_packages, fmt::format("{}: {}", name, base::join(of, " and "))));
    }
    sighting.fix.summary = fmt::format("{} -m pip uninstall {} until none is left, then install it once",
                                       env.python, base::join(names, " "));
    out.push_back(std::move(sighting));
  }
  return out;
}

// What a stack's row says before it is installed holds for what is installed already.
Looked look_stack_end_of_life(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    for (const PythonPackage& package : env.packages) {
      const auto stack = std::ranges::find(patient.catalog.stacks, package.name, &catalog::Stack::name);
      if (stack == patient.catalog.stacks.end() || !base::contains(stack->notice, "maintained")) continue;
      out.push_back(
          {.evidence = {seen(env.path, in_words(package)), seen("catalog: stacks", stack->notice)},
           .gpus = {},
           .fix = {.summary = "what runs goes on running; for new work: 'bringup stack' lists others",
                   .steps = {}}});
    }
  }
  return out;
}

// One that PyTorch is still built for is enough; an environment's own is its business.
Looked look_toolkit_old(const Patient& patient) {
  TRY(need_look(patient.machine, "its toolkits"));
  const base::Version* newest = newest_torch(patient.catalog, std::nullopt);
  if (newest == nullptr || TRY(gpus_of(patient.machine)).empty()) return Sightings{};
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const facts::Toolkit& toolkit : patient.machine.toolkits) {
    const auto version = base::Version::parse(toolkit.version);
    if (toolkit.origin == "pypi" || !version) continue;
    const base::Version* last = newest_torch(patient.catalog, version->major());
    if (last != nullptr && !behind(*last, *newest)) return Sightings{};
    sighting.evidence.push_back(seen(toolkit.path, fmt::format("CUDA toolkit {}", toolkit.version)));
    sighting.evidence.push_back(
        seen("catalog: wheels", fmt::format("the last torch for CUDA {} is {}", version->major(),
                                            last == nullptr ? "older than its rows" : last->text)));
    sighting.evidence.push_back(end_of(patient.catalog, *version));
  }
  if (sighting.evidence.empty()) return Sightings{};
  sighting.fix.summary = fmt::format(
      "where extensions are built, a toolkit of torch's CUDA beside it: {} for torch {}; 'bringup "
      "plan' says which serves the GPUs here",
      cuda_of(patient.catalog, *newest), newest->text);
  return Sightings{std::move(sighting)};
}

// By the releases that the catalog has wheels of: how many of PyTorch's came later is the number of its minor
// ones.
Looked look_torch_old(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  const base::Version* newest = newest_torch(patient.catalog, std::nullopt);
  Sightings out;
  if (newest == nullptr) return out;
  for (const PythonEnv& env : patient.machine.envs) {
    const auto torch = env.torch ? base::Version::parse(*env.torch) : std::nullopt;
    if (!torch || !behind(*torch, *newest)) continue;
    out.push_back({.evidence = {seen(env.path, "torch " + *env.torch),
                                seen("catalog: wheels", "the newest is torch " + newest->text)},
                   .gpus = {},
                   .fix = {.summary = "a newer torch for new work: bringup up; what runs goes on running",
                           .steps = {}}});
  }
  return out;
}

}  // namespace bringup::diagnose
