// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/driver.hpp>
#include <bringup/resolve/present.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace bringup::resolve {
namespace {

using catalog::Architecture;
using facts::Flavour;

constexpr int kOpenByDefault = 560;  // NVIDIA's own installer recommends the open modules from this branch on

bool open_capable(const Wanted& gpu) {
  return gpu.row != nullptr && gpu.row->architecture >= Architecture::turing;
}
// Blackwell and later, and Grace Hopper, have no proprietary module.
bool open_required(const Wanted& gpu) {
  return gpu.row != nullptr &&
         (gpu.row->architecture >= Architecture::blackwell || base::contains(gpu.row->name, "GH200"));
}

Flavour recommended(const Problem& problem, int branch) {
  bool all_capable = true;
  bool some_require = false;
  for (const Wanted& gpu : problem.gpus) {
    if (!gpu.active) continue;
    all_capable = all_capable && open_capable(gpu);
    some_require = some_require || open_required(gpu);
  }
  return some_require || (all_capable && branch >= kOpenByDefault) ? Flavour::open : Flavour::proprietary;
}

// A repository that neither names the branch nor pins it hands out the newest one, whatever was asked for.
bool can_hold(const Problem& problem, const DriverCandidate& candidate) {
  if (problem.any_os) return true;
  const catalog::VendorRepo& repo = *problem.repo;
  const bool open = candidate.flavour == Flavour::open;
  if (!(open ? repo.dnf_module_open : repo.dnf_module_proprietary).empty()) return true;
  if (!catalog::driver_pins(repo, candidate.number).empty() || !repo.lock_packages.empty()) return true;
  const std::string number = std::to_string(candidate.number);
  const auto packages = catalog::driver_packages(repo, candidate.number, open);
  if (std::ranges::any_of(packages,
                          [&number](const std::string& name) { return base::contains(name, number); }))
    return true;
  return !problem.catalog->branches.empty() && candidate.number == problem.catalog->branches.back().number;
}

std::optional<DriverRule> source_rule(const Problem& problem, const DriverCandidate& candidate) {
  if (candidate.origin != Origin::nvidia && candidate.origin != Origin::distro) return std::nullopt;
  if (in_wsl(*problem.machine)) return DriverRule::windows;
  if (!problem.any_arch && problem.machine->arch != "x86_64") return DriverRule::arch;
  const bool vendor = candidate.origin == Origin::nvidia;
  const bool row =
      vendor ? problem.repo != nullptr : problem.archive != nullptr && problem.archive->driver.has_value();
  if (!row && !problem.any_os) return DriverRule::no_row;
  if (!problem.answers(vendor ? Place::nvidia : Place::distro)) return DriverRule::silent;
  if (!row) return std::nullopt;
  if (packages_of(problem, candidate).empty()) return DriverRule::no_packages;
  if (vendor && !can_hold(problem, candidate)) return DriverRule::cannot_hold;
  return std::nullopt;
}

// What the lists of GPU ids say. They are those of the open modules: of branches newer than the lists they
// say nothing, of branches older than them only that a GPU which came later is not in those, and of Turing,
// which the proprietary modules drove before there were open ones, only when the open ones followed (Tesla
// T4: 575).
std::optional<DriverRule> list_rule(const Problem& problem, const DriverCandidate& candidate,
                                    const Wanted& gpu) {
  const auto& first = gpu.row->first_driver;
  if (first.empty() || candidate.number > problem.newest_listed) return std::nullopt;
  if (gpu.row->architecture <= Architecture::turing && candidate.flavour != Flavour::open)
    return std::nullopt;
  const auto listed = first.find(candidate.number);
  if (listed == first.end())
    return candidate.number < problem.oldest_listed && first.contains(problem.oldest_listed)
               ? std::nullopt
               : std::optional(DriverRule::gpu_not_listed);
  return candidate.version < listed->second ? std::optional(DriverRule::gpu_listed_later) : std::nullopt;
}

// Whether the branch's tables say that it drives this GPU.
std::optional<DriverRule> gpu_rule(const Problem& problem, const DriverCandidate& candidate,
                                   const Wanted& gpu) {
  if (candidate.origin == Origin::keep && gpu.in_nvml) return std::nullopt;
  if (candidate.branch == nullptr) return DriverRule::branch_unknown;
  if (gpu.row->architecture < candidate.branch->oldest) return DriverRule::gpu_too_old;
  if (gpu.row->architecture > candidate.branch->newest) return DriverRule::gpu_too_new;
  if (const auto rule = list_rule(problem, candidate, gpu)) return rule;
  // A flavour that could not be told breaks no rule about flavours.
  if (open_required(gpu) && candidate.flavour == Flavour::proprietary) return DriverRule::open_only;
  if (!open_capable(gpu) && candidate.flavour == Flavour::open) return DriverRule::proprietary_only;
  return std::nullopt;
}

bool toolkit_too_new(const Problem& problem, const DriverCandidate& candidate) {
  const auto version = Version::parse(problem.toolkit);
  if (!version || candidate.version.parts.empty()) return false;
  const catalog::CudaFloor* floor = problem.catalog->floor(version->major());
  return floor != nullptr && candidate.version < floor->driver;
}

std::optional<Version> loaded_version(const facts::Machine& machine) {
  const auto present = present_driver(machine);
  return present ? Version::parse(present->version) : std::nullopt;
}

void add_installable(Origin origin, const catalog::Branch* branch, int number, const Version& version,
                     std::vector<DriverCandidate>& out) {
  for (const Flavour flavour : {Flavour::open, Flavour::proprietary})
    out.push_back({.origin = origin,
                   .number = number,
                   .branch = branch,
                   .version = version,
                   .flavour = flavour,
                   .evidence = ""});
}

// Whether what the place has for this system was tried, and not only read.
bool place_tried(const Problem& problem, const DriverCandidate& candidate) {
  const bool vendor = candidate.origin == Origin::nvidia;
  if (vendor) return problem.repo != nullptr && problem.repo->from.known == catalog::Known::tried;
  const char* part = candidate.flavour == Flavour::open ? "driver_open" : "driver";
  return candidate.origin == Origin::distro && problem.archive != nullptr &&
         catalog::known_of(*problem.archive, part) == catalog::Known::tried;
}

// Smaller is better.
auto rank(const Problem& problem, const DriverCandidate& candidate) {
  const bool production = candidate.branch != nullptr && candidate.branch->type != "NFB";
  return std::tuple(candidate.origin == Origin::left, candidate.origin != Origin::none,
                    candidate.origin != Origin::keep, end_of_life(problem, candidate), !production,
                    -candidate.number, !place_tried(problem, candidate), candidate.origin == Origin::distro,
                    candidate.flavour != recommended(problem, candidate.number));
}

}  // namespace

