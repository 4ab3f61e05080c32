// SPDX-License-Identifier: Apache-2.0
// Rules over what has to fit: driver and GPU, driver and toolkit, compiler and toolkit, packages of one
// driver.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <compare>
#include <map>

namespace bringup::diagnose {
namespace {

using base::Version;
using facts::Machine;
using facts::Toolkit;

constexpr std::uint16_t kMellanox = 0x15b3;
constexpr std::uint32_t kInfiniBand = 0x020700;
constexpr int kOldestDriver = 300;  // branches of the drivers that run CUDA on Linux have three digits
// The first kernel that lets network cards read a GPU's memory without a module of its own, by dma-buf.
constexpr std::string_view kDmaBufKernel = "5.12";

// "1:580.159.04-0ubuntu1" -> "580.159.04"
std::string upstream(std::string_view version) {
  const std::size_t colon = version.find(':');
  if (colon != std::string_view::npos) version.remove_prefix(colon + 1);
  return std::string(version.substr(0, version.find_first_of("-+~")));
}

// Toolkits that compile for the whole machine, not those inside of a Python environment.
std::vector<const Toolkit*> toolkits_of(const Machine& machine) {
  std::vector<const Toolkit*> out;
  for (const Toolkit& one : machine.toolkits) {
    if (one.origin != "pypi" && Version::parse(one.version)) out.push_back(&one);
  }
  return out;
}

Evidence toolkit_seen(const Toolkit& toolkit) {
  return seen(toolkit.path, fmt::format("CUDA toolkit {}", toolkit.version));
}

Result<> need_packages(const Machine& machine) {
  if (machine.packages.list) return ok;
  return Error(machine.packages.list.error()).within("the installed packages could not be read");
}

// What the driver has it does know.
bool taken(const Machine& machine, const facts::PciFunction& gpu) {
  return std::ranges::find(machine.proc_gpus, gpu.address) != machine.proc_gpus.end();
}

}  // namespace

// nvcc refuses a compiler that its headers do not know; a distribution's own toolkit brings one that fits.
Looked look_compiler_too_new(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its compilers"));
  const auto toolkits = toolkits_of(machine);
  if (toolkits.empty()) return Sightings{};
  if (!machine.gcc && machine.gcc.error().code() == Errc::absent) return Sightings{};
  if (!machine.gcc) return Error(machine.gcc.error()).within("gcc's version could not be read");
  const auto gcc = base::to_integer(std::string_view(*machine.gcc).substr(0, machine.gcc->find('.')));
  if (!gcc) return Error(Errc::malformed, fmt::format("gcc's version '{}' is no number", *machine.gcc));
  Sighting sighting{.evidence = {seen("/usr/bin/gcc", "gcc " + *machine.gcc)}, .gpus = {}, .fix = {}};
  int most = 0;
  for (const Toolkit* toolkit : toolkits) {
    if (toolkit->origin == "distro") return Sightings{};
    const catalog::Toolkit* row = patient.catalog.toolkit(*Version::parse(toolkit->version));
    if (row == nullptr || row->host_gcc_max >= *gcc) return Sightings{};  // one that takes it is enough
    most = std::max(most, row->host_gcc_max);
    sighting.evidence.push_back(seen(toolkit->path, fmt::format("CUDA toolkit {} takes gcc up to {}",
                                                                toolkit->version, row->host_gcc_max)));
  }
  sighting.fix.summary = fmt::format(
      "install gcc-{0} and g++-{0} beside it, and compile with NVCC_PREPEND_FLAGS="
      "'-ccbin g++-{0}'; or a newer toolkit",
      most);
  return Sightings{std::move(sighting)};
}

Looked look_driver_libraries_missing(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty()) return Sightings{};
  if (!machine.driver.loaded)
    return Error(machine.driver.loaded.error()).within("the loaded driver could not be read");
  const bool counts = machine.counts.cuda.gpus && *machine.counts.cuda.gpus > 0;
  if (!*machine.driver.loaded || !machine.driver.libcuda.empty() || counts) return Sightings{};
  return Sightings{
      {.evidence = {seen("/proc/driver/nvidia/version", (*machine.driver.loaded)->version),
                    seen("library directories", "no libcuda.so of any version")},
       .gpus = addresses(gpus),
       .fix = {.summary = is_container(machine)
                              ? "start the container with --gpus all and "
                                "NVIDIA_DRIVER_CAPABILITIES=compute,utility"
                              : "install the driver's libraries in the module's version (libcuda1, "
                                "libnvidia-compute): bringup up",
               .steps = {}}}};
}

