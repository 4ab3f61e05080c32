// SPDX-License-Identifier: Apache-2.0
// What several rules ask of a patient, answered once.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>
#include <compare>

namespace bringup::diagnose {

Result<Gpus> gpus_of(const facts::Machine& machine) {
  if (!machine.hypothetical && !machine.pci_visible)
    return Error(machine.pci_visible.error()).within("the PCI bus could not be read");
  Gpus gpus;
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind == facts::PciKind::gpu) gpus.push_back(&function);
  }
  return gpus;
}

Result<Gpus> gpus_here(const facts::Machine& machine) {
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  return gpus_of(machine);
}

std::vector<std::string> addresses(const Gpus& gpus) {
  std::vector<std::string> out;
  for (const facts::PciFunction* gpu : gpus) out.push_back(gpu->address);
  return out;
}

// Every machine that is looked at has a processor; a description tells of none.
bool looked_at(const facts::Machine& machine) {
  return machine.cpus > 0;
}

Result<> need_look(const facts::Machine& machine, std::string_view what) {
  if (looked_at(machine)) return ok;
  return Error(Errc::absent, fmt::format("the machine is described and not here: {} cannot be seen", what));
}

bool is_container(const facts::Machine& machine) {
  return machine.container && machine.container->has_value();
}

bool bound_to(const facts::PciFunction& gpu, std::string_view driver) {
  return gpu.kernel_driver && *gpu.kernel_driver && **gpu.kernel_driver == driver;
}

Result<std::optional<PresentDriver>> present_driver(const facts::Machine& machine) {
  const facts::Driver& driver = machine.driver;
  if (driver.loaded && *driver.loaded) {
    const facts::LoadedModule& loaded = **driver.loaded;
    return std::optional(PresentDriver{.version = loaded.version,
                                       .flavour = loaded.flavour,
                                       .evidence = seen("/proc/driver/nvidia/version", loaded.version)});
  }
  if (machine.nvml && !machine.nvml->driver_version.empty())
    return std::optional(PresentDriver{.version = machine.nvml->driver_version,
                                       .flavour = std::nullopt,
                                       .evidence = seen("NVML", machine.nvml->driver_version)});
  if (!driver.loaded) return Error(driver.loaded.error()).within("the loaded driver could not be read");
  const facts::InstalledKernel* next = next_kernel(machine.kernel);
  for (const facts::ModuleOnDisk& module : driver.modules) {
    if (next == nullptr || module.kernel != next->release) continue;
    // Compressed modules keep their version to themselves; the libraries beside them tell it.
    const std::string version =
        module.version.empty() && driver.libcuda.size() == 1 ? driver.libcuda.front() : module.version;
    if (version.empty())
      return Error(Errc::unsupported, module.path + ": its version cannot be read (a compressed module)");
    return std::optional(
        PresentDriver{.version = version, .flavour = module.flavour, .evidence = seen(module.path, version)});
  }
  return std::optional<PresentDriver>{};
}

std::string_view flavour_word(facts::Flavour flavour) {
  return flavour == facts::Flavour::open ? "open" : "proprietary";
}

const facts::InstalledKernel* next_kernel(const facts::Kernel& kernel) {
  const facts::InstalledKernel* newest = nullptr;
  for (const facts::InstalledKernel& one : kernel.installed) {
    if (one.bootable &&
        (newest == nullptr || std::is_lt(base::compare_releases(newest->release, one.release))))
      newest = &one;
  }
  return newest;
}

std::vector<const facts::InstalledKernel*> kernels_to_serve(const facts::Kernel& kernel) {
  std::vector<const facts::InstalledKernel*> out;
  const facts::InstalledKernel* next = next_kernel(kernel);
  for (const facts::InstalledKernel& one : kernel.installed) {
    if (one.release == kernel.running || &one == next) out.push_back(&one);
  }
  return out;
}

std::string headers_package(const facts::Machine& machine, std::string_view release) {
  return fmt::format("{}{}", machine.packages.manager == "rpm" ? "kernel-devel-" : "linux-headers-", release);
}

