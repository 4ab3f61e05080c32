// SPDX-License-Identifier: Apache-2.0
// Rules over kernels and the driver's module for each: what the next boot will find.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::InstalledKernel;
using facts::ModuleOnDisk;

std::vector<const ModuleOnDisk*> modules_for(const facts::Driver& driver, std::string_view release) {
  std::vector<const ModuleOnDisk*> out;
  for (const ModuleOnDisk& module : driver.modules) {
    if (module.kernel == release) out.push_back(&module);
  }
  return out;
}

std::string install_command(const facts::Machine& machine, const std::vector<std::string>& packages) {
  return fmt::format("sudo {} install {}", machine.packages.manager == "rpm" ? "dnf" : "apt-get",
                     base::join(packages, " "));
}

steps::Step install_headers(const facts::Machine& machine, std::vector<std::string> packages) {
  return {.id = "kernel-headers",
          .kind = steps::InstallPackages{.manager = package_manager(machine),
                                         .packages = std::move(packages),
                                         .dnf_module = "",
                                         .builds_for = {}},
          .why = "DKMS builds the driver's module against the kernel's headers",
          .changes = "installs headers; no kernel, nothing removed"};
}

bool builds_by_dkms(const facts::Package& package) {
  const bool nvidia = base::contains(package.name, "nvidia");
  return nvidia && (base::contains(package.name, "dkms") || package.name.starts_with("akmod-"));
}

// An Error where the kernel is somebody else's business or nothing is known of kernels.
Result<> need_kernels(const facts::Machine& machine) {
  if (is_container(machine))
    return Error(
        Errc::unsupported,
        fmt::format("this is a container ({}): kernels and modules are its host's", **machine.container));
  if (next_kernel(machine.kernel) == nullptr)
    return Error(Errc::absent, "no kernel that can be booted is to be seen below /lib/modules and /boot");
  return ok;
}

// The modules of the kernels that run now or boot next.
std::vector<const ModuleOnDisk*> modules_to_boot(const facts::Machine& machine) {
  std::vector<const ModuleOnDisk*> out;
  for (const InstalledKernel* kernel : kernels_to_serve(machine.kernel)) {
    for (const ModuleOnDisk* module : modules_for(machine.driver, kernel->release)) out.push_back(module);
  }
  return out;
}

bool runs_now(const facts::Machine& machine, const ModuleOnDisk& module) {
  return machine.driver.loaded && *machine.driver.loaded && module.kernel == machine.kernel.running &&
         module.version == (*machine.driver.loaded)->version;
}

}  // namespace

Looked look_module_missing_next_kernel(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_of(machine));
  if (gpus.empty()) return Sightings{};
  TRY(need_kernels(machine));
  const bool loaded = machine.driver.loaded && machine.driver.loaded->has_value();
  if (machine.driver.modules.empty()) {
    if (!loaded) return Sightings{};  // no driver at all is another rule's
    return Error(Errc::absent,
                 "a driver is loaded and no module of it is to be seen below /lib/modules: where "
                 "it comes from is not known");
  }
  const InstalledKernel& next = *next_kernel(machine.kernel);
  if (!modules_for(machine.driver, next.release).empty()) return Sightings{};
  const std::vector<std::string> headers{headers_package(machine, next.release)};
  Sighting sighting{
      .evidence = {seen("/boot/vmlinuz-" + next.release, "the newest kernel, which boots next"),
                   seen("/lib/modules/" + next.release, "no NVIDIA module"),
                   seen(machine.driver.modules.back().path,
                        "the module of kernel " + machine.driver.modules.back().kernel)},
      .gpus = addresses(gpus),
      .fix = {.summary = fmt::format("sudo dkms autoinstall -k {}", next.release), .steps = {}}};
  if (!next.headers)
    sighting.fix = {
        .summary = fmt::format("{}, then {}", install_command(machine, headers), sighting.fix.summary),
        .steps = {install_headers(machine, headers)}};
  return Sightings{std::move(sighting)};
}

