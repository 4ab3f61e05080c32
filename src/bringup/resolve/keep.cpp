// SPDX-License-Identifier: Apache-2.0
// Environments that are there already, held against what is asked.
#include <bringup/base/text.hpp>
#include <bringup/resolve/wheels.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace bringup::resolve {
namespace {

using facts::PythonEnv;

const facts::PythonPackage* package_in(const PythonEnv& env, std::string_view name) {
  const auto at = std::ranges::find(env.packages, name, &facts::PythonPackage::name);
  return at == env.packages.end() ? nullptr : &*at;
}

std::string local_part(std::string_view version) {
  const std::size_t plus = version.find('+');
  return plus == std::string_view::npos ? "" : std::string(version.substr(plus + 1));
}

bool pinned_ok(const std::string& pin, std::string_view version) {
  const std::string variant = local_part(pin);
  return same_version(pin, version) && (variant.empty() || variant == local_part(version));
}

// What the catalog knows of code in this torch: the set of the same version, else of the same release.
const catalog::WheelSet* known_set(const Problem& problem, const PythonEnv& env) {
  const auto torch = Version::parse(*env.torch);
  if (!torch || !env.variant) return nullptr;
  const catalog::WheelSet* near = nullptr;
  for (const catalog::WheelSet& wheels : problem.catalog->wheels) {
    if (wheels.variant != *env.variant || wheels.torch.major() != torch->major() ||
        wheels.torch.minor() != torch->minor())
      continue;
    if (wheels.torch == *torch) return &wheels;
    if (near == nullptr) near = &wheels;
  }
  return near;
}

enum class Serves { no, yes, unproven };

Serves serves_gpus(const Problem& problem, const DriverCandidate& driver, const PythonEnv& env) {
  if (!problem.has_gpus()) return Serves::yes;
  const auto cuda = env.variant ? catalog::variant_cuda(*env.variant) : std::nullopt;
  if (env.variant && (!cuda || !floor_ok(problem, driver, cuda))) return Serves::no;
  const catalog::WheelSet* wheels = known_set(problem, env);
  if (wheels == nullptr) return Serves::unproven;
  const bool all = std::ranges::all_of(problem.gpus, [wheels](const Wanted& gpu) {
    return !gpu.active ||
           (gpu.row != nullptr && gpu.row->compute && catalog::covers(*wheels, *gpu.row->compute));
  });
  return all ? Serves::yes : Serves::no;
}

// A companion of another CUDA variant imports badly or not at all; it counts as not there.
bool companion_ok(const PythonEnv& env, std::string_view name, const std::string& pin) {
  const facts::PythonPackage* package = package_in(env, name);
  if (package == nullptr || !pinned_ok(pin, package->version)) return false;
  const std::string variant = local_part(package->version);
  return variant.empty() || !env.variant || variant == *env.variant;
}

// nullopt: it does not do. Companions that are not there at all are told; wrong ones are a no.
std::optional<Kept> judged(const Problem& problem, const DriverCandidate& driver, const WantedEnv& wanted,
                           const PythonEnv& env) {
  Kept kept{.env = &env, .lacking = {}};
  const Wishes wishes = wishes_of(wanted);
  if (!problem.python_version.empty() && major_minor(env.version) != problem.python_version)
    return std::nullopt;
  if (wishes.torch) {
    if (!env.torch || !pinned_ok(wishes.torch_pin, *env.torch)) return std::nullopt;
    const Serves serves = serves_gpus(problem, driver, env);
    if (serves == Serves::no) return std::nullopt;
    kept.unproven = serves == Serves::unproven;
  }
  const auto check = [&](std::string_view name, const std::string& pin) {
    if (companion_ok(env, name, pin)) return true;
    if (package_in(env, name) != nullptr || !pin.empty()) return false;
    kept.lacking.emplace_back(name);
    return true;
  };
  if (wishes.torchvision && !check("torchvision", wishes.torchvision_pin)) return std::nullopt;
  if (wishes.torchaudio && !check("torchaudio", wishes.torchaudio_pin)) return std::nullopt;
  for (const WantedPackage* package : wishes.others) {
    const facts::PythonPackage* there = package_in(env, package->name);
    if (there != nullptr && !pinned_ok(package->pin, there->version)) return std::nullopt;
    if (there == nullptr && !package->pin.empty()) return std::nullopt;
    if (there == nullptr) kept.lacking.push_back(package->name);
  }
  return kept;
}

}  // namespace

std::string own_path(const Problem& problem, const WantedEnv& env) {
  const bool by_name = !problem.conda_root.empty() && !env.own;  // a stack is found by its path alone
  return fmt::format("{}/envs/{}", by_name ? problem.conda_root : problem.prefix, env.name);
}

// What stands at the place of an environment that is not shared.
bool is_anothers_own(const Problem& problem, const std::string& path) {
  return std::ranges::any_of(problem.envs,
                             [&](const WantedEnv& env) { return env.own && own_path(problem, env) == path; });
}

std::optional<Kept> env_to_keep(const Problem& problem, const DriverCandidate& driver,
                                const WantedEnv& wanted, bool whatever) {
  const std::string own = own_path(problem, wanted);
  std::optional<Kept> best;
  const auto rank = [&own](const Kept& kept) {
    const auto torch = kept.env->torch ? Version::parse(*kept.env->torch) : std::nullopt;
    return std::tuple(kept.lacking.size(), kept.env->path != own, kept.unproven, kept.env->kind == "system",
                      torch ? -torch->major() : 1, torch ? -torch->minor() : 1, kept.env->path);
  };
  for (const PythonEnv& env : problem.machine->envs) {
    const bool ours = env.path == own;
    if (!ours && (wanted.own || is_anothers_own(problem, env.path))) continue;
    if (env.kind == "system" && !whatever && !ours) continue;
    auto kept = judged(problem, driver, wanted, env);
    if (!kept) continue;
    if (!kept->lacking.empty() && (!whatever || problem.any_index())) continue;
    if (kept->unproven && !whatever && !ours) continue;
    if (!best || rank(*kept) < rank(*best)) best = std::move(kept);
  }
  return best;
}

}  // namespace bringup::resolve
