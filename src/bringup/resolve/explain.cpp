// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/explain.hpp>
#include <bringup/resolve/kernels.hpp>
#include <bringup/resolve/present.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

bool made_here(const Solution& solution) {
  return solution.driver.origin == Origin::nvidia || solution.driver.origin == Origin::distro;
}

WheelChoice wheel(std::string_view name, std::string version, const catalog::WheelSet& wheels) {
  return {.name = std::string(name),
          .version = std::move(version),
          .variant = wheels.variant,
          .index = wheels.index};
}

std::string without_local(const std::string& version) {
  return version.substr(0, version.find('+'));
}

std::vector<WheelChoice> packages_kept(const WantedEnv& wanted, const facts::PythonEnv& env) {
  std::vector<WheelChoice> out;
  for (const WantedPackage& package : wanted.packages) {
    if (!package.active) continue;
    const auto there = std::ranges::find(env.packages, package.name, &facts::PythonPackage::name);
    const bool torch = package.name == "torch";
    if (there == env.packages.end() && !(torch && env.torch)) continue;
    const std::string& version = torch && env.torch ? *env.torch : there->version;
    const bool of_set = torch || package.name == "torchvision" || package.name == "torchaudio";
    out.push_back({.name = package.name,
                   .version = without_local(version),
                   .variant = of_set ? env.variant : std::nullopt,
                   .index = std::nullopt});
  }
  return out;
}

// The other packages, each companion in the release that goes with this torch, and what it needs beside it.
void add_others(const Problem& problem, const Wishes& wishes, const catalog::WheelSet* wheels,
                std::vector<WheelChoice>& out) {
  for (const WantedPackage* package : wishes.others)
    out.push_back({.name = package->name, .version = package->pin, .variant = std::nullopt, .index = "pypi"});
  if (wheels == nullptr) return;
  for (const WantedPackage* package : wishes.others) {
    const Beside one = beside(problem, wishes, *package, *wheels);
    if (one.row == nullptr) continue;
    std::vector<catalog::Requirement> needs{
        {.package = package->name, .relation = "==", .version = one.works ? one.row->version : ""}};
    for (const std::string& text : one.row->also) needs.push_back(catalog::requirement_of(text));
    for (const catalog::Requirement& need : needs) {
      auto at = std::ranges::find(out, need.package, &WheelChoice::name);
      if (at == out.end())
        at = out.insert(out.end(),
                        {.name = need.package, .version = "", .variant = std::nullopt, .index = "pypi"});
      // What the goal pins stays; a companion's demand comes before a companion's own release.
      const bool pinned = std::ranges::any_of(wishes.others, [&](const WantedPackage* other) {
        return other->name == need.package && !other->pin.empty();
      });
      if (!pinned && need.relation == "==" && !need.version.empty() &&
          (at->version.empty() || need.package != package->name))
        at->version = need.version;
    }
  }
}

std::vector<WheelChoice> packages_made(const Problem& problem, const WantedEnv& wanted,
                                       const catalog::WheelSet* wheels) {
  std::vector<WheelChoice> out;
  const Wishes wishes = wishes_of(wanted);
  if (wheels != nullptr) {
    out.push_back(wheel("torch", wheels->torch.text, *wheels));
    if (wishes.torchvision) out.push_back(wheel("torchvision", wheels->torchvision, *wheels));
    if (wishes.torchaudio) out.push_back(wheel("torchaudio", wheels->torchaudio.value_or(""), *wheels));
  }
  add_others(problem, wishes, wheels, out);
  return out;
}

// Why a driver is installed that is not here.
std::string why_installed(const Problem& problem, const DriverCandidate& driver) {
  if (problem.driver != "auto")
    return fmt::format("the goal asks for driver branch {}, and it serves every GPU", driver.number);
  if (end_of_life(problem, driver))
    return fmt::format("{} serves every GPU, and no supported branch that does can be had here",
                       driver_text(driver));
  const std::string_view type = driver.branch == nullptr ? "" : std::string_view(driver.branch->type);
  if (type == "NFB")
    return fmt::format(
        "branch {} (NFB, new features) serves every GPU, and no production branch with updates that does can "
        "be had here",
        driver.number);
  return fmt::format(
      "branch {} ({}) is the newest production branch with updates that serves every GPU and can be had here",
      driver.number, type);
}