std::string_view flavour_name(Flavour flavour) {
  return flavour == Flavour::open ? "open" : "proprietary";
}

bool end_of_life(const Problem& problem, const DriverCandidate& candidate) {
  return candidate.branch != nullptr && past(candidate.branch->eol, problem.today);
}

std::vector<std::string> packages_of(const Problem& problem, const DriverCandidate& candidate) {
  const bool open = candidate.flavour == Flavour::open;
  if (candidate.origin == Origin::nvidia && problem.repo != nullptr)
    return catalog::driver_packages(*problem.repo, candidate.number, open);
  if (candidate.origin == Origin::distro && problem.archive != nullptr)
    return open ? problem.archive->driver_open_packages : problem.archive->driver_packages;
  return {};
}

std::vector<std::string> pins_of(const Problem& problem, const DriverCandidate& candidate) {
  if (candidate.origin != Origin::nvidia || problem.repo == nullptr) return {};
  return catalog::driver_pins(*problem.repo, candidate.number);
}

std::vector<std::string> locks_of(const Problem& problem, const DriverCandidate& candidate) {
  if (candidate.origin != Origin::nvidia || problem.repo == nullptr) return {};
  return catalog::driver_locks(*problem.repo, candidate.number, candidate.flavour == Flavour::open);
}