const facts::ModuleOnDisk* module_of(const facts::Driver& driver, std::string_view release) {
  const facts::ModuleOnDisk* found = nullptr;
  for (const facts::ModuleOnDisk& module : driver.modules) {
    if (module.kernel == release && (found == nullptr || facts::for_other_kernel(*found))) found = &module;
  }
  return found;
}

std::string rebuild_command(const facts::Machine& machine, const facts::ModuleOnDisk& module) {
  const auto& dkms = machine.boot.dkms;
  std::string build = "build the driver's module anew";
  if (dkms && !dkms->empty()) {
    const std::string of = fmt::format("{}/{} -k {}", dkms->back().name, dkms->back().version, module.kernel);
    build = fmt::format("sudo dkms build --force {} && sudo dkms install --force {}", of, of);
  }
  return fmt::format("let /lib/modules/{}/build lead to that kernel's own headers ({}), then {}",
                     module.kernel, headers_package(machine, module.kernel), build);
}

std::string package_manager(const facts::Machine& machine) {
  return machine.packages.manager == "rpm" ? "dnf" : "apt";
}

// NVIDIA's driver under its names in the distributions' archives and in NVIDIA's repositories; toolkits and
// container tools are none.
bool is_driver_package(std::string_view name) {
  for (const std::string_view start : {"nvidia-driver",
                                       "nvidia-kernel-dkms",
                                       "nvidia-kernel-source",
                                       "nvidia-kernel-open",
                                       "nvidia-open",
                                       "nvidia-dkms",
                                       "nvidia-headless",
                                       "nvidia-utils",
                                       "nvidia-compute-utils",
                                       "nvidia-legacy-",
                                       "nvidia-tesla-",
                                       "cuda-drivers",
                                       "libcuda1",
                                       "libnvidia-ml1",
                                       "libnvidia-compute",
                                       "libnvidia-ml",
                                       "kmod-nvidia",
                                       "akmod-nvidia",
                                       "linux-modules-nvidia",
                                       "xorg-x11-drv-nvidia"}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

std::string packages_source(const facts::Machine& machine) {
  return machine.packages.manager == "rpm" ? "rpm -qa" : "/var/lib/dpkg/status";
}

std::optional<std::string> variable(const facts::Machine& machine, std::string_view name) {
  for (const facts::ShellSetting& setting : machine.shells.environment) {
    const std::size_t equals = setting.text.find('=');
    if (setting.variable == name && equals != std::string::npos) return setting.text.substr(equals + 1);
  }
  return std::nullopt;
}

// CUDA reads the list from the left and stops at the first entry that is no device.
std::optional<int> visible_devices(std::string_view value, std::size_t gpus) {
  std::vector<std::string> entries;
  for (const std::string_view part : base::split(value, ',')) {
    const std::string entry(base::trim(part));
    const auto number = base::to_integer(entry);
    const bool named = entry.starts_with("GPU-") || entry.starts_with("MIG-");
    const bool device = named || (number && *number >= 0 && *number < static_cast<std::int64_t>(gpus));
    if (!device || std::ranges::find(entries, entry) != entries.end()) break;
    entries.push_back(entry);
  }
  if (entries.size() >= gpus) return std::nullopt;
  return static_cast<int>(entries.size());
}

// Rows of the same torch and variant; of the same release (2.14) when the patch has none.
Code code_for(const catalog::Catalog& catalog, const facts::PythonEnv& env,
              catalog::ComputeCapability compute) {
  const auto torch = env.torch ? base::Version::parse(*env.torch) : std::nullopt;
  if (!torch || !env.variant) return Code::unknown;
  for (const bool exact : {true, false}) {
    bool known = false;
    for (const catalog::WheelSet& wheels : catalog.wheels) {
      const bool same =
          exact ? wheels.torch == *torch
                : wheels.torch.major() == torch->major() && wheels.torch.minor() == torch->minor();
      if (!same || wheels.variant != *env.variant) continue;
      if (catalog::covers(wheels, compute)) return Code::covered;
      known = true;
    }
    if (known) return Code::missing;
  }
  return Code::unknown;
}

Evidence seen(std::string source, std::string text) {
  return {.source = std::move(source), .text = std::move(text)};
}

}  // namespace bringup::diagnose
