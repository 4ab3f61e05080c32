// SPDX-License-Identifier: Apache-2.0
// Rules over the driver: bound, there, loaded, of one version, of the right flavour, still maintained.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using catalog::Architecture;
using facts::Flavour;

// The kernel's own drivers for these GPUs: with them NVIDIA's cannot bind.
constexpr std::array<std::string_view, 2> kRivals{"nouveau", "nova_core"};

std::string_view initramfs(const facts::Machine& machine) {
  return machine.packages.manager == "rpm" ? "sudo dracut --force" : "sudo update-initramfs -u";
}

steps::Step blacklist(std::string_view rival) {
  return {
      .id = "no-nouveau",
      .kind = steps::WriteFile{.path = "/etc/modprobe.d/bringup-nouveau.conf",
                               .text = fmt::format("# Written by bringup: {} would keep NVIDIA's driver from "
                                                   "the GPUs.\nblacklist {}\noptions nouveau modeset=0\n",
                                                   rival, rival)},
      .why = fmt::format("{} holds the GPUs now and would take them again at the next boot", rival),
      .changes = "one file; takes effect after a reboot"};
}

steps::Step load_nvidia() {
  return {.id = "load-module",
          .kind = steps::LoadModule{.module = "nvidia"},
          .why = "the GPUs can be used without a reboot",
          .changes = "loads the kernel module nvidia"};
}

// GPUs that NVIDIA's driver is to have: those that are set aside for virtual machines are not.
Gpus for_the_driver(const Gpus& gpus) {
  Gpus out;
  for (const facts::PciFunction* gpu : gpus) {
    if (!bound_to(*gpu, "vfio-pci") && !bound_to(*gpu, "pci-stub")) out.push_back(gpu);
  }
  return out;
}

// GPUs here that have no loaded driver; none when it is loaded or is not wanted.
Result<Gpus> without_driver(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  Gpus gpus = for_the_driver(TRY(gpus_here(machine)));
  if (gpus.empty() || patient.goal.driver == "none") return Gpus{};
  if (!machine.driver.loaded)
    return Error(machine.driver.loaded.error()).within("the loaded driver could not be read");
  if (*machine.driver.loaded || machine.nvml)
    return Gpus{};  // sandboxes hide /proc/driver and let NVML through
  if (is_container(machine))
    return Error(Errc::unsupported, fmt::format("this is a container ({}): the kernel module is its host's",
                                                **machine.container));
  return gpus;
}

std::optional<std::string> driver_package(const facts::Machine& machine) {
  if (!machine.packages.list) return std::nullopt;
  for (const facts::Package& package : *machine.packages.list) {
    if (is_driver_package(package.name)) return package.name + " " + package.version;
  }
  return std::nullopt;
}

bool has(const std::vector<std::string>& list, const std::string& value) {
  return std::ranges::find(list, value) != list.end();
}

bool says_mismatch(const facts::Machine& machine) {
  return !machine.nvml && base::contains(base::lower(machine.nvml.error().message()), "mismatch");
}

// Blackwell and later, and Grace Hopper, have open modules only; before Turing there are none.
std::optional<Flavour> only_flavour(const catalog::Gpu& gpu) {
  if (gpu.architecture >= Architecture::blackwell || base::contains(gpu.name, "GH200")) return Flavour::open;
  if (gpu.architecture < Architecture::turing) return Flavour::proprietary;
  return std::nullopt;
}

// Where the branch itself does not drive a GPU, another flavour of it would not either.
bool branch_drives(const catalog::Catalog& catalog, const PresentDriver& present, const catalog::Gpu& gpu) {
  const auto version = base::Version::parse(present.version);
  const catalog::Branch* branch = version ? catalog.branch(version->major()) : nullptr;
  return branch == nullptr || (gpu.architecture >= branch->oldest && gpu.architecture <= branch->newest);
}

