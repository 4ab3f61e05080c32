// SPDX-License-Identifier: Apache-2.0
// What the user should know about a choice.
#include <bringup/base/text.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/explain.hpp>
#include <bringup/resolve/present.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using Notices = std::vector<Notice>;

bool installs(const Solution& solution) {
  return solution.driver.origin == Origin::nvidia || solution.driver.origin == Origin::distro;
}

void about_branch(const Problem& problem, const Solution& solution, Notices& out) {
  const DriverCandidate& driver = solution.driver;
  if (driver.origin == Origin::none || !end_of_life(problem, driver)) return;
  const auto next = driver.branch->successor;
  const catalog::Branch* successor = next ? problem.catalog->branch(*next) : nullptr;
  std::string text =
      fmt::format("driver branch {} has had no updates since {}", driver.number, *driver.branch->eol);
  if (successor != nullptr)
    text += fmt::format("; branch {} ({}) follows it{}", successor->number, successor->type,
                        successor->eol ? ", supported until " + *successor->eol : "");
  out.push_back({.id = "driver-end-of-life", .text = std::move(text)});
}

// What is left to root when nobody has a driver for it either.
void about_left_driver(const Problem& problem, const Solution& solution, Notices& out) {
  if (solution.driver.origin != Origin::left) return;
  out.push_back({.id = "driver-left",
                 .text = fmt::format("left for root: a driver, branch {} or another that serves these GPUs; "
                                     "as it is none can be had: {}. Until one is there, nothing runs on them",
                                     solution.driver.number, why_no_driver(problem))});
}

void about_secure_boot(const Problem& problem, const Solution& solution,
                       const std::vector<std::string>& packages, Notices& out) {
  const auto& secure = problem.machine->secure_boot;
  if (!secure || !*secure || !installs(solution)) return;
  const bool is_signed = std::ranges::any_of(
      packages, [](const std::string& name) { return name.starts_with("linux-modules-nvidia"); });
  out.push_back(
      {.id = "secure-boot",
       .text = is_signed
                   ? "Secure Boot is on: the modules are signed by the distribution, and load as they are"
                   : "Secure Boot is on: the module that is built here is signed with this machine's own key "
                     "(MOK), which somebody at the console confirms once, at the next boot"});
}

// The driver stays, and yet the kernel will not load it.
void about_unsigned_module(const Problem& problem, const Solution& solution, Notices& out) {
  const facts::Machine& machine = *problem.machine;
  const auto kernels = kernels_to_serve(machine.kernel);
  const bool loaded = machine.driver.loaded && *machine.driver.loaded;
  if (!machine.secure_boot || !*machine.secure_boot || solution.driver.origin != Origin::keep || loaded ||
      kernels.empty())
    return;
  const auto& modules = machine.driver.modules;
  const auto at = std::ranges::find(modules, kernels.back(), &facts::ModuleOnDisk::kernel);
  if (at == modules.end() || at->version.empty() || !at->signer.empty()) return;
  out.push_back({.id = "module-refused",
                 .text = fmt::format(
                     "Secure Boot is on and the module of driver {} is not signed: the kernel refuses it, "
                     "and the GPUs stay dark; 'bringup explain secure-boot-unsigned' says what to do",
                     at->version)});
}

void about_kernels(const Problem& problem, const Solution& solution, Notices& out) {
  const facts::Machine& machine = *problem.machine;
  const std::vector<std::string> kernels = kernels_to_serve(machine.kernel);
  if (installs(solution) && kernels.empty())
    out.push_back({.id = "no-kernel",
                   .text = machine.hypothetical
                               ? "no kernel is named for the machine: packages of its headers are not in the "
                                 "plan, and the driver's module is built when they are there"
                               : "no kernel is installed here: the driver's module is built when one is"});
  if (solution.driver.origin != Origin::keep || machine.driver.modules.empty() || kernels.empty()) return;
  const auto& modules = machine.driver.modules;
  const facts::ModuleOnDisk* next = nullptr;  // the kernel's own, where there are several
  for (const facts::ModuleOnDisk& module : modules) {
    if (module.kernel == kernels.back() && (next == nullptr || facts::for_other_kernel(*next)))
      next = &module;
  }
  if (next == nullptr)
    out.push_back({.id = "next-kernel-without-module",
                   .text = fmt::format(
                       "kernel {} boots next and has no NVIDIA module: the GPUs would be gone after a reboot",
                       kernels.back())});
  else if (facts::for_other_kernel(*next))
    out.push_back({.id = "next-kernel-others-module",
                   .text = fmt::format(
                       "kernel {} boots next and its NVIDIA module was built for kernel {}: 'bringup doctor "
                       "module-for-other-kernel' says how it is built anew",
                       kernels.back(), next->built_for)});
}

