// SPDX-License-Identifier: Apache-2.0
// The steps that bring a driver, and those that keep it.
#include <bringup/base/text.hpp>
#include <bringup/plan/builder.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::plan {
namespace {

using resolve::Choice;

std::string with_plugin(const std::string& plugin) {
  return plugin.empty() ? "" : fmt::format("; {} comes with it where it is missing", plugin);
}

// What keeps the driver in its branch, before it comes: the ids of the steps.
void add_branch_keepers(Builder& builder, const std::string& manager, const Choice& choice,
                        std::vector<std::string>& after) {
  const resolve::DriverChoice& driver = choice.driver;
  const std::string why =
      fmt::format("the driver's packages come, and stay, in branch {}", driver.branch.value_or(0));
  if (!driver.pins.empty()) {
    builder.add({.id = "driver-pin",
                 .kind =
                     steps::InstallPackages{
                         .manager = manager, .packages = driver.pins, .dnf_module = "", .builds_for = {}},
                 .why = why,
                 .changes = fmt::format("{} of preferences for apt", counted(driver.pins.size(), "package"))},
                kSourceSteps);
    after.emplace_back("driver-pin");
  }
  if (!driver.locks.empty()) {
    builder.add(
        {.id = "driver-lock",
         .kind =
             steps::HoldPackages{.manager = manager, .packages = driver.locks, .plugin = driver.lock_plugin},
         .why = why,
         .changes = fmt::format("dnf takes these versions alone{}", with_plugin(driver.lock_plugin))},
        kSourceSteps);
    after.emplace_back("driver-lock");
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
  add_branch_keepers(builder, manager, choice, after);
  const std::string kernels = choice.driver.kernels.empty() ? "each kernel that is installed"
                                                            : base::join(choice.driver.kernels, " and ");
  builder.add({.id = "driver-packages",
               .kind = steps::InstallPackages{.manager = manager,
                                              .packages = packages,
                                              .dnf_module = choice.driver.dnf_module,
                                              .builds_for = choice.driver.kernels},
               .why = fmt::format("NVIDIA's driver {}, and its module built for {}", what, kernels),
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
  builder.add(
      {.id = "hold",
       .kind =
           steps::HoldPackages{
               .manager = manager_of(machine), .packages = missing, .plugin = choice.driver.lock_plugin},
       .why = "a new kernel by itself would leave the next boot without a matching module",
       .changes = fmt::format("{} held; policy.kernel = \"free\" in the goal leaves them alone{}",
                              counted(missing.size(), "package"), with_plugin(choice.driver.lock_plugin))},
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
  if (choice.driver.action != resolve::Action::install || !gpus_here || in_container || !running_served ||
      !free_of_nouveau || refused)
    return;
  builder.add({.id = "load-module",
               .kind = steps::LoadModule{.module = "nvidia"},
               .why = "the GPUs can be used without a reboot",
               .changes = "loads the kernel module nvidia"},
              {"driver-packages"});
}

}  // namespace

void add_driver_steps(Builder& builder, const facts::Machine& machine, const Choice& choice) {
  add_driver(builder, machine, choice);
  add_holds(builder, machine, choice);
  add_key(builder, choice);
  add_load(builder, machine, choice);
}

}  // namespace bringup::plan
