// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/plan/builder.hpp>
#include <bringup/plan/conda.hpp>
#include <bringup/plan/extension.hpp>
#include <bringup/plan/plan.hpp>
#include <bringup/plan/sources.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

using resolve::Choice;

void add_sources(Builder& builder, const facts::Machine& machine, const catalog::Catalog& catalog,
                 const Choice& choice, bool fabric) {
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
                      (to_do(choice.toolkit.action) && choice.toolkit.source == "nvidia") || fabric;
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

Tool add_manager(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
                 const catalog::Catalog& catalog, const Choice& choice) {
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
  if (!python.manager_path.empty() || !python.conda.empty())
    return add_conda(builder, machine, goal, catalog, python, prefix);
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
       .kind = steps::CreateEnv{.path = path,
                                .tool = tool.name,
                                .manager = tool.manager,
                                .python = python,
                                .channel = tool.channel},
       .why = fmt::format("an environment of its own with Python {}, so that nothing else can break it",
                          choice.python.version),
       .changes = "a new directory",
       .as_user = true},
      {"python-packages", tool.name == "conda" ? "conda" : "uv"});
}

// Into an environment by uv, or by its own pip.
steps::InstallWheels wheels_into(const std::string& env, const Tool& tool) {
  const std::string& uv = tool.name == "uv" ? tool.manager : tool.uv;
  return {.env = env,
          .tool = uv.empty() ? "pip" : "uv",
          .manager = uv,
          .packages = {},
          .index_url = "",
          .variant = ""};
}

// PyPI's toolkit: wheels, and no packages of the system's.
void add_toolkit_wheels(Builder& builder, const facts::Machine& machine, const Choice& choice,
                        const Tool& tool) {
  const resolve::ToolkitChoice& toolkit = choice.toolkit;
  add_env(builder, machine, choice, "toolkit-env", toolkit.env, tool);
  steps::InstallWheels wheels = wheels_into(toolkit.env, tool);
  set_pypi(machine, wheels);
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
  steps::InstallWheels wheels = wheels_into(env.path, tool);
  set_index(machine, catalog, env, wheels);
  const bool two =
      std::ranges::any_of(env.packages, [](const auto& wheel) { return wheel.index == "pytorch"; });
  steps::InstallWheels others = wheels;
  set_pypi(machine, others);
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
       .why = choice.python.conda.empty()
                  ? fmt::format("Python {} with venv, to make environments with", choice.python.version)
                  : "the installer of conda is fetched with it",
       .changes = fmt::format("{} and what they need", counted(choice.python.packages.size(), "package"))},
      kSourceSteps);
}

void add_python(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
                const catalog::Catalog& catalog, const Choice& choice) {
  if (!makes_environments(choice)) return;
  const Tool tool = add_manager(builder, machine, goal, catalog, choice);
  if (makes_toolkit_env(choice)) add_toolkit_wheels(builder, machine, choice, tool);
  for (const resolve::EnvChoice& env : choice.envs) {
    if (!to_do(env.action)) continue;
    add_env(builder, machine, choice, "env-" + env.name, env.path, tool);
    add_wheels(builder, machine, catalog, env, tool);
  }
  add_conda_shells(builder, machine, choice.python);
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
  const FabricNeed fabric = fabric_need(machine, goal, catalog, choice);
  add_sources(builder, machine, catalog, choice, fabric.from_vendor);
  add_python_packages(builder, machine, choice);
  add_driver_steps(builder, machine, choice);
  add_fabric_steps(builder, machine, fabric, choice);
  add_toolkit(builder, machine, choice);
  const bool wheels = !choice.toolkit.env.empty();
  if (!wheels) add_path(builder, machine, goal, choice);
  add_python(builder, machine, goal, catalog, choice);
  add_extensions(builder, machine, goal, catalog, choice);
  if (wheels) add_path(builder, machine, goal, choice);
  std::vector<steps::Step> steps = builder.take();
  take_archive_mirror(machine, goal, catalog, steps);
  return {.machine = machine_digest(machine),
          .goal = base::sha256_hex(goal::canonical(goal)),
          .made_at = std::string(now),
          .user = {.name = machine.user.name,
                   .home = machine.user.home,
                   .uid = machine.user.uid,
                   .gid = machine.user.gid},
          .steps = std::move(steps)};
}

}  // namespace bringup::plan
