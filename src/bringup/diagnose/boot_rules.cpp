// SPDX-License-Identifier: Apache-2.0
// Rules over what boots and what changes by itself; the forecast of the whole boot is next_boot.cpp.
#include <bringup/base/text.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;

// An Error where the boot is somebody else's business.
Result<> need_boot(const Machine& machine) {
  if (is_container(machine))
    return Error(Errc::unsupported,
                 fmt::format("this is a container ({}): what boots is its host's", **machine.container));
  return ok;
}

std::string initramfs(const Machine& machine) {
  return machine.packages.manager == "rpm" ? "sudo dracut --force" : "sudo update-initramfs -u";
}

bool enabled(const Machine& machine, std::string_view service) {
  return machine.boot.enabled &&
         std::ranges::find(*machine.boot.enabled, service) != machine.boot.enabled->end();
}

const facts::PciFunction* nvswitch_of(const Machine& machine) {
  const auto at = std::ranges::find(machine.pci, facts::PciKind::nvswitch, &facts::PciFunction::kind);
  return at == machine.pci.end() ? nullptr : &*at;
}

const facts::Package* fabric_manager(const Machine& machine) {
  if (!machine.packages.list) return nullptr;
  const auto at = std::ranges::find_if(*machine.packages.list, [](const facts::Package& package) {
    return package.name.starts_with("nvidia-fabricmanager") && !base::contains(package.name, "dev");
  });
  return at == machine.packages.list->end() ? nullptr : &*at;
}

steps::Step start_fabric_manager() {
  return {.id = "fabric-service",
          .kind = steps::EnableService{.service = "nvidia-fabricmanager", .now = true},
          .why = "the NVSwitches are set up anew at every boot, before CUDA is used",
          .changes = "one service, now and at every boot"};
}

// The board, its manager's package, and an Error where they cannot be seen. Neither: nothing is to be said.
Result<std::pair<const facts::PciFunction*, const facts::Package*>> fabric_of(const Machine& machine) {
  TRY(gpus_here(machine));
  const facts::PciFunction* board = nvswitch_of(machine);
  using Fabric = std::pair<const facts::PciFunction*, const facts::Package*>;
  if (board == nullptr) return Fabric{nullptr, nullptr};
  TRY(need_boot(machine));
  if (!machine.packages.list)
    return Error(machine.packages.list.error()).within("the installed packages could not be read");
  return Fabric{board, fabric_manager(machine)};
}

}  // namespace

Looked look_nvidia_kept_away(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty() || patient.goal.driver == "none") return Sightings{};
  TRY(need_boot(machine));
  if (!machine.boot.modprobe)
    return Error(machine.boot.modprobe.error()).within("what is kept from loading could not be read");
  const auto off = kept_away(machine, "nvidia");
  if (!off) return Sightings{};
  return Sightings{
      {.evidence = {*off},
       .gpus = addresses(gpus),
       .fix = {.summary = fmt::format("take that line out (on Ubuntu: sudo prime-select nvidia), "
                                      "then {} and reboot",
                                      initramfs(machine)),
               .steps = {}}}};
}

// Only where NVIDIA's driver is there: without it nouveau is what the user has.
Looked look_nouveau_not_kept_away(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty() || machine.driver.modules.empty()) return Sightings{};
  TRY(need_boot(machine));
  if (!machine.boot.modprobe)
    return Error(machine.boot.modprobe.error()).within("what is kept from loading could not be read");
  const auto& rivals = machine.boot.rivals;
  const facts::InstalledKernel* next = next_kernel(machine.kernel);
  if (next == nullptr || std::ranges::find(rivals, next->release) == rivals.end() ||
      kept_away(machine, "nouveau"))
    return Sightings{};
  return Sightings{
      {.evidence = {seen(fmt::format("/lib/modules/{}/kernel/drivers/gpu/drm/nouveau", next->release),
                         "there"),
                    seen("/etc/modprobe.d and its like", "no line keeps nouveau away")},
       .gpus = addresses(gpus),
       .fix = {.summary = "echo 'blacklist nouveau' | sudo tee /etc/modprobe.d/no-nouveau.conf, then " +
                          initramfs(machine),
               .steps = {{.id = "no-nouveau",
                          .kind = steps::WriteFile{.path = "/etc/modprobe.d/bringup-nouveau.conf",
                                                   .text = "# Written by bringup: NVIDIA's driver is to have "
                                                           "the GPUs.\nblacklist nouveau\n"},
                          .why = "nouveau may take the GPUs at a boot before NVIDIA's driver does",
                          .changes = "one file; an initramfs that holds nouveau is made anew by the next "
                                     "update of a kernel or driver"}}}}};
}

Looked look_reboot_required(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its packages"));
  if (!machine.boot.reboot_required)
    return Error(machine.boot.reboot_required.error()).within("/run/reboot-required could not be seen");
  if (!*machine.boot.reboot_required) return Sightings{};
  const auto& by = machine.boot.reboot_required_by;
  return Sightings{
      {.evidence = {seen("/run/reboot-required.pkgs",
                         by.empty() ? "names no package" : base::join(by, ", "))},
       .gpus = {},
       .fix = {.summary = "bringup doctor --next-boot says how it will go; then reboot when it suits",
               .steps = {}}}};
}

