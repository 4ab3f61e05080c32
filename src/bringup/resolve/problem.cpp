// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/present.hpp>
#include <bringup/resolve/problem.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace bringup::resolve {
namespace {

using facts::PciKind;

// What WSL shows of GPUs: names, and no PCI ids.
std::vector<Wanted> gpus_of_wsl(const facts::NvmlSnapshot& nvml, const catalog::Catalog& catalog) {
  std::vector<Wanted> out;
  for (const facts::NvmlGpu& gpu : nvml.gpus) {
    const auto row = catalog.find_gpu(gpu.name);
    Wanted one{.address = gpu.pci, .name = gpu.name, .in_nvml = true};
    if (row)
      one = {.address = gpu.pci,
             .device_id = (*row)->device_id,
             .name = std::string((*row)->name),
             .row = *row,
             .in_nvml = true};
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Wanted> wanted_gpus(const facts::Machine& machine, const catalog::Catalog& catalog) {
  if (in_wsl(machine) && machine.pci.empty() && machine.nvml) return gpus_of_wsl(*machine.nvml, catalog);
  std::vector<Wanted> out;
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind != PciKind::gpu) continue;
    const catalog::Gpu* row = catalog.gpu(function.device_id);
    Wanted gpu{
        .address = function.address, .device_id = function.device_id, .name = function.name, .row = row};
    if (gpu.name.empty() && row != nullptr) gpu.name = row->name;
    gpu.in_nvml = !machine.hypothetical && machine.nvml &&
                  std::ranges::find(machine.nvml->gpus, function.address, &facts::NvmlGpu::pci) !=
                      machine.nvml->gpus.end();
    out.push_back(std::move(gpu));
  }
  std::ranges::stable_sort(out, {}, &Wanted::address);
  return out;
}

std::vector<WantedEnv> wanted_envs(const goal::Goal& goal) {
  std::vector<WantedEnv> out;
  for (const goal::EnvGoal& env : goal.envs) {
    WantedEnv wanted{.name = env.name,
                     .packages = {},
                     .own = env.own,
                     .extension = env.extension ? env.extension->module : "",
                     .min_cuda = env.extension ? env.extension->min_cuda : std::nullopt};
    for (const std::string& package : env.packages) {
      const std::size_t equals = package.find("==");
      wanted.packages.push_back({.name = package.substr(0, equals),
                                 .pin = equals == std::string::npos ? "" : package.substr(equals + 2)});
    }
    out.push_back(std::move(wanted));
  }
  return out;
}

// Whether a place answers. The archive of a system whose mirror list hides its URL is not among what can be
// asked: it is taken to answer when any other place does, because then the network is there.
Reach reach_of(const facts::Machine& machine, Place place) {
  const auto named = std::ranges::find(machine.sources, place_name(place), &facts::Source::name);
  if (named != machine.sources.end()) {
    return {.answers = static_cast<bool>(named->answered_seconds),
            .why = named->answered_seconds ? "" : named->answered_seconds.error().message()};
  }
  const bool configured = machine.packages.manager == "rpm" || !machine.packages.archive_uris.empty();
  const bool network = std::ranges::any_of(machine.sources, [](const facts::Source& source) {
    return static_cast<bool>(source.answered_seconds);
  });
  if (place == Place::distro && configured && network) return {.answers = true, .why = ""};
  return {.answers = false, .why = "not asked"};
}

// A goal without a conda, or with one that is here, asks nothing of its places.
Reach reach_of_conda(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                     Place place) {
  const std::string name = place == Place::conda ? goal.python_manager : std::string(place_name(place));
  const auto needed = conda_sources(machine, goal, catalog);
  if (std::ranges::find(needed, name, &facts::Source::name) == needed.end())
    return {.answers = true, .why = ""};
  const auto named = std::ranges::find(machine.sources, name, &facts::Source::name);
  if (named == machine.sources.end()) return {.answers = false, .why = "not asked"};
  return {.answers = static_cast<bool>(named->answered_seconds),
          .why = named->answered_seconds ? "" : named->answered_seconds.error().message()};
}

}  // namespace