std::string dnf_module_of(const Problem& problem, const DriverCandidate& candidate) {
  if (candidate.origin != Origin::nvidia || problem.repo == nullptr) return "";
  const std::string& name = candidate.flavour == Flavour::open ? problem.repo->dnf_module_open
                                                               : problem.repo->dnf_module_proprietary;
  return catalog::filled(name, "branch", std::to_string(candidate.number));
}

std::vector<DriverCandidate> driver_candidates(const Problem& problem) {
  std::vector<DriverCandidate> out;
  out.reserve(4 * problem.catalog->branches.size() + 3);  // two flavours, from two places
  const auto loaded = loaded_version(*problem.machine);
  if (!problem.has_gpus() || problem.driver == "none") {
    DriverCandidate none;
    if (loaded && problem.has_gpus()) none.version = *loaded;
    return {none};
  }
  if (const auto present = present_driver(*problem.machine); present && loaded) {
    out.push_back({.origin = Origin::keep,
                   .number = loaded->major(),
                   .branch = problem.catalog->branch(loaded->major()),
                   .version = *loaded,
                   .flavour = present->flavour,
                   .evidence = present->evidence});
  }
  for (const catalog::Branch& branch : problem.catalog->branches)
    add_installable(Origin::nvidia, &branch, branch.number, branch.latest, out);
  // A user who is not root cannot install one anyhow: what can be done without it is done for the driver that
  // would be the best, wherever root gets it.
  if (problem.driver_left) {
    for (const catalog::Branch& branch : problem.catalog->branches)
      add_installable(Origin::left, &branch, branch.number, branch.latest, out);
  }
  const auto archived = problem.archive != nullptr ? problem.archive->driver : std::nullopt;
  if (archived)
    add_installable(Origin::distro, problem.catalog->branch(archived->major()), archived->major(), *archived,
                    out);
  std::vector<std::pair<decltype(rank(problem, out.front())), std::size_t>> order;
  order.reserve(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) order.emplace_back(rank(problem, out[i]), i);
  std::ranges::sort(order);
  std::vector<DriverCandidate> sorted;
  sorted.reserve(out.size());
  for (const auto& [key, index] : order) sorted.push_back(std::move(out[index]));
  return sorted;
}

std::optional<DriverRejection> driver_rejection(const Problem& problem, const DriverCandidate& candidate) {
  for (std::size_t i = 0; i < problem.gpus.size(); ++i) {
    if (problem.gpus[i].active && problem.gpus[i].row == nullptr)
      return DriverRejection{.rule = DriverRule::gpu_unknown, .gpu = i};
  }
  if (candidate.origin == Origin::none) {
    if (problem.has_gpus() && problem.driver != "none")
      return DriverRejection{.rule = DriverRule::needs_driver};
    return std::nullopt;
  }
  if (problem.driver == "none") return DriverRejection{.rule = DriverRule::unmanaged};
  if (problem.driver != "auto" && problem.driver != std::to_string(candidate.number))
    return DriverRejection{.rule = DriverRule::pinned};
  if (candidate.version.parts.empty()) return DriverRejection{.rule = DriverRule::no_version};
  if (const auto rule = source_rule(problem, candidate)) return DriverRejection{.rule = *rule};
  for (std::size_t i = 0; i < problem.gpus.size(); ++i) {
    if (!problem.gpus[i].active) continue;
    if (const auto rule = gpu_rule(problem, candidate, problem.gpus[i]))
      return DriverRejection{.rule = *rule, .gpu = i};
  }
  if (candidate.flavour == Flavour::open && candidate.branch != nullptr && !candidate.branch->open_modules &&
      candidate.origin != Origin::keep)
    return DriverRejection{.rule = DriverRule::no_open};
  if (toolkit_too_new(problem, candidate)) return DriverRejection{.rule = DriverRule::toolkit_floor};
  return std::nullopt;
}

std::string driver_text(const DriverCandidate& candidate) {
  switch (candidate.origin) {
    case Origin::none:
      return "no driver";
    case Origin::keep:
      return fmt::format("the driver {} that is there", candidate.version.text);
    case Origin::nvidia:
      return fmt::format("driver branch {} from NVIDIA's repository", candidate.number);
    case Origin::distro:
      return fmt::format("driver {} from the distribution's archive", candidate.version.text);
    case Origin::left:
      return fmt::format("driver branch {}, which is left to root", candidate.number);
  }
  return "";
}