// Whether the GPUs here need both flavours: then no driver serves all of them.
bool need_both(const Patient& patient, const Gpus& gpus) {
  bool open = false;
  bool proprietary = false;
  for (const facts::PciFunction* gpu : gpus) {
    const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
    const auto only = row == nullptr ? std::nullopt : only_flavour(*row);
    open = open || only == Flavour::open;
    proprietary = proprietary || only == Flavour::proprietary;
  }
  return open && proprietary;
}

// "2026-06" lasts to the end of its month.
bool past(std::string_view date, std::string_view today) {
  return date.size() == 7 ? date < today.substr(0, 7) : date < today;
}

std::string following(const catalog::Catalog& catalog, const catalog::Branch& branch) {
  const catalog::Branch* next = branch.successor ? catalog.branch(*branch.successor) : nullptr;
  if (next == nullptr) return "move to a driver branch that still gets updates: bringup plan shows which";
  return fmt::format("move to branch {} ({}{}): driver = \"{}\" in bringup.toml, then bringup up",
                     next->number, next->type, next->eol ? ", supported until " + *next->eol : "",
                     next->number);
}

// What Secure Boot misses of a module that DKMS signed, and what to do about it.
std::optional<std::pair<Evidence, std::string>> key_to_trust(const facts::Machine& machine,
                                                             const facts::ModuleOnDisk& module) {
  const auto& key = machine.boot.signing_key;
  if (!key || !*key || (*key)->trust == "enrolled" || !base::contains(module.path, "dkms"))
    return std::nullopt;
  return std::pair(
      seen(fmt::format("mokutil --test-key {}", (*key)->path), (*key)->trust),
      std::string((*key)->trust == "requested"
                      ? "reboot with somebody at the console, who confirms the module's key"
                      : "sudo bringup up: Secure Boot refuses the module until its key is trusted"));
}

}  // namespace

Looked look_nouveau_bound(const Patient& patient) {
  Sightings out;
  std::optional<Error> unread;
  const Gpus gpus = TRY(gpus_here(patient.machine));
  if (patient.goal.driver == "none") return out;
  for (const std::string_view rival : kRivals) {
    Sighting sighting;
    for (const facts::PciFunction* gpu : gpus) {
      if (!gpu->kernel_driver) unread = gpu->kernel_driver.error();
      if (!bound_to(*gpu, rival)) continue;
      sighting.gpus.push_back(gpu->address);
      sighting.evidence.push_back(
          seen(fmt::format("/sys/bus/pci/devices/{}/driver", gpu->address), std::string(rival)));
    }
    if (sighting.gpus.empty()) continue;
    sighting.fix = {
        .summary = fmt::format("blacklist {}, then {} and reboot", rival, initramfs(patient.machine)),
        .steps = {blacklist(rival)}};
    out.push_back(std::move(sighting));
  }
  if (out.empty() && unread)
    return std::move(*unread).within("which driver holds the GPUs could not be read");
  return out;
}

Looked look_driver_missing(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const Gpus gpus = TRY(without_driver(patient));
  if (gpus.empty() || !machine.driver.modules.empty()) return Sightings{};
  Sighting sighting{.evidence = {seen("/proc/driver/nvidia/version", "not there: no NVIDIA module is loaded"),
                                 seen("/lib/modules", "no NVIDIA module for any kernel")},
                    .gpus = addresses(gpus),
                    .fix = {.summary = "bringup up", .steps = {}}};
  if (!machine.driver.libcuda.empty())
    sighting.evidence.push_back(seen(
        "library directories", "libcuda " + base::join(machine.driver.libcuda, ", ") + ", without a module"));
  if (const auto package = driver_package(machine)) {
    sighting.evidence.push_back(
        seen(packages_source(machine), *package + " is installed, its module not built"));
    sighting.fix.summary = "see why no module was built: dkms status; then bringup up";
  }
  return Sightings{std::move(sighting)};
}