Looked look_unattended_driver(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  if (!machine.packages.list)
    return Error(machine.packages.list.error()).within("the installed packages could not be read");
  if (machine.packages.manager == "rpm") return Sightings{};
  if (!machine.boot.unattended)
    return Error(machine.boot.unattended.error()).within("apt's configuration could not be read");
  if (!machine.boot.unattended->on) return Sightings{};
  std::vector<std::string> names;
  for (const facts::Package& package : *machine.packages.list) {
    if (is_driver_package(package.name) && !package.held &&
        !never_upgraded(*machine.boot.unattended, package.name))
      names.push_back(package.name);
  }
  if (names.empty()) return Sightings{};
  return Sightings{
      {.evidence = {seen("/etc/apt/apt.conf.d", "unattended-upgrades is on"),
                    seen(packages_source(machine), "not held: " + base::join(names, ", "))},
       .gpus = {},
       .fix = {.summary = "sudo apt-mark hold " + base::join(names, " ") +
                          "; or name \"nvidia-\" and \"libnvidia-\" in Unattended-Upgrade::Package-Blacklist",
               .steps = {{.id = "hold-driver",
                          .kind = steps::HoldPackages{.manager = package_manager(machine), .packages = names},
                          .why = "an upgrade at night would leave the libraries newer than the loaded module",
                          .changes = fmt::format("{} packages held, until 'apt-mark unhold' or undo",
                                                 names.size())}}}}};
}

Looked look_fabric_manager_disabled(const Patient& patient) {
  const Machine& machine = patient.machine;
  const auto [board, package] = TRY(fabric_of(machine));
  if (board == nullptr || package == nullptr) return Sightings{};
  if (!machine.boot.enabled)
    return Error(machine.boot.enabled.error()).within("which services start at boot could not be read");
  if (enabled(machine, "nvidia-fabricmanager")) return Sightings{};
  return Sightings{{.evidence = {seen("/sys/bus/pci/devices", board->address + ": NVSwitch"),
                                 seen("/etc/systemd/system", "no target wants nvidia-fabricmanager.service")},
                    .gpus = {},
                    .fix = {.summary = "sudo systemctl enable --now nvidia-fabricmanager",
                            .steps = {start_fabric_manager()}}}};
}

Looked look_fabric_manager_version(const Patient& patient) {
  const Machine& machine = patient.machine;
  const auto [board, package] = TRY(fabric_of(machine));
  if (board == nullptr || package == nullptr) return Sightings{};
  const auto present = TRY(present_driver(machine));
  if (!present) return Sightings{};
  const std::string version = package->version.substr(0, package->version.find('-'));
  if (version == present->version) return Sightings{};
  return Sightings{
      {.evidence = {present->evidence,
                    seen(packages_source(machine), package->name + " " + package->version)},
       .gpus = {},
       .fix = {.summary = fmt::format("install {} in version {}, then sudo systemctl restart "
                                      "nvidia-fabricmanager",
                                      package->name, present->version),
               .steps = {{.id = "fabric-packages",
                          .kind = steps::InstallPackages{.manager = package_manager(machine),
                                                         .packages = {fmt::format("{}={}-*", package->name,
                                                                                  present->version)},
                                                         .dnf_module = "",
                                                         .builds_for = {}},
                          .why = "it refuses every driver but its own",
                          .changes = "one package in another version"},
                         start_fabric_manager()}}}};
}

Looked look_boot_disk_low(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its disks"));
  if (is_container(machine) || next_kernel(machine.kernel) == nullptr) return Sightings{};
  const auto disk = std::ranges::find(machine.disks, "/boot", &facts::Disk::path);
  if (disk == machine.disks.end()) return Error(Errc::absent, "the free space of /boot was not read");
  if (disk->free_bytes >= catalog::threshold_bytes(catalog::Limit::boot_free)) return Sightings{};
  return Sightings{
      {.evidence = {seen("/boot", fmt::format("{} free of {}", base::human_bytes(disk->free_bytes),
                                              base::human_bytes(disk->total_bytes)))},
       .gpus = {},
       .fix = {.summary = machine.packages.manager == "rpm"
                              ? "remove old kernels: sudo dnf remove --oldinstallonly"
                              : "remove old kernels: sudo apt-get autoremove --purge",
               .steps = {}}}};
}

// Windows' driver brings the libraries; one of Linux replaces them by ones that find no GPU (NVIDIA's guide
// to CUDA on WSL).
Looked look_wsl_linux_driver(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (!machine.container)
    return Error(machine.container.error()).within("whether this is WSL could not be seen");
  if (!is_container(machine) || **machine.container != "wsl") return Sightings{};
  if (!machine.packages.list)
    return Error(machine.packages.list.error()).within("the installed packages could not be read");
  const auto at = std::ranges::find_if(*machine.packages.list,
                                       [](const facts::Package& one) { return is_driver_package(one.name); });
  if (at == machine.packages.list->end()) return Sightings{};
  return Sightings{
      {.evidence = {seen("uname -r", machine.kernel.running),
                    seen(packages_source(machine), at->name + " " + at->version)},
       .gpus = {},
       .fix = {.summary = fmt::format("sudo {} remove {}; the driver is Windows'",
                                      package_manager(machine) == "dnf" ? "dnf" : "apt-get", at->name),
               .steps = {}}}};
}

}  // namespace bringup::diagnose