void about_older_driver(const Problem& problem, const Solution& solution, Notices& out) {
  const auto present = installs(solution) ? present_driver(*problem.machine) : std::nullopt;
  const auto there = present ? Version::parse(present->version) : std::nullopt;
  if (there && there->major() > solution.driver.number)
    out.push_back(
        {.id = "driver-older",
         .text = fmt::format("driver {} is here, and branch {} is older: that is a downgrade, and nothing "
                             "is downgraded unasked; remove the newer driver first",
                             present->version, solution.driver.number)});
}

// There the bus never shows a GPU: a driver that does not answer is not one that is not there.
void about_wsl(const Problem& problem, Notices& out) {
  const facts::Machine& machine = *problem.machine;
  if (!in_wsl(machine) || problem.has_gpus() || machine.nvml || machine.nvml.error().code() == Errc::absent)
    return;
  out.push_back({.id = "wsl-driver-silent",
                 .text = fmt::format(
                     "in WSL a GPU shows itself through Windows' driver alone, and that cannot be asked "
                     "({}): this is chosen for the CPU; 'bringup doctor' says what is in its way",
                     machine.nvml.error().message())});
}

void about_driver_place(const Problem& problem, const Solution& solution, Notices& out) {
  if (!installs(solution)) return;
  const facts::Machine& machine = *problem.machine;
  if (machine.driver.foreign)
    out.push_back({.id = "driver-foreign",
                   .text = fmt::format("a driver that no package manager knows is installed ({}): remove it "
                                       "first, or its files and the packages' mix",
                                       *machine.driver.foreign)});
  if (machine.container && *machine.container && !machine.hypothetical)
    out.push_back(
        {.id = "driver-in-container",
         .text = fmt::format("this is a container ({}): a kernel module is loaded by the host, not from here",
                             **machine.container)});
  if (solution.driver.origin == Origin::nvidia && problem.archive != nullptr &&
      !problem.archive->dkms_from.empty())
    out.push_back({.id = "dkms-from-epel",
                   .text = fmt::format("the module is built by dkms, which these systems have in {}: that "
                                       "repository must be enabled",
                                       problem.archive->dkms_from)});
  if (solution.driver.origin == Origin::nvidia && !problem.answers(Place::distro))
    out.push_back(
        {.id = "archive-silent",
         .text =
             "the distribution's archive does not answer: dkms, compiler and headers must be here already"});
}

void about_python(const Problem& problem, const Solution& solution, Notices& out) {
  if (solution.python.fallback)
    out.push_back({.id = "python-fallback",
                   .text = fmt::format("Python {} instead of {}: {}", solution.python.choice.version,
                                       wanted_python(problem), solution.python.reason)});
  if (solution.python.download)
    out.push_back({.id = "python-download",
                   .text = fmt::format(
                       "Python {} is not here and not in the distribution's archive: uv downloads it from "
                       "GitHub, and whether that answers is not known",
                       solution.python.choice.version)});
}

void about_conda(const Problem& problem, const Solution& solution, Notices& out) {
  const PythonChoice& python = solution.python.choice;
  if (python.conda.empty()) return;
  const catalog::Installer& row = *problem.catalog->installer(python.manager, problem.machine->arch);
  if (!row.terms.empty())
    out.push_back({.id = "conda-terms",
                   .text = fmt::format("{}: {}; packages come from conda-forge, unless the goal names "
                                       "Anaconda's channels, whose own terms are never accepted for you",
                                       python.manager, row.terms)});
}

void about_env(const Problem& problem, const EnvSolution& env, const std::string& name, Notices& out) {
  if (env.kept && env.kept->env->path != own_path(problem, WantedEnv{.name = name, .packages = {}}))
    out.push_back({.id = "environment-adopted",
                   .text = fmt::format("environment {}: {} is used as it is", name, env.path)});
  if (env.kept && !env.kept->lacking.empty())
    out.push_back({.id = "environment-lacks",
                   .text = fmt::format("environment {}: {} has no {}, and no place that has it answers", name,
                                       env.path, base::join(env.kept->lacking, ", "))});
  if (env.kept && env.kept->unproven)
    out.push_back({.id = "environment-unproven",
                   .text = fmt::format("environment {}: the catalog does not know whether torch {} has code "
                                       "for these GPUs; 'bringup verify' tries it",
                                       name, env.kept->env->torch.value_or("?"))});
  if (env.action == Action::upgrade)
    out.push_back(
        {.id = "environment-changed",
         .text = fmt::format("environment {}: {} is here and does not do as it is; its packages are changed",
                             name, env.path)});
  if (env.wheels != nullptr && env.wheels->from.known == catalog::Known::inferred)
    out.push_back({.id = "wheels-inferred",
                   .text = fmt::format("environment {}: that {} works is inferred from its neighbours; "
                                       "'bringup verify' imports each part",
                                       name, wheels_text(*env.wheels))});
  if (!problem.has_gpus() && env.wheels != nullptr && env.wheels->variant != "cpu")
    out.push_back({.id = "cuda-wheels-on-cpu",
                   .text = fmt::format("environment {}: {} runs on the CPU too, and is a larger download "
                                       "than the CPU's own from the PyTorch index",
                                       name, wheels_text(*env.wheels))});
}