Reason driver_reason(const Problem& problem, const Solution& solution) {
  const DriverCandidate& driver = solution.driver;
  Reason out{.about = "driver",
             .text = "",
             .source = driver.branch == nullptr ? "this machine" : driver.branch->from.source,
             .known = driver.branch == nullptr ? catalog::Known::read : driver.branch->from.known};
  const std::string_view type = driver.branch == nullptr ? "" : std::string_view(driver.branch->type);
  if (driver.origin == Origin::none) {
    out.text = problem.has_gpus() ? "the goal says that the driver is not managed here"
               : in_wsl(*problem.machine)
                   ? "no NVIDIA GPU shows itself in WSL, which takes its driver from Windows"
                   : "there is no NVIDIA GPU on the PCI bus, so no driver is needed";
    out.source = problem.has_gpus() ? "goal: driver" : "this machine: the PCI bus";
  } else if (driver.origin == Origin::left) {
    out.text = fmt::format(
        "no driver can be had here, and without root none would be installed: the rest is chosen for branch "
        "{} ({}), which serves every GPU",
        driver.number, type);
  } else if (driver.origin == Origin::keep) {
    out.text =
        in_wsl(*problem.machine)
            ? fmt::format("driver {} of Windows serves every GPU, and WSL takes no other",
                          driver.version.text)
            : fmt::format("driver {} is here already and serves every GPU, so it stays", driver.version.text);
    out.source = "this machine: " + driver.evidence;
    out.known = catalog::Known::tried;
  } else {
    out.text = why_installed(problem, driver);
  }
  return out;
}

Reason flavour_reason(const Problem& problem, const Solution& solution) {
  const DriverCandidate& driver = solution.driver;
  Reason out{.about = "flavour",
             .text = "",
             .source = driver.branch == nullptr ? "this machine" : driver.branch->from.source,
             .known = driver.branch == nullptr ? catalog::Known::read : driver.branch->from.known};
  const auto architecture = [&problem](bool old) -> std::string {
    for (const Wanted& gpu : problem.gpus) {
      if (!gpu.active || gpu.row == nullptr) continue;
      if (old ? gpu.row->architecture < catalog::Architecture::turing
              : gpu.row->architecture >= catalog::Architecture::blackwell)
        return std::string(catalog::architecture_name(gpu.row->architecture));
    }
    return "";
  };
  if (driver.origin == Origin::keep) {
    out.text = fmt::format("the {} kernel modules are the ones that are here", flavour_name(*driver.flavour));
  } else if (*driver.flavour == facts::Flavour::open) {
    const std::string needs = architecture(false);
    out.text = needs.empty()
                   ? "the open kernel modules are what NVIDIA recommends for Turing and later in this branch"
                   : fmt::format("{} needs the open kernel modules", needs);
  } else {
    const std::string needs = architecture(true);
    out.text = needs.empty()
                   ? fmt::format("the proprietary kernel modules are the usual ones of branch {} here",
                                 driver.number)
                   : fmt::format("{} needs the proprietary kernel modules", needs);
  }
  return out;
}

Reason source_reason(const Problem& problem, const Solution& solution) {
  const bool vendor = solution.driver.origin == Origin::nvidia;
  Reason out{.about = vendor ? "source:nvidia" : "source:distro",
             .text = "",
             .source = "",
             .known = catalog::Known::read};
  if (vendor) {
    out.text = "NVIDIA's repository answers and has packages of this branch for this system";
    if (problem.repo != nullptr)
      out = {out.about, out.text, problem.repo->from.source, problem.repo->from.known};
    return out;
  }
  const std::string why = problem.repo == nullptr ? "NVIDIA's repository has none for this system"
                          : problem.answers(Place::nvidia)
                              ? "it has the wanted branch"
                              : "NVIDIA's repository does not answer: " + problem.silence(Place::nvidia);
  out.text = fmt::format("the driver comes from the distribution's archive: {}", why);
  const char* part = solution.driver.flavour == facts::Flavour::open ? "driver_open" : "driver";
  if (problem.archive != nullptr)
    out = {out.about, out.text, problem.archive->from.source, catalog::known_of(*problem.archive, part)};
  return out;
}

// The best set that would be taken if a toolkit compiled extensions for it: that says more than what newer
// ones lack.
std::string no_toolkit_for_better(const Problem& problem, const Solution& solution, std::size_t index) {
  const EnvSolution& env = solution.envs[index];
  const Wishes wishes = wishes_of(problem.envs[index]);
  const std::string& python = solution.python.choice.version;
  for (const catalog::WheelSet& wheels : problem.catalog->wheels) {
    if (!preferred(problem, wishes, wheels, *env.wheels)) continue;
    const auto rejection = wheel_rejection(problem, solution.driver, python, wishes, wheels);
    if (rejection && rejection->rule == WheelRule::toolkit)
      return "; " + say(problem, solution.driver, python, wishes, wheels, *rejection);
  }
  return "";
}

