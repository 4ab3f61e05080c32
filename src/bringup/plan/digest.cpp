// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/plan/plan.hpp>

#include <fmt/format.h>

#include <iterator>

namespace bringup::plan {

// One line per fact that a plan rests on; anything that changes by itself (free space, clocks, which source
// answered) stays out.
std::string machine_digest(const facts::Machine& machine) {
  std::string text;
  const auto line = [&text]<typename... A>(fmt::format_string<A...> form, A&&... words) {
    fmt::format_to(std::back_inserter(text), form, std::forward<A>(words)...);
    text += '\n';
  };
  line("os {} {} {}", machine.os.id, machine.os.version, machine.arch);
  line("kernel {}", machine.kernel.running);
  for (const facts::InstalledKernel& kernel : machine.kernel.installed)
    line("installed {} {} {}", kernel.release, kernel.bootable, kernel.headers);
  for (const facts::PciFunction& gpu : machine.pci) line("pci {} {:04x}", gpu.address, gpu.device_id);
  if (machine.driver.loaded && *machine.driver.loaded) {
    const facts::LoadedModule& loaded = **machine.driver.loaded;
    line("loaded {} {}", loaded.version, loaded.flavour == facts::Flavour::open ? "open" : "proprietary");
  }
  for (const facts::ModuleOnDisk& module : machine.driver.modules)
    line("module {} {} {}", module.path, module.version, module.built_for);
  for (const facts::Toolkit& toolkit : machine.toolkits) line("toolkit {} {}", toolkit.path, toolkit.version);
  for (const facts::PythonEnv& env : machine.envs)
    line("env {} {} {}", env.path, env.version, env.torch.value_or("-"));
  if (machine.packages.list) {
    for (const facts::Package& package : *machine.packages.list)
      line("package {} {} {}", package.name, package.version, package.held);
  }
  line("user {} {}", machine.user.uid, machine.user.home);
  return base::sha256_hex(text);
}

}  // namespace bringup::plan