Looked look_driver_not_loaded(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const Gpus gpus = TRY(without_driver(patient));
  if (gpus.empty() || machine.driver.modules.empty()) return Sightings{};
  Sighting sighting{
      .evidence = {seen("/proc/driver/nvidia/version", "not there: no NVIDIA module is loaded")},
      .gpus = addresses(gpus),
      .fix = {.summary = "sudo modprobe nvidia", .steps = {load_nvidia()}}};
  const auto& modules = machine.driver.modules;
  const facts::ModuleOnDisk* here = module_of(machine.driver, machine.kernel.running);
  const facts::ModuleOnDisk& module = here == nullptr ? modules.back() : *here;
  sighting.evidence.push_back(seen(module.path, module.version.empty() ? "there" : module.version));
  if (here == nullptr) {
    sighting.evidence.push_back(seen("uname -r", machine.kernel.running + ", which has no NVIDIA module"));
    sighting.fix = {.summary = fmt::format("boot kernel {}, or build the module for this one: sudo dkms "
                                           "autoinstall -k {}",
                                           module.kernel, machine.kernel.running),
                    .steps = {}};
  } else if (machine.driver.nouveau_loaded && *machine.driver.nouveau_loaded) {
    sighting.evidence.push_back(seen("/proc/modules", "nouveau"));
    sighting.fix = {.summary = fmt::format("blacklist nouveau, then {} and reboot", initramfs(machine)),
                    .steps = {blacklist("nouveau")}};
  } else if (const auto off = kept_away(machine, "nvidia")) {
    sighting.evidence.push_back(*off);
    sighting.fix = {.summary = "take that line out first: 'bringup explain nvidia-kept-away'", .steps = {}};
  } else if (facts::for_other_kernel(*here)) {
    sighting.evidence.push_back(seen(here->path, "built for kernel " + here->built_for));
    sighting.fix = {.summary = rebuild_command(machine, *here), .steps = {}};
  } else if (machine.secure_boot && *machine.secure_boot && here->signer.empty() && !here->version.empty()) {
    sighting.evidence.push_back(
        seen("/sys/firmware/efi/efivars/SecureBoot", "on, and the module is not signed"));
    sighting.fix = {
        .summary = "the kernel refuses an unsigned module: 'bringup explain secure-boot-unsigned'",
        .steps = {}};
  } else if (auto refused = key_to_trust(machine, *here)) {
    sighting.evidence.push_back(std::move(refused->first));
    sighting.fix = {.summary = std::move(refused->second), .steps = {}};
  }
  return Sightings{std::move(sighting)};
}

// What answers is not of the wrong version: a library that NVML or CUDA was counted through is left alone.
Looked look_driver_library_mismatch(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  const facts::Driver& driver = machine.driver;
  if (machine.hypothetical)
    return Error(Errc::absent, "the GPUs were given with --for: no driver runs them here");
  if (!driver.loaded) return Error(driver.loaded.error()).within("the loaded driver could not be read");
  if (!*driver.loaded) return Sightings{};
  const std::string& loaded = (*driver.loaded)->version;
  Sighting sighting{
      .evidence = {seen("/proc/driver/nvidia/version", loaded)},
      .gpus = {},
      .fix = {.summary = "reboot, so that the kernel loads the module that goes with the libraries",
              .steps = {}}};
  if (says_mismatch(machine)) sighting.evidence.push_back(seen("NVML", machine.nvml.error().message()));
  if (!machine.counts.cuda.gpus && !driver.libcuda.empty() && !has(driver.libcuda, loaded))
    sighting.evidence.push_back(seen("libcuda.so", base::join(driver.libcuda, ", ")));
  if (!machine.nvml && !driver.libnvml.empty() && !has(driver.libnvml, loaded))
    sighting.evidence.push_back(seen("libnvidia-ml.so", base::join(driver.libnvml, ", ")));
  if (sighting.evidence.size() > 1) return Sightings{std::move(sighting)};
  if (driver.libcuda.empty() && driver.libnvml.empty() && !machine.nvml)
    return Error(Errc::absent, "no libcuda and no libnvidia-ml in the library directories to compare with");
  return Sightings{};
}