// Why no newer torch: the newest set that was passed over because it does not work, because of these GPUs or
// this driver, or because nobody has seen that it works.
std::string passed_over(const Problem& problem, const Solution& solution, std::size_t index) {
  const EnvSolution& env = solution.envs[index];
  const Wishes wishes = wishes_of(problem.envs[index]);
  const std::string& python = solution.python.choice.version;
  if (wishes.extension) {
    if (std::string text = no_toolkit_for_better(problem, solution, index); !text.empty()) return text;
  }
  for (const catalog::WheelSet& wheels : problem.catalog->wheels) {
    if (!(env.wheels->torch < wheels.torch)) break;
    const auto rejection = wheel_rejection(problem, solution.driver, python, wishes, wheels);
    if (!rejection && wheels.from.known == catalog::Known::inferred)
      return fmt::format("; that {} works is only inferred", wheels_text(wheels));
    if (!rejection) continue;
    const auto rule = rejection->rule;
    if (rule == WheelRule::broken || rule == WheelRule::driver_floor || rule == WheelRule::gpu ||
        rule == WheelRule::no_audio)
      return "; " + say(problem, solution.driver, python, wishes, wheels, *rejection);
  }
  return "";
}

std::string_view known_text(catalog::Known known) {
  return known == catalog::Known::inferred ? "can be had here" : "is known to belong together";
}

Reason torch_reason(const Problem& problem, const Solution& solution, std::size_t index) {
  const EnvSolution& env = solution.envs[index];
  if (env.kept) {
    return {.about = "torch",
            .text = fmt::format("the environment {} is here already with torch {}, and does for '{}'",
                                env.path, env.kept->env->torch.value_or("?"), problem.envs[index].name),
            .source = "this machine: " + env.path,
            .known = catalog::Known::tried};
  }
  const std::string serves =
      problem.has_gpus() ? "with code for every GPU and for this driver" : "for the CPU";
  return {.about = "torch",
          .text = fmt::format("{} is the newest set {} that {}{}", wheels_text(*env.wheels), serves,
                              known_text(env.wheels->from.known), passed_over(problem, solution, index)),
          .source = env.wheels->from.source,
          .known = env.wheels->from.known};
}

void companion_reasons(const Problem& problem, const Wishes& wishes, const catalog::WheelSet& wheels,
                       std::vector<Reason>& out) {
  for (const WantedPackage* package : wishes.others) {
    const Beside one = beside(problem, wishes, *package, wheels);
    if (one.row == nullptr) continue;
    const std::string also = one.row->also.empty() ? "" : ", with " + base::join(one.row->also, " and ");
    out.push_back({.about = package->name,
                   .text = one.works ? fmt::format("{} {}{} was tried beside torch {}", package->name,
                                                   one.row->version, also, wheels.torch.text)
                                     : fmt::format("{}{}: nobody has tried it beside torch {}", package->name,
                                                   also, wheels.torch.text),
                   .source = one.row->from.source,
                   .known = one.works ? one.row->from.known : catalog::Known::inferred});
  }
}

// Secure Boot refuses modules that are built here until their key is trusted; those of the distribution's own
// build are trusted already.
bool key_is_wanted(const facts::Machine& machine, const DriverChoice& driver) {
  if (!machine.secure_boot || !*machine.secure_boot) return false;
  if (machine.container && machine.container->has_value()) return false;
  const auto& read = machine.boot.signing_key;
  const bool there = read && read->has_value();
  const bool asked = there && (*read)->trust != "none";
  if (driver.action == Action::keep)
    return there && !asked && !(machine.driver.loaded && machine.driver.loaded->has_value());
  return !asked && std::ranges::none_of(driver.packages, [](const std::string& name) {
    return name.starts_with("linux-modules-nvidia");
  });
}

void add_key(const facts::Machine& machine, DriverChoice& driver) {
  if (!key_is_wanted(machine, driver)) return;
  driver.enrol.assign(facts::kSigningKeys.begin(), facts::kSigningKeys.end());
  if (driver.action == Action::keep) return;
  for (const char* tool : {"mokutil", "openssl"}) driver.packages.emplace_back(tool);
}

