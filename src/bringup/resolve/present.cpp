// SPDX-License-Identifier: Apache-2.0
// The driver that is there already: loaded, or installed and waiting for the next boot.
#include <bringup/base/text.hpp>
#include <bringup/resolve/present.hpp>

#include <algorithm>
#include <compare>

namespace bringup::resolve {
namespace {

using facts::Flavour;

// Module files are often compressed, and then their flavour is told by the package that they came from.
std::optional<Flavour> flavour_by_packages(const facts::Machine& machine) {
  if (!machine.packages.list) return std::nullopt;
  std::optional<Flavour> found;
  for (const facts::Package& package : *machine.packages.list) {
    const std::string& name = package.name;
    const bool open = name.starts_with("nvidia-open") || name.starts_with("nvidia-kernel-open") ||
                      name.starts_with("nvidia-driver-open") || name.starts_with("kmod-nvidia-open") ||
                      (name.starts_with("nvidia-") && name.ends_with("-open"));
    const bool closed = name.starts_with("nvidia-kernel-dkms") || name.starts_with("cuda-drivers") ||
                        name.starts_with("kmod-nvidia-latest") ||
                        (name.starts_with("nvidia-dkms") && !name.ends_with("-open"));
    if (open) return Flavour::open;
    if (closed) found = Flavour::proprietary;
  }
  return found;
}

bool has(const std::vector<std::string>& list, const std::string& value) {
  return std::ranges::find(list, value) != list.end();
}

// The module for `release` that has user-space libraries of its version.
std::optional<Present> on_disk_for(const facts::Machine& machine, const std::string& release) {
  const facts::Driver& driver = machine.driver;
  for (const facts::ModuleOnDisk& module : driver.modules) {
    if (module.kernel != release) continue;
    std::string version = module.version;
    if (version.empty() && driver.libcuda.size() == 1) version = driver.libcuda.front();
    if (version.empty() || !has(driver.libcuda, version)) continue;
    return Present{.version = version,
                   .flavour = module.flavour ? module.flavour : flavour_by_packages(machine),
                   .evidence = module.path};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> kernels_to_serve(const facts::Kernel& kernel) {
  std::vector<std::string> bootable;
  bool running_installed = false;
  for (const facts::InstalledKernel& one : kernel.installed) {
    running_installed = running_installed || one.release == kernel.running;
    if (one.bootable) bootable.push_back(one.release);
  }
  std::ranges::sort(bootable, [](const std::string& a, const std::string& b) {
    return std::is_lt(base::compare_releases(a, b));
  });
  std::vector<std::string> out;
  if (running_installed) out.push_back(kernel.running);
  if (!bootable.empty() && !has(out, bootable.back())) out.push_back(bootable.back());
  std::ranges::sort(out, [](const std::string& a, const std::string& b) {
    return std::is_lt(base::compare_releases(a, b));
  });
  return out;
}

bool in_wsl(const facts::Machine& machine) {
  return !machine.hypothetical && machine.container && *machine.container == "wsl";
}

std::optional<Present> present_driver(const facts::Machine& machine) {
  if (in_wsl(machine)) {
    if (!machine.nvml) return std::nullopt;
    return Present{.version = machine.nvml->driver_version, .flavour = std::nullopt, .evidence = "NVML"};
  }
  const facts::Driver& driver = machine.driver;
  const std::vector<std::string> kernels = kernels_to_serve(machine.kernel);
  auto waiting = kernels.empty() ? std::nullopt : on_disk_for(machine, kernels.back());
  if (driver.loaded && *driver.loaded) {
    const facts::LoadedModule& loaded = **driver.loaded;
    const bool whole = driver.libcuda.empty() || has(driver.libcuda, loaded.version);
    // Other libraries than the loaded module's: an upgrade that waits for its reboot, when a module of their
    // version waits too.
    if (whole || !waiting)
      return Present{
          .version = loaded.version, .flavour = loaded.flavour, .evidence = "/proc/driver/nvidia/version"};
    return waiting;
  }
  if (!driver.loaded && machine.nvml)
    return Present{.version = machine.nvml->driver_version, .flavour = std::nullopt, .evidence = "NVML"};
  return waiting;
}

}  // namespace bringup::resolve
