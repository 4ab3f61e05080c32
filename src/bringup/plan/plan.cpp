// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/plan/extension.hpp>
#include <bringup/plan/plan.hpp>
#include <bringup/plan/sources.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

using resolve::Action;
using resolve::Choice;

bool to_do(Action action) {
  return action == Action::install || action == Action::upgrade;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string manager_of(const facts::Machine& machine) {
  return machine.packages.manager == "rpm" ? "dnf" : "apt";
}

// Collects steps; each new one may need those that were added under the names given, as far as they were
// added at all.
class Builder {
 public:
  void add(steps::Step step, std::vector<std::string> after = {}) {
    for (std::string& id : after) {
      if (has(id)) step.needs.push_back(std::move(id));
    }
    steps_.push_back(std::move(step));
  }
  bool has(std::string_view id) const {
    return std::ranges::find(steps_, id, &steps::Step::id) != steps_.end();
  }
  std::vector<steps::Step> take() { return std::move(steps_); }

 private:
  std::vector<steps::Step> steps_;
};

const std::vector<std::string> kSourceSteps{"archive-component", "vendor-source", "vendor-pin"};

void add_sources(Builder& builder, const facts::Machine& machine, const catalog::Catalog& catalog,
                 const Choice& choice) {
  if (choice.needs_component) {
    if (auto file = component_source(machine, catalog)) {
      builder.add(
          {.id = "archive-component",
           .kind = std::move(*file),
           .why =
               "the driver and the toolkit are in a part of the distribution's archive that is not enabled",
           .changes = "one file for apt; the existing ones stay as they are"});
    }
  }
  const bool vendor = (to_do(choice.driver.action) && choice.driver.source == "nvidia") ||
                      (to_do(choice.toolkit.action) && choice.toolkit.source == "nvidia");
  if (!vendor || has_vendor_source(machine, catalog)) return;
  const catalog::VendorRepo* row = catalog.repo(resolve::os_key(machine.os));
  if (row == nullptr) return;
  const catalog::VendorRepo repo = through_mirror(*row, machine);
  builder.add({.id = "vendor-key",
               .kind = vendor_key(repo),
               .why = "packages from NVIDIA's repository are accepted only when signed with this key",
               .changes = fmt::format("one key file; kept only with the fingerprint {}", repo.fingerprint)});
  builder.add({.id = "vendor-source",
               .kind = vendor_source(repo),
               .why = "the driver or the toolkit comes from NVIDIA's own repository",
               .changes = "one file for the package manager"},
              {"vendor-key"});
  if (repo.manager == "apt") {
    builder.add({.id = "vendor-pin",
                 .kind = vendor_pin(),
                 .why = "packages that both archives carry come from one of them, and not in turns",
                 .changes = "one preferences file"});
  }
}

void add_driver(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  if (!to_do(choice.driver.action)) return;
  const std::string manager = manager_of(machine);
  if (machine.driver.nouveau_loaded && *machine.driver.nouveau_loaded) {
    builder.add({.id = "no-nouveau",
                 .kind =
                     steps::WriteFile{
                         .path = "/etc/modprobe.d/bringup-nouveau.conf",
                         .text = "# Written by bringup: nouveau would keep NVIDIA's driver from the GPUs.\n"
                                 "blacklist nouveau\noptions nouveau modeset=0\n"},
                 .why = "nouveau holds the GPUs now and would take them again at the next boot",
                 .changes = "one file; takes effect after a reboot"});
  }
  std::vector<std::string> packages = choice.driver.headers;
  packages.insert(packages.end(), choice.driver.packages.begin(), choice.driver.packages.end());
  const std::string what = choice.driver.version ? *choice.driver.version
                                                 : fmt::format("branch {}", choice.driver.branch.value_or(0));
  std::vector<std::string> after = kSourceSteps;
  if (!choice.driver.pins.empty()) {
    builder.add(
        {.id = "driver-pin",
         .kind =
             steps::InstallPackages{
                 .manager = manager, .packages = choice.driver.pins, .dnf_module = "", .builds_for = {}},
         .why = fmt::format("the driver's packages come, and stay, in branch {}",
                            choice.driver.branch.value_or(0)),
         .changes = fmt::format("{} of preferences for apt", counted(choice.driver.pins.size(), "package"))},
        kSourceSteps);
    after.emplace_back("driver-pin");
  }
  builder.add({.id = "driver-packages",
               .kind = steps::InstallPackages{.manager = manager,
                                              .packages = packages,
                                              .dnf_module = choice.driver.dnf_module,
                                              .builds_for = choice.driver.kernels},
               .why = fmt::format("NVIDIA's driver {}, and its module built for {}", what,
                                  base::join(choice.driver.kernels, " and ")),
               .changes = fmt::format("{} and what they need; no kernel, nothing removed",
                                      counted(packages.size(), "package"))},
              std::move(after));
}

// Kernel and driver packages that are to stay as they are, and are not held yet.
void add_holds(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  std::vector<std::string> missing;
  for (const std::string& name : choice.driver.hold) {
    const bool held = machine.packages.list &&
                      std::ranges::any_of(*machine.packages.list, [&name](const facts::Package& package) {
                        return package.name == name && package.held;
                      });
    if (!held) missing.push_back(name);
  }
  if (missing.empty()) return;
  builder.add({.id = "hold",
               .kind = steps::HoldPackages{.manager = manager_of(machine), .packages = missing},
               .why = "a new kernel by itself would leave the next boot without a matching module",
               .changes = fmt::format("{} held; policy.kernel = \"free\" in the goal leaves them alone",
                                      counted(missing.size(), "package"))},
              {"driver-packages"});
}

void add_key(Builder& builder, const Choice& choice) {
  if (choice.driver.enrol.empty()) return;
  builder.add({.id = "enrol-key",
               .kind = steps::EnrolKey{.certificates = choice.driver.enrol},
               .why = "Secure Boot loads the module only when its key is trusted",
               .changes = "one request to shim; somebody at the console confirms it at the next boot"},
              {"driver-packages"});
}

void add_load(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  const bool gpus_here = !machine.hypothetical && !machine.pci.empty();
  const bool in_container = machine.container && machine.container->has_value();
  const bool running_served =
      std::ranges::find(choice.driver.kernels, machine.kernel.running) != choice.driver.kernels.end();
  const bool free_of_nouveau = machine.driver.nouveau_loaded && !*machine.driver.nouveau_loaded;
  const auto& key = machine.boot.signing_key;
  const bool refused = !choice.driver.enrol.empty() || (key && *key && (*key)->trust == "requested");
  if (choice.driver.action != Action::install || !gpus_here || in_container || !running_served ||
      !free_of_nouveau || refused)
    return;
  builder.add({.id = "load-module",
               .kind = steps::LoadModule{.module = "nvidia"},
               .why = "the GPUs can be used without a reboot",
               .changes = "loads the kernel module nvidia"},
              {"driver-packages"});
}

// True for a goal that the prefix is in the user's own hands; such steps are done as the user.
std::string prefix_of(const facts::Machine& machine, const goal::Goal& goal) {
  return goal.python_prefix.empty() ? default_prefix(machine.user) : goal.python_prefix;
}

void add_toolkit_of_file(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  builder.add(
      {.id = "toolkit-packages",
       .kind = steps::InstallFromRepositoryFile{.path = machine.repository_file->path,
                                                .sha256 = machine.repository_file->sha256,
                                                .packages = choice.toolkit.packages},
       .why =
           fmt::format("nvcc {} to compile extensions for these GPUs", choice.toolkit.version.value_or("")),
       .changes = "the toolkit's packages; the repository itself is unpacked, used and removed again"},
      {"driver-packages"});
}

void add_toolkit(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  if (to_do(choice.toolkit.action) && choice.toolkit.source == "file")
    return add_toolkit_of_file(builder, machine, choice);
  if (to_do(choice.toolkit.action) && choice.toolkit.source != "pypi") {
    std::vector<std::string> after = kSourceSteps;
    after.emplace_back("driver-packages");
    builder.add(
        {.id = "toolkit-packages",
         .kind = steps::InstallPackages{.manager = manager_of(machine),
                                        .packages = choice.toolkit.packages,
                                        .dnf_module = "",
                                        .builds_for = {}},
         .why =
             fmt::format("nvcc {} to compile extensions for these GPUs", choice.toolkit.version.value_or("")),
         .changes = fmt::format("{} and what they need", counted(choice.toolkit.packages.size(), "package"))},
        after);
  }
}

// A toolkit of the user's own is on the user's own PATH alone.
void add_path(Builder& builder, const facts::Machine& machine, const goal::Goal& goal, const Choice& choice) {
  const std::string& bin = choice.toolkit.bin;
  const bool own = goal.user_only || bin.starts_with(prefix_of(machine, goal) + "/");
  add_path_steps(machine, bin, own, [&builder](steps::Step step) {
    builder.add(std::move(step), {"toolkit-packages", "toolkit-wheels"});
  });
}

struct Tool {
  std::string name;     // "uv", "venv", "conda"
  std::string manager;  // path of uv or conda
};

Tool add_manager(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
                 const Choice& choice) {
  const resolve::PythonChoice& python = choice.python;
  const std::string prefix = prefix_of(machine, goal);
  if (python.manager == "uv") {
    if (!python.manager_path.empty()) return {.name = "uv", .manager = python.manager_path};
    builder.add(
        {.id = "uv",
         .kind = steps::InstallUv{.path = prefix + "/uv",
                                  .python = python.interpreter.empty() ? python.helper : python.interpreter,
                                  .version = "",
                                  .index_url = pypi_url(machine)},
         .why = "uv downloads and installs wheels several times faster than pip",
         .changes = "a small environment of its own for uv",
         .as_user = true},
        {"python-packages"});
    return {.name = "uv", .manager = prefix + "/uv/bin/uv"};
  }
  if (!python.manager_path.empty()) return {.name = "conda", .manager = python.manager_path};
  return {.name = "venv", .manager = ""};
}

void add_env(Builder& builder, const facts::Machine& machine, const Choice& choice, const std::string& id,
             const std::string& path, const Tool& tool) {
  const bool there =
      std::ranges::any_of(machine.envs, [&path](const facts::PythonEnv& one) { return one.path == path; });
  if (there) return;
  const std::string python =
      choice.python.interpreter.empty() ? choice.python.version : choice.python.interpreter;
  builder.add(
      {.id = id,
       .kind = steps::CreateEnv{.path = path, .tool = tool.name, .manager = tool.manager, .python = python},
       .why = fmt::format("an environment of its own with Python {}, so that nothing else can break it",
                          choice.python.version),
       .changes = "a new directory",
       .as_user = true},
      {"python-packages", "uv"});
}

// Into an environment by the tool that made it.
steps::InstallWheels wheels_into(const std::string& env, const Tool& tool, const std::string& index_url) {
  return {.env = env,
          .tool = tool.name == "uv" ? "uv" : "pip",
          .manager = tool.name == "uv" ? tool.manager : "",
          .packages = {},
          .index_url = index_url,
          .variant = ""};
}

// PyPI's toolkit: wheels, and no packages of the system's.
void add_toolkit_wheels(Builder& builder, const facts::Machine& machine, const Choice& choice,
                        const Tool& tool) {
  const resolve::ToolkitChoice& toolkit = choice.toolkit;
  add_env(builder, machine, choice, "toolkit-env", toolkit.env, tool);
  steps::InstallWheels wheels = wheels_into(toolkit.env, tool, pypi_url(machine));
  wheels.packages = toolkit.packages;
  builder.add(
      {.id = "toolkit-wheels",
       .kind = std::move(wheels),
       .why = fmt::format("nvcc {} to compile for these GPUs, without root", toolkit.version.value_or("")),
       .changes =
           fmt::format("{} and what they need, from PyPI", counted(toolkit.packages.size(), "package")),
       .as_user = true},
      {"toolkit-env", "uv"});
}

// Torch and its companions from their index, and what that does not carry from PyPI.
void add_wheels(Builder& builder, const facts::Machine& machine, const catalog::Catalog& catalog,
                const resolve::EnvChoice& env, const Tool& tool) {
  steps::InstallWheels wheels = wheels_into(env.path, tool, "");
  set_index(machine, catalog, env, wheels);
  const bool two =
      std::ranges::any_of(env.packages, [](const auto& wheel) { return wheel.index == "pytorch"; });
  steps::InstallWheels others = wheels;
  others.index_url = pypi_url(machine);
  others.find_links.clear();
  for (const resolve::WheelChoice& wheel : env.packages) {
    auto& packages = !two || wheel.index == "pytorch" ? wheels.packages : others.packages;
    packages.push_back(wheel.version.empty() ? wheel.name : wheel.name + "==" + wheel.version);
    if (wheel.name == "torch") wheels.variant = wheel.variant.value_or("");
  }
  const std::string variant = wheels.variant;
  const std::size_t first = wheels.packages.size();
  builder.add({.id = "wheels-" + env.name,
               .kind = std::move(wheels),
               .why = variant.empty()
                          ? "the packages of the goal"
                          : fmt::format("PyTorch with its companions, all of one CUDA variant ({})", variant),
               .changes = fmt::format("{} and what they need, from one index", counted(first, "package")),
               .as_user = true},
              {"env-" + env.name, "uv"});
  if (others.packages.empty()) return;
  const std::size_t count = others.packages.size();
  builder.add({.id = "packages-" + env.name,
               .kind = std::move(others),
               .why = "packages of the goal that the PyTorch index does not carry",
               .changes = fmt::format("{} and what they need, from PyPI", counted(count, "package")),
               .as_user = true},
              {"wheels-" + env.name});
}

bool makes_toolkit_env(const Choice& choice) {
  return to_do(choice.toolkit.action) && !choice.toolkit.env.empty();
}

bool makes_environments(const Choice& choice) {
  return makes_toolkit_env(choice) ||
         std::ranges::any_of(choice.envs, [](const resolve::EnvChoice& env) { return to_do(env.action); });
}

// Before the driver: with this there, environments are filled while the driver builds.
void add_python_packages(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  if (!makes_environments(choice) || choice.python.packages.empty()) return;
  builder.add(
      {.id = "python-packages",
       .kind = steps::InstallPackages{.manager = manager_of(machine),
                                      .packages = choice.python.packages,
                                      .dnf_module = "",
                                      .builds_for = {}},
       .why = fmt::format("Python {} with venv, to make environments with", choice.python.version),
       .changes = fmt::format("{} and what they need", counted(choice.python.packages.size(), "package"))},
      kSourceSteps);
}

void add_python(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
                const catalog::Catalog& catalog, const Choice& choice) {
  if (!makes_environments(choice)) return;
  const Tool tool = add_manager(builder, machine, goal, choice);
  if (makes_toolkit_env(choice)) add_toolkit_wheels(builder, machine, choice, tool);
  for (const resolve::EnvChoice& env : choice.envs) {
    if (!to_do(env.action)) continue;
    add_env(builder, machine, choice, "env-" + env.name, env.path, tool);
    add_wheels(builder, machine, catalog, env, tool);
  }
}

// What cannot be compiled is an error of extensions_of, which whoever asks for a plan looks at.
void add_extensions(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
                    const catalog::Catalog& catalog, const Choice& choice) {
  const auto extensions = extensions_of(machine, goal, catalog, choice);
  if (!extensions) return;
  for (steps::Step& step : extension_steps(*extensions, manager_of(machine))) {
    std::vector<std::string> after = std::move(step.needs);
    step.needs.clear();
    if (!step.as_user) after.insert(after.end(), kSourceSteps.begin(), kSourceSteps.end());
    builder.add(std::move(step), std::move(after));
  }
}

}  // namespace

std::string default_prefix(const facts::User& user) {
  return user.home + "/.local/share/bringup";
}

steps::Plan make(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                 const resolve::Choice& choice, std::string_view now) {
  Builder builder;
  add_sources(builder, machine, catalog, choice);
  add_python_packages(builder, machine, choice);
  add_driver(builder, machine, choice);
  add_holds(builder, machine, choice);
  add_key(builder, choice);
  add_load(builder, machine, choice);
  add_toolkit(builder, machine, choice);
  const bool wheels = !choice.toolkit.env.empty();
  if (!wheels) add_path(builder, machine, goal, choice);
  add_python(builder, machine, goal, catalog, choice);
  add_extensions(builder, machine, goal, catalog, choice);
  if (wheels) add_path(builder, machine, goal, choice);
  return {.machine = machine_digest(machine),
          .goal = base::sha256_hex(goal::canonical(goal)),
          .made_at = std::string(now),
          .user = {.name = machine.user.name,
                   .home = machine.user.home,
                   .uid = machine.user.uid,
                   .gid = machine.user.gid},
          .steps = builder.take()};
}

}  // namespace bringup::plan
