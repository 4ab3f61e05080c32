// SPDX-License-Identifier: Apache-2.0
// Rules over the system's packages: whole, held, complete for the boards that are here.
#include <bringup/base/text.hpp>
#include <bringup/catalog/kernels.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::Package;

// The packages, or an Error that says why they could not be read.
Result<std::vector<Package>> packages_of(const Machine& machine) {
  return facts::Reading<std::vector<Package>>(machine.packages.list)
      .within("the installed packages could not be read");
}

bool has_fabric_manager(const std::vector<Package>& packages) {
  return std::ranges::any_of(packages, [](const Package& package) {
    return base::contains(package.name, "fabricmanager") || base::contains(package.name, "fabric-manager");
  });
}

// From Blackwell on the data-centre boards keep their NVSwitches off the host's PCI bus.
bool hides_switches(const catalog::Gpu& gpu) {
  return gpu.nvswitch && gpu.architecture == catalog::Architecture::blackwell && gpu.compute &&
         gpu.compute->major == 10;
}

}  // namespace

Looked look_dpkg_interrupted(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(packages_of(machine));
  if (!machine.packages.interrupted) return Sightings{};
  return Sightings{{.evidence = {seen("/var/lib/dpkg/updates", "not empty: dpkg was interrupted")},
                    .gpus = {},
                    .fix = {.summary = "sudo dpkg --configure -a", .steps = {}}}};
}

Looked look_packages_broken(const Patient& patient) {
  const Machine& machine = patient.machine;
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const Package& package : TRY(packages_of(machine))) {
    if (package.broken)
      sighting.evidence.push_back(seen(
          packages_source(machine),
          fmt::format("{} {}: unpacked or half installed, not configured", package.name, package.version)));
  }
  if (sighting.evidence.empty()) return Sightings{};
  sighting.fix.summary =
      machine.packages.manager == "rpm" ? "sudo dnf distro-sync" : "sudo apt-get --fix-broken install";
  return Sightings{std::move(sighting)};
}

Looked look_kernel_not_held(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (patient.goal.kernel != "hold") return Sightings{};
  const std::vector<Package> packages = TRY(packages_of(machine));
  const bool driver =
      std::ranges::any_of(packages, [](const Package& package) { return is_driver_package(package.name); });
  if (!driver) return Sightings{};
  if (machine.packages.manager == "rpm")
    return Error(Errc::unsupported,
                 "the rpm database does not tell which packages are locked (dnf versionlock)");
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  std::vector<std::string> names;
  for (const Package& package : packages) {
    // The same that `up` holds: updates of the driver itself are built by DKMS for the kernels that are here.
    if (!catalog::pulls_kernel(package.name) || package.held ||
        std::ranges::find(names, package.name) != names.end())
      continue;
    names.push_back(package.name);
  }
  if (names.empty()) return Sightings{};
  sighting.evidence.push_back(seen(packages_source(machine), "not held: " + base::join(names, ", ")));
  sighting.fix = {
      .summary = "sudo apt-mark hold " + base::join(names, " "),
      .steps = {
          {.id = "hold",
           .kind = steps::HoldPackages{.manager = package_manager(machine), .packages = names},
           .why = "a new kernel by itself would leave the next boot without a matching module",
           .changes = fmt::format("{} packages held; policy.kernel = \"free\" in the goal leaves them alone",
                                  names.size())}}};
  return Sightings{std::move(sighting)};
}

// Speaks only where NVSwitches are on this bus and CUDA does not start without their manager: GPUs that were
// handed to a virtual machine alone, bridged pairs and PCIe cards need none.
Looked look_fabric_manager_missing(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  Sighting sighting{.evidence = {}, .gpus = addresses(gpus), .fix = {}};
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind == facts::PciKind::nvswitch)
      sighting.evidence.push_back(
          seen("/sys/bus/pci/devices",
               fmt::format("{}: NVSwitch 10de:{:04x}", function.address, function.device_id)));
  }
  if (gpus.empty() || (machine.counts.cuda.gpus && *machine.counts.cuda.gpus > 0)) return Sightings{};
  if (sighting.evidence.empty()) {
    for (const facts::PciFunction* gpu : gpus) {
      const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
      if (row != nullptr && hides_switches(*row))
        return Error(Errc::unsupported,
                     std::string(row->name) +
                         ": its boards do not show their NVSwitches on the PCI bus, so that whether "
                         "Fabric Manager is needed cannot be seen");
    }
    return Sightings{};
  }
  if (is_container(machine))
    return Error(Errc::unsupported, fmt::format("this is a container ({}): Fabric Manager runs on its host",
                                                **machine.container));
  const std::vector<Package> packages = TRY(packages_of(machine));
  if (has_fabric_manager(packages)) return Sightings{};
  sighting.evidence.push_back(seen(packages_source(machine), "no package of Fabric Manager"));
  const auto present = present_driver(machine);
  const auto version = present && *present ? base::Version::parse((*present)->version) : std::nullopt;
  sighting.fix.summary = fmt::format(
      "install nvidia-fabricmanager{} in the driver's exact version, then sudo systemctl enable --now "
      "nvidia-fabricmanager",
      version && version->major() < 580 ? fmt::format("-{}", version->major()) : "");
  return Sightings{std::move(sighting)};
}

}  // namespace bringup::diagnose