// What would be chosen if a silent place answered.
void about_silence(const Problem& problem, const Solution& solution, Notices& out) {
  const std::string now = summary(problem, solution);
  for (const Place place : kPlaces) {
    if (problem.answers(place) || (place == Place::nvidia && problem.repo == nullptr)) continue;
    const Problem easier =
        without(problem, {.kind = Constraint::Kind::place, .first = static_cast<std::size_t>(place)});
    const auto other = search(easier);
    if (!other) continue;
    const std::string then = summary(easier, *other);
    if (then == now) continue;
    out.push_back({.id = fmt::format("source-{}", place_name(place)),
                   .text = fmt::format("{} does not answer ({}); with it the choice would be: {}",
                                       place_title(place), problem.silence(place), then)});
  }
}

std::string_view held_against(const facts::Machine& machine, const facts::Source& source) {
  if (source.name == place_name(Place::nvidia)) return "NVIDIA's own key signs it there, too";
  if (source.name == place_name(Place::distro)) return "the distribution's own key signs it there, too";
  if (is_conda(source.name)) return "it is held against the hash of the catalog";
  const bool wheels = source.name != "huggingface" && !source.links;
  const bool asked = wheels && std::ranges::any_of(machine.sources, [&source](const facts::Source& one) {
                       return one.name == source.name && one.mirror.empty() && one.answered_seconds;
                     });
  return asked ? "it is held against the hashes that the place itself gives"
               : "it is held against the hashes of that mirror's index";
}

std::string_view title_of(std::string_view source) {
  if (source == place_name(Place::nvidia)) return "NVIDIA's repository";
  return source == place_name(Place::distro) ? "the distribution's archive" : source;
}

// Behind it stand other ways to the same place, which are not taken.
bool is_taken(const facts::Machine& machine, const facts::Source& source) {
  return &*std::ranges::find(machine.sources, source.name, &facts::Source::name) == &source;
}

// What comes from somewhere else than one would think.
void about_mirrors(const Problem& problem, Notices& out) {
  for (const facts::Source& source : problem.machine->sources) {
    const bool taken = is_taken(*problem.machine, source);
    if (!source.mirror.empty() && !source.answered_seconds && !taken)
      out.push_back(
          {.id = "mirror-silent-" + source.name,
           .text = fmt::format("the mirror {} for {} does not answer ({}); it is left out", source.mirror,
                               title_of(source.name), source.answered_seconds.error().message())});
    if (source.mirror.empty() || !source.answered_seconds || !taken) continue;
    out.push_back({.id = "mirror-" + source.name,
                   .text = fmt::format("what comes from {} comes by way of the mirror {} ({}); {}",
                                       title_of(source.name), source.mirror, source.url,
                                       held_against(*problem.machine, source))});
  }
}

}  // namespace

std::optional<Notice> not_tried(const std::vector<Reason>& reasons) {
  std::vector<std::string> read;
  std::vector<std::string> inferred;
  for (const Reason& reason : reasons) {
    auto& list = reason.known == catalog::Known::read ? read : inferred;
    const std::string about = reason.about.substr(0, reason.about.find(':'));
    if (reason.known != catalog::Known::tried && std::ranges::find(list, about) == list.end())
      list.push_back(about);
  }
  if (read.empty() && inferred.empty()) return std::nullopt;
  std::string text;
  if (!read.empty())
    text = fmt::format("read in its source, and not tried: why this {}", base::join(read, ", "));
  if (!inferred.empty())
    text += fmt::format("{}inferred, neither read nor tried: why this {}", text.empty() ? "" : "; ",
                        base::join(inferred, ", "));
  return Notice{.id = "reasons-not-tried", .text = std::move(text)};
}

std::vector<Notice> notices_of(const Problem& problem, const Solution& solution) {
  Notices out;
  about_mirrors(problem, out);
  about_branch(problem, solution, out);
  about_left_driver(problem, solution, out);
  about_secure_boot(problem, solution, packages_of(problem, solution.driver), out);
  about_unsigned_module(problem, solution, out);
  about_kernels(problem, solution, out);
  about_older_driver(problem, solution, out);
  about_driver_place(problem, solution, out);
  about_wsl(problem, out);
  if (!solution.toolkit.caveat.empty()) out.push_back({.id = "toolkit", .text = solution.toolkit.caveat});
  about_python(problem, solution, out);
  about_conda(problem, solution, out);
  for (std::size_t i = 0; i < solution.envs.size(); ++i)
    about_env(problem, solution.envs[i], problem.envs[i].name, out);
  about_silence(problem, solution, out);
  return out;
}

}  // namespace bringup::resolve