DriverChoice driver_choice(const Problem& problem, const Solution& solution) {
  const DriverCandidate& driver = solution.driver;
  if (driver.origin == Origin::none || driver.origin == Origin::left) return {};
  DriverChoice out{.action = Action::keep,
                   .branch = driver.number,
                   .version = driver.version.text,
                   .flavour = driver.flavour,
                   .source = "keep"};
  out.kernels = kernels_to_serve(problem.machine->kernel);
  if (driver.origin == Origin::keep) {
    add_key(*problem.machine, out);
    return out;
  }
  const bool some = present_driver(*problem.machine) || !problem.machine->driver.libcuda.empty() ||
                    !problem.machine->driver.modules.empty();
  out.action = some ? Action::upgrade : Action::install;
  out.source = driver.origin == Origin::nvidia ? "nvidia" : "distro";
  if (driver.origin == Origin::nvidia) out.version = std::nullopt;
  out.packages = packages_of(problem, driver);
  out.pins = pins_of(problem, driver);
  out.locks = locks_of(problem, driver);
  out.dnf_module = dnf_module_of(problem, driver);
  out.headers = missing_headers(problem, out.kernels);
  add_key(*problem.machine, out);
  return out;
}

std::vector<EnvChoice> env_choices(const Problem& problem, const Solution& solution) {
  std::vector<EnvChoice> out;
  for (std::size_t i = 0; i < solution.envs.size(); ++i) {
    const EnvSolution& env = solution.envs[i];
    EnvChoice choice{.name = problem.envs[i].name, .path = env.path, .action = env.action, .packages = {}};
    choice.packages = env.kept ? packages_kept(problem.envs[i], *env.kept->env)
                               : packages_made(problem, problem.envs[i], env.wheels);
    out.push_back(std::move(choice));
  }
  return out;
}

std::vector<Reason> reasons_of(const Problem& problem, const Solution& solution) {
  std::vector<Reason> out{driver_reason(problem, solution)};
  if (solution.driver.flavour && solution.driver.origin != Origin::left)
    out.push_back(flavour_reason(problem, solution));
  if (made_here(solution)) out.push_back(source_reason(problem, solution));
  out.push_back({.about = "toolkit",
                 .text = solution.toolkit.reason,
                 .source = solution.toolkit.evidence,
                 .known = solution.toolkit.known});
  out.push_back({.about = "python",
                 .text = solution.python.reason,
                 .source = solution.python.evidence,
                 .known = solution.python.known});
  for (std::size_t i = 0; i < solution.envs.size(); ++i) {
    if (tells_of_torch(problem, solution, i)) out.push_back(torch_reason(problem, solution, i));
    if (solution.envs[i].wheels != nullptr)
      companion_reasons(problem, wishes_of(problem.envs[i]), *solution.envs[i].wheels, out);
  }
  return out;
}

// What stands on this machine or in the goal was seen, whatever the catalog says of its own rows.
std::vector<Reason> with_what_was_seen(std::vector<Reason> reasons) {
  for (Reason& reason : reasons) {
    if (reason.source.starts_with("this machine") || reason.source.starts_with("goal"))
      reason.known = catalog::Known::tried;
  }
  return reasons;
}

bool component_missing(const Problem& problem, const Choice& choice) {
  const bool from_archive = (choice.driver.source == "distro" && choice.driver.action != Action::keep) ||
                            (choice.toolkit.source == "distro" && choice.toolkit.action == Action::install);
  if (!from_archive || problem.archive == nullptr) return false;
  const auto& enabled = problem.machine->packages.archive_components;
  return std::ranges::any_of(base::words(problem.archive->component), [&enabled](std::string_view component) {
    return std::ranges::find(enabled, component) == enabled.end();
  });
}

}  // namespace

Choice choice_of(const Problem& problem, const Solution& solution, bool hold_kernel) {
  Choice choice{.driver = driver_choice(problem, solution),
                .toolkit = solution.toolkit.choice,
                .python = solution.python.choice,
                .envs = env_choices(problem, solution),
                .reasons = with_what_was_seen(reasons_of(problem, solution)),
                .notices = notices_of(problem, solution)};
  const bool changes = made_here(solution) || choice.toolkit.action == Action::install ||
                       std::ranges::any_of(choice.envs, [](const EnvChoice& env) {
                         return env.action != Action::keep && env.action != Action::none;
                       });
  if (auto notice = not_tried(choice.reasons); notice && changes)
    choice.notices.push_back(std::move(*notice));
  if (hold_kernel && made_here(solution))
    choice.driver.hold = kernels_to_hold(*problem.machine, choice.driver.headers);
  if (problem.archive != nullptr && !(choice.driver.hold.empty() && choice.driver.locks.empty()))
    choice.driver.lock_plugin = problem.archive->lock_plugin;
  choice.needs_component = component_missing(problem, choice);
  return choice;
}

}  // namespace bringup::resolve