std::string say(const Problem& problem, const DriverCandidate& candidate, const DriverRejection& rejection) {
  const Wanted none;
  const Wanted& gpu = rejection.gpu < problem.gpus.size() ? problem.gpus[rejection.gpu] : none;
  const std::string_view architecture =
      gpu.row == nullptr ? "" : catalog::architecture_name(gpu.row->architecture);
  const std::string driver = driver_text(candidate);
  const Place place = candidate.origin == Origin::distro ? Place::distro : Place::nvidia;
  switch (rejection.rule) {
    case DriverRule::windows:
      return "in WSL the driver is that of Windows, and is brought up to date there";
    case DriverRule::gpu_unknown:
      if (gpu.device_id == 0)
        return fmt::format("the catalog knows no GPU of the name '{}', and what serves it is not guessed",
                           gpu.name);
      return fmt::format(
          "the catalog does not know the PCI id 10de:{:04x} of the GPU at {}, and what serves it is not "
          "guessed",
          gpu.device_id, gpu.address);
    case DriverRule::unmanaged:
      return "the goal says that the driver is not managed here";
    case DriverRule::needs_driver:
      return "a GPU needs a driver";
    case DriverRule::pinned:
      return fmt::format("the goal asks for driver branch {}, and this is {}", problem.driver, driver);
    case DriverRule::arch:
      return fmt::format(
          "the catalog has packages for x86_64 only, and this machine is {}",
          problem.machine->arch.empty() ? "of an unknown architecture" : problem.machine->arch);
    case DriverRule::no_row:
      return fmt::format("{} has no driver for {} in the catalog", place_title(place),
                         problem.os.empty() ? "this system" : problem.os);
    case DriverRule::silent:
      return fmt::format("{} does not answer: {}", place_title(place), problem.silence(place));
    case DriverRule::no_packages:
      return fmt::format("{} has no {} modules of branch {}", place_title(place),
                         flavour_name(candidate.flavour.value_or(Flavour::open)), candidate.number);
    case DriverRule::cannot_hold:
      return fmt::format(
          "{} for {} cannot hold branch {}: it hands out the newest, and the catalog does not know what "
          "would "
          "keep it from that",
          place_title(place), problem.os, candidate.number);
    case DriverRule::no_version:
      return fmt::format("no version of branch {} is known", candidate.number);
    case DriverRule::branch_unknown:
      return fmt::format("the catalog does not know driver branch {}", candidate.number);
    case DriverRule::gpu_too_old:
      return fmt::format("{}: {} serves {} and later, not {}", gpu_text(gpu), driver,
                         catalog::architecture_name(candidate.branch->oldest), architecture);
    case DriverRule::gpu_too_new:
      return fmt::format("{}: {} serves up to {}, not {}", gpu_text(gpu), driver,
                         catalog::architecture_name(candidate.branch->newest), architecture);
    case DriverRule::gpu_not_listed:
      return fmt::format("{}: branch {} does not list the PCI id 10de:{:04x}", gpu_text(gpu),
                         candidate.number, gpu.device_id);
    case DriverRule::gpu_listed_later:
      return fmt::format("{}: needs {} or later of branch {}, and {} is {}", gpu_text(gpu),
                         gpu.row->first_driver.at(candidate.number).text, candidate.number, driver,
                         candidate.version.text);
    case DriverRule::open_only:
      return fmt::format("{}: {} needs the open kernel modules, not the proprietary ones", gpu_text(gpu),
                         architecture);
    case DriverRule::proprietary_only:
      return fmt::format("{}: {} needs the proprietary kernel modules, not the open ones", gpu_text(gpu),
                         architecture);
    case DriverRule::no_open:
      return fmt::format("branch {} has no open kernel modules", candidate.number);
    case DriverRule::toolkit_floor:
      return fmt::format(
          "programs of the toolkit {} need driver {} or later, and this is {}", problem.toolkit,
          problem.catalog->floor(Version::parse(problem.toolkit)->major())->driver.text, driver);
  }
  return "";
}

}  // namespace bringup::resolve