std::string_view place_name(Place place) {
  constexpr std::array<std::string_view, kPlaces.size()> kNames{"nvidia",  "distro", "pypi",
                                                                "pytorch", "conda",  "conda-forge"};
  return kNames[static_cast<std::size_t>(place)];
}

std::string_view place_title(Place place) {
  constexpr std::array<std::string_view, kPlaces.size()> kTitles{
      "NVIDIA's repository", "the distribution's archive",     "PyPI",
      "the PyTorch index",   "the place of conda's installer", "the channel conda-forge"};
  return kTitles[static_cast<std::size_t>(place)];
}

bool Problem::has_gpus() const {
  return std::ranges::any_of(gpus, &Wanted::active);
}

bool Problem::any_extension() const {
  return std::ranges::any_of(envs, [](const WantedEnv& env) { return !env.extension.empty(); });
}

Problem make_problem(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                     std::string_view today) {
  Problem problem;
  problem.machine = &machine;
  problem.catalog = &catalog;
  problem.today = std::string(today);
  problem.os = os_key(machine.os);
  problem.archive = catalog.archive(problem.os);
  problem.repo = catalog.repo(problem.os);
  std::tie(problem.oldest_listed, problem.newest_listed) = catalog.listed;
  problem.gpus = wanted_gpus(machine, catalog);
  problem.driver = goal.driver;
  problem.toolkit = goal.toolkit;
  problem.python_version = goal.python_version;
  problem.python_manager = goal.python_manager;
  problem.prefix =
      goal.python_prefix.empty() ? machine.user.home + "/.local/share/bringup" : goal.python_prefix;
  problem.envs = wanted_envs(goal);
  problem.user_only = goal.user_only;
  problem.driver_left = goal.user_only && !in_wsl(machine);
  if (!goal.toolkit_file.empty() && machine.repository_file) {
    problem.repository_file = &*machine.repository_file;
    problem.toolkit = machine.repository_file->toolkit;
  }
  if (is_conda(goal.python_manager)) problem.conda = conda_prefix(machine, goal);
  problem.conda_root = conda_root(machine, goal);
  for (const Place place : kPlaces) {
    const bool of_conda = place == Place::conda || place == Place::channel;
    problem.reach[static_cast<std::size_t>(place)] =
        of_conda ? reach_of_conda(machine, goal, catalog, place) : reach_of(machine, place);
  }
  if (machine.glibc) problem.glibc = Version::parse(*machine.glibc);
  if (const auto gcc = machine.gcc ? Version::parse(*machine.gcc) : std::nullopt) problem.gcc = gcc->major();
  for (const facts::HostCompiler& one : machine.compilers) problem.compilers.push_back(one.major);
  return problem;
}

std::string gpu_text(const Wanted& gpu) {
  const std::string name = gpu.name.empty() ? fmt::format("10de:{:04x}", gpu.device_id) : gpu.name;
  const std::string compute =
      gpu.row != nullptr && gpu.row->compute ? fmt::format(" ({})", gpu.row->compute->text()) : "";
  return fmt::format("GPU {} {}{}", gpu.address, name, compute);
}

std::string major_minor(const Version& version) {
  return fmt::format("{}.{}", version.major(), version.minor());
}

std::string major_minor(std::string_view version) {
  const auto parsed = Version::parse(version);
  return parsed ? major_minor(*parsed) : "";
}

bool same_version(std::string_view pin, std::string_view version) {
  if (pin.empty()) return true;
  const auto plain = [](std::string_view text) { return text.substr(0, text.find('+')); };
  if (plain(pin) == plain(version)) return true;
  const auto numbers = [](std::string_view text) {
    return text.find_first_not_of("0123456789.") == std::string_view::npos;
  };
  if (!numbers(plain(pin)) || !numbers(plain(version))) return false;
  const auto wanted = Version::parse(plain(pin));
  const auto there = Version::parse(plain(version));
  return wanted && there && *wanted == *there;
}

bool past(const std::optional<std::string>& date, std::string_view today) {
  if (!date || date->empty()) return false;
  const std::string day = date->size() == 7 ? *date + "-31" : *date;
  return day < today;
}

}  // namespace bringup::resolve