Looked look_driver_packages_mixed(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_packages(machine));
  std::map<std::string, std::string> versions;  // upstream -> the first package of it
  for (const facts::Package& package : *machine.packages.list) {
    const std::string version = upstream(package.version);
    const auto parsed = Version::parse(version);
    // Pins ("580-1") and helpers ("nvidia-driver-assistant 0.21") are no part of a driver.
    if (is_driver_package(package.name) && parsed && parsed->parts.size() > 1 &&
        parsed->major() >= kOldestDriver)
      versions.emplace(version, package.name + " " + package.version);
  }
  if (versions.size() < 2) return Sightings{};
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  for (const auto& [version, package] : versions)
    sighting.evidence.push_back(seen(packages_source(machine), package));
  sighting.fix.summary =
      "bring all of them to one version from one place (NVIDIA's repository or the "
      "distribution's, not both): bringup plan shows how";
  return Sightings{std::move(sighting)};
}

// The catalog has, for a GPU, the first driver of each branch that knows it.
Looked look_driver_too_old_for_gpu(const Patient& patient) {
  const Gpus gpus = TRY(gpus_here(patient.machine));
  if (gpus.empty()) return Sightings{};
  const auto present = TRY(present_driver(patient.machine));
  const auto driver = present ? Version::parse(present->version) : std::nullopt;
  if (!driver) return Sightings{};
  Sightings out;
  for (const facts::PciFunction* gpu : gpus) {
    const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
    if (row == nullptr || taken(patient.machine, *gpu)) continue;
    for (const auto& [branch, first] : row->first_driver) {
      if (branch != driver->major() || !(*driver < first)) continue;
      out.push_back(
          {.evidence = {present->evidence,
                        seen("catalog: first drivers",
                             fmt::format("{} is known from {} on", row->name, first.text))},
           .gpus = {gpu->address},
           .fix = {.summary = fmt::format("a driver from {} on: bringup plan", first.text), .steps = {}}});
    }
  }
  return out;
}

Looked look_driver_without_gpu(const Patient& patient) {
  const Gpus gpus = TRY(gpus_here(patient.machine));
  if (gpus.empty()) return Sightings{};
  const auto present = TRY(present_driver(patient.machine));
  const auto driver = present ? Version::parse(present->version) : std::nullopt;
  const catalog::Branch* branch = driver ? patient.catalog.branch(driver->major()) : nullptr;
  if (branch == nullptr) return Sightings{};
  Sightings out;
  for (const facts::PciFunction* gpu : gpus) {
    const catalog::Gpu* row = patient.catalog.gpu(gpu->device_id);
    if (row == nullptr || taken(patient.machine, *gpu) ||
        (row->architecture >= branch->oldest && row->architecture <= branch->newest))
      continue;
    const bool old = row->architecture < branch->oldest;
    out.push_back({.evidence = {present->evidence,
                                seen("catalog: branches",
                                     fmt::format("branch {} drives {} to {}; {} is {}", branch->number,
                                                 catalog::architecture_name(branch->oldest),
                                                 catalog::architecture_name(branch->newest), row->name,
                                                 catalog::architecture_name(row->architecture)))},
                   .gpus = {gpu->address},
                   .fix = {.summary = fmt::format(
                               "{} branch of the driver: bringup plan says which one drives all GPUs here",
                               old ? "an older" : "a newer"),
                           .steps = {}}});
  }
  return out;
}

Looked look_imex_version(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_packages(machine));
  const auto imex = std::ranges::find_if(*machine.packages.list, [](const facts::Package& package) {
    return package.name.starts_with("nvidia-imex");
  });
  if (imex == machine.packages.list->end()) return Sightings{};
  const auto present = TRY(present_driver(machine));
  if (!present || upstream(imex->version) == present->version) return Sightings{};
  return Sightings{
      {.evidence = {present->evidence, seen(packages_source(machine), imex->name + " " + imex->version)},
       .gpus = {},
       .fix = {.summary = fmt::format("install {} in version {}, then sudo systemctl restart nvidia-imex",
                                      imex->name, present->version),
               .steps = {}}}};
}