Looked look_driver_several_versions(const Patient& patient) {
  const facts::Machine& machine = patient.machine;
  TRY(need_look(machine, "its libraries"));
  Sightings out;
  for (const auto& [library, versions] : {std::pair("libcuda.so", &machine.driver.libcuda),
                                          std::pair("libnvidia-ml.so", &machine.driver.libnvml)}) {
    if (versions->size() > 1)
      out.push_back({.evidence = {seen(library, base::join(*versions, ", "))},
                     .gpus = {},
                     .fix = {.summary = "remove the driver that is not wanted with what installed it; 'sudo "
                                        "ldconfig -p | grep libcuda' shows where each lies",
                             .steps = {}}});
  }
  if (!machine.driver.foreign) return out;
  if (!machine.packages.list)
    return out.empty()
               ? Looked(Error(machine.packages.list.error())
                            .within("whether packages have a driver beside the runfile's could not be read"))
               : Looked(std::move(out));
  if (const auto package = driver_package(machine))
    out.push_back({.evidence = {seen(*machine.driver.foreign, "a driver that no package manager knows"),
                                seen(packages_source(machine), *package)},
                   .gpus = {},
                   .fix = {.summary = fmt::format(
                               "sudo {}{}; then bringup up", *machine.driver.foreign,
                               machine.driver.foreign->ends_with("nvidia-installer") ? " --uninstall" : ""),
                           .steps = {}}});
  return out;
}

Looked look_driver_end_of_life(const Patient& patient) {
  const auto present = TRY(present_driver(patient.machine));
  if (!present) return Sightings{};
  const auto version = base::Version::parse(present->version);
  const catalog::Branch* branch = version ? patient.catalog.branch(version->major()) : nullptr;
  if (branch == nullptr)
    return Error(Errc::absent,
                 fmt::format("the catalog has no driver branch for {}; its end of life is not known",
                             present->version));
  if (patient.today.empty()) return Error(Errc::absent, "today's date is not known");
  if (!branch->eol || !past(*branch->eol, patient.today)) return Sightings{};
  return Sightings{
      {.evidence = {present->evidence, seen("catalog: driver branches",
                                            fmt::format("branch {} ({}): last updates {}", branch->number,
                                                        branch->type, *branch->eol))},
       .gpus = {},
       .fix = {.summary = following(patient.catalog, *branch), .steps = {}}}};
}

Looked look_module_flavour_wrong(const Patient& patient) {
  const Gpus gpus = TRY(gpus_of(patient.machine));
  const auto present = TRY(present_driver(patient.machine));
  Sightings out;
  if (!present) return out;
  for (const facts::PciFunction* gpu : gpus) {
    const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
    const auto only = row == nullptr ? std::nullopt : only_flavour(*row);
    if (!only || !branch_drives(patient.catalog, *present, *row)) continue;
    if (!present->flavour)
      return Error(Errc::unsupported, present->evidence.source +
                                          ": whether the module is the open or the "
                                          "proprietary one cannot be read");
    if (*only == *present->flavour) continue;
    out.push_back(
        {.evidence = {seen(present->evidence.source,
                           fmt::format("{}, {} modules", present->version, flavour_word(*present->flavour))),
                      seen(fmt::format("/sys/bus/pci/devices/{}/device", gpu->address),
                           fmt::format("0x{:04x}, {} ({}): {} modules only", gpu->device_id, row->name,
                                       catalog::architecture_name(row->architecture), flavour_word(*only)))},
         .gpus = {gpu->address},
         .fix = {
             .summary =
                 need_both(patient, gpus)
                     ? "no driver serves all GPUs here: 'bringup plan' says which exclude each other"
                     : fmt::format("install the {} flavour of the driver: bringup up", flavour_word(*only)),
             .steps = {}}});
  }
  return out;
}

}  // namespace bringup::diagnose