// One that is loaded was taken.
Looked look_module_for_other_kernel(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_of(machine));
  if (gpus.empty()) return Sightings{};
  TRY(need_kernels(machine));
  Sightings out;
  for (const InstalledKernel* kernel : kernels_to_serve(machine.kernel)) {
    const ModuleOnDisk* module = module_of(machine.driver, kernel->release);
    if (module == nullptr || !facts::for_other_kernel(*module) || runs_now(machine, *module)) continue;
    const bool runs = kernel->release == machine.kernel.running;
    Sighting sighting{
        .evidence = {seen(module->path, "built for kernel " + module->built_for),
                     seen(runs ? "uname -r" : "/boot/vmlinuz-" + kernel->release, kernel->release)},
        .gpus = addresses(gpus),
        .fix = {.summary = rebuild_command(machine, *module), .steps = {}}};
    if (module->versioned) {
      sighting.severity = Severity::warn;
      sighting.evidence.push_back(seen(module->path, "modversions: taken only if no symbol has changed"));
    }
    out.push_back(std::move(sighting));
  }
  return out;
}

Looked look_module_other_version(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  if (!machine.driver.loaded)
    return Error(machine.driver.loaded.error()).within("the loaded driver could not be read");
  if (!*machine.driver.loaded) return Sightings{};
  TRY(need_kernels(machine));
  const std::string& loaded = (*machine.driver.loaded)->version;
  const auto modules = modules_for(machine.driver, machine.kernel.running);
  if (modules.empty())
    return Error(Errc::absent,
                 fmt::format("no module for the running kernel {} is to be seen below /lib/modules",
                             machine.kernel.running));
  if (std::ranges::any_of(modules, [&loaded](const auto* module) { return module->version == loaded; }))
    return Sightings{};
  if (modules.front()->version.empty())
    return Error(Errc::unsupported,
                 modules.front()->path + ": its version cannot be read (a compressed module)");
  return Sightings{
      {.evidence = {seen("/proc/driver/nvidia/version", loaded),
                    seen(modules.front()->path, modules.front()->version)},
       .gpus = {},
       .fix = {.summary = fmt::format("reboot at a time of your choosing, to run {}; then bringup verify",
                                      modules.front()->version),
               .steps = {}}}};
}

Looked look_kernel_headers_missing(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  if (!machine.packages.list)
    return Error(machine.packages.list.error()).within("the installed packages could not be read");
  const auto dkms = std::ranges::find_if(*machine.packages.list, builds_by_dkms);
  if (dkms == machine.packages.list->end()) return Sightings{};
  TRY(need_kernels(machine));
  Sighting sighting{
      .evidence = {seen(packages_source(machine), dkms->name + " " + dkms->version)}, .gpus = {}, .fix = {}};
  std::vector<std::string> packages;
  for (const InstalledKernel* kernel : kernels_to_serve(machine.kernel)) {
    if (kernel->headers) continue;
    packages.push_back(headers_package(machine, kernel->release));
    sighting.evidence.push_back(
        seen(fmt::format("/lib/modules/{}/build", kernel->release), "leads to no kernel headers"));
  }
  if (packages.empty()) return Sightings{};
  sighting.fix = {.summary = install_command(machine, packages),
                  .steps = {install_headers(machine, packages)}};
  return Sightings{std::move(sighting)};
}

// A module that runs unsigned under Secure Boot shows that this kernel does not ask for signatures.
Looked look_secure_boot_unsigned(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  if (!machine.secure_boot)
    return Error(machine.secure_boot.error()).within("whether Secure Boot is on could not be read");
  if (!*machine.secure_boot) return Sightings{};
  TRY(need_kernels(machine));
  Sighting sighting{.evidence = {seen("/sys/firmware/efi/efivars/SecureBoot", "on")}, .gpus = {}, .fix = {}};
  std::optional<std::string> unreadable;
  for (const ModuleOnDisk* module : modules_to_boot(machine)) {
    if (!module->signer.empty()) continue;
    if (runs_now(machine, *module)) return Sightings{};
    if (module->version.empty())
      unreadable = module->path;
    else
      sighting.evidence.push_back(seen(module->path, module->version + ", without a signature"));
  }
  if (sighting.evidence.size() == 1 && unreadable)
    return Error(Errc::unsupported, *unreadable + ": its signature cannot be read (a compressed module)");
  if (sighting.evidence.size() == 1) return Sightings{};
  sighting.fix.summary =
      "enrol the key that DKMS signs with (sudo mokutil --import /var/lib/dkms/mok.pub; on Ubuntu "
      "/var/lib/shim-signed/mok/MOK.der), rebuild the module, and confirm the key on the console at the next "
      "boot; or switch Secure Boot off";
  return Sightings{std::move(sighting)};
}

}  // namespace bringup::diagnose