// NCCL takes dma-buf where kernel and module have it, and this module elsewhere.
Looked look_peermem_not_loaded(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty()) return Sightings{};
  if (!machine.wiring.devices)
    return Error(machine.wiring.devices.error()).within("the network cards could not be read");
  const auto card = std::ranges::find_if(*machine.wiring.devices, [](const facts::WiredDevice& device) {
    return device.vendor == kMellanox && device.class_code == kInfiniBand;
  });
  if (card == machine.wiring.devices->end() || !machine.driver.loaded || !*machine.driver.loaded)
    return Sightings{};
  const bool open = (*machine.driver.loaded)->flavour == facts::Flavour::open;
  if (open && !std::is_lt(base::compare_releases(machine.kernel.running, kDmaBufKernel))) return Sightings{};
  if (is_container(machine))
    return Error(Errc::unsupported,
                 fmt::format("this is a container ({}): kernel modules are its host's", **machine.container));
  if (!machine.boot.loaded)
    return Error(machine.boot.loaded.error()).within("the loaded modules could not be read");
  if (std::ranges::find(*machine.boot.loaded, "nvidia_peermem") != machine.boot.loaded->end())
    return Sightings{};
  return Sightings{
      {.evidence = {seen("/sys/bus/pci/devices/" + card->address, "an InfiniBand card"),
                    seen("/proc/modules", "no nvidia_peermem"),
                    seen("uname -r",
                         fmt::format("{}, {} modules: no dma-buf of GPU memory", machine.kernel.running,
                                     flavour_word((*machine.driver.loaded)->flavour)))},
       .gpus = {},
       .fix = {.summary =
                   "sudo modprobe nvidia-peermem, and name it in /etc/modules-load.d/nvidia-peermem.conf; "
                   "or the open modules on a kernel from 5.12 on",
               .steps = {}}}};
}

Looked look_toolkit_newer_than_driver(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its toolkits"));
  const auto toolkits = toolkits_of(machine);
  if (toolkits.empty() || TRY(gpus_of(machine)).empty()) return Sightings{};
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  const int speaks = machine.nvml->cuda_driver_version / 1000;
  if (speaks == 0) return Error(Errc::absent, "NVML does not tell which CUDA the driver speaks");
  Sighting sighting{
      .evidence = {seen("NVML", fmt::format("driver {}, CUDA {}.{}", machine.nvml->driver_version, speaks,
                                            machine.nvml->cuda_driver_version % 1000 / 10))},
      .gpus = {},
      .fix = {}};
  for (const Toolkit* toolkit : toolkits) {
    if (Version::parse(toolkit->version)->major() <= speaks) return Sightings{};  // one that fits is enough
    sighting.evidence.push_back(toolkit_seen(*toolkit));
  }
  sighting.fix.summary =
      fmt::format("a toolkit of CUDA {} beside it, or a newer driver: bringup plan", speaks);
  return Sightings{std::move(sighting)};
}

Looked look_toolkits_of_two_sources(const Patient& patient) {
  TRY(need_look(patient.machine, "its toolkits"));
  const Toolkit* distribution = nullptr;
  const Toolkit* vendor = nullptr;
  for (const Toolkit& one : patient.machine.toolkits) {
    if (one.origin == "distro") distribution = &one;
    if (one.origin == "nvidia") vendor = &one;
  }
  if (distribution == nullptr || vendor == nullptr || distribution->version == vendor->version)
    return Sightings{};
  return Sightings{{.evidence = {toolkit_seen(*distribution), toolkit_seen(*vendor)},
                    .gpus = {},
                    .fix = {.summary = fmt::format(
                                "remove the distribution's nvidia-cuda-toolkit, or set PATH and CUDA_HOME "
                                "to the one that is meant: {}",
                                vendor->path),
                            .steps = {}}}};
}

}  // namespace bringup::diagnose
