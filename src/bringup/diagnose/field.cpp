// SPDX-License-Identifier: Apache-2.0
// Rules over what shows while a machine is in use: the driver's errors in the kernel's log, clocks that are
// held down, links that mend errors, what upgrades by itself, packages that come before an environment's own.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/catalog/messages.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <fnmatch.h>
#include <map>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::PythonEnv;
using facts::PythonPackage;

// NVML's bits: the driver slows down for heat (0x20), the hardware for heat (0x40), for the machine's power
// brake (0x80), for one of the two (0x8).
constexpr std::uint64_t kHeat = 0x20 | 0x40;
constexpr std::uint64_t kBrake = 0x80;
constexpr std::uint64_t kHardware = 0x8;

std::string slowed_by(std::uint64_t bits) {
  if ((bits & kBrake) != 0)
    return "the machine's power brake holds its clock down: too little power comes in";
  if ((bits & kHeat) != 0) return "heat holds its clock down";
  return (bits & kHardware) != 0 ? "the hardware holds its clock down, for heat or power" : "";
}

std::string remedy_for(std::uint64_t bits) {
  return (bits & kBrake) != 0 ? "look after the power supplies, both of a pair, and the card's power cables: "
                                "nvidia-smi -q -d PERFORMANCE"
                              : "look after fans, dust, airflow and the room: nvidia-smi -q -d "
                                "PERFORMANCE,TEMPERATURE";
}

// How dnf names packages: globs, or versionlock's "name-0:version-release.*".
bool left_alone(const facts::Unattended& dnf, const std::string& name) {
  return std::ranges::any_of(dnf.never, [&name](const std::string& one) {
    const bool locked = one.starts_with(name + "-") && one.size() > name.size() + 1 &&
                        one[name.size() + 1] >= '0' && one[name.size() + 1] <= '9';
    return locked || ::fnmatch(one.c_str(), name.c_str(), 0) == 0;
  });
}

// "3.11.2" -> "3.11"
std::string minor_of(std::string_view version) {
  const std::size_t dot = version.find('.');
  return std::string(version.substr(0, version.find('.', dot == std::string_view::npos ? dot : dot + 1)));
}

// A virtual environment does not look at the user's own packages; conda's and the system's Python do, first.
bool takes_user_site(const PythonEnv& env) {
  return env.kind == "conda" || (env.kind == "system" && !base::contains(env.site_packages, "/.local/"));
}

}  // namespace

Looked look_xid_errors(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  if (!machine.xids) return Error(machine.xids.error()).within("the kernel's log could not be read");
  std::map<std::string, Sighting> of;
  for (const facts::XidLine& line : *machine.xids) {
    Sighting& sighting = of[line.pci];
    const catalog::Xid* row = catalog::messages().xid(line.number);
    sighting.gpus = {line.pci};
    sighting.evidence.push_back(
        seen("dmesg", fmt::format("{}: {} time{} Xid {}", line.pci, line.times, line.times == 1 ? "" : "s",
                                  base::harmless(line.text))));
    if (row == nullptr) continue;
    sighting.evidence.push_back(seen("catalog: xids", fmt::format("Xid {}: {}", line.number, row->cause)));
    // What a program did by itself is no illness of the machine.
    const bool idle = row->blame == catalog::Blame::program || row->blame == catalog::Blame::nobody;
    const Severity severity = idle ? Severity::info : Severity::warn;
    sighting.severity = std::max(sighting.severity.value_or(Severity::info), severity);
    if (sighting.fix.summary.empty() || severity == Severity::warn) sighting.fix.summary = row->todo;
  }
  Sightings out;
  for (auto& [pci, sighting] : of) {
    if (sighting.fix.summary.empty())
      sighting.fix.summary = "'bringup explain NUMBER' says what is known of each";
    out.push_back(std::move(sighting));
  }
  return out;
}

// What an idle card tells is of the moment, so that only what is not meant to be speaks.
Looked look_clocks_slowed(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  Sightings out;
  std::optional<Error> unread;
  bool any = machine.nvml->gpus.empty();
  for (const facts::NvmlGpu& gpu : machine.nvml->gpus) {
    if (!gpu.clock_reasons) {
      any = any || gpu.clock_reasons.error().code() == Errc::unsupported;
      unread = gpu.clock_reasons.error();
      continue;
    }
    any = true;
    const std::string why = slowed_by(*gpu.clock_reasons);
    if (why.empty()) continue;
    out.push_back({.evidence = {seen("NVML", fmt::format("{}: {} (clock reasons {:#x})", gpu.pci, why,
                                                         *gpu.clock_reasons))},
                   .gpus = {gpu.pci},
                   .fix = {.summary = remedy_for(*gpu.clock_reasons), .steps = {}}});
    if (gpu.temperature_celsius)
      out.back().evidence.push_back(
          seen("NVML", fmt::format("{}: {:.0f} C", gpu.pci, *gpu.temperature_celsius)));
  }
  if (!any && unread) return std::move(*unread).within("what holds clocks down could not be read");
  return out;
}

Looked look_pcie_corrected(const Patient& patient) {
  Sightings out;
  std::optional<Error> unread;
  const auto limit = static_cast<std::uint64_t>(catalog::threshold(catalog::Limit::aer_corrected));
  for (const facts::PciFunction* gpu : TRY(gpus_here(patient.machine))) {
    if (!gpu->aer_corrected) {
      if (gpu->aer_corrected.error().code() != Errc::unsupported) unread = gpu->aer_corrected.error();
      continue;
    }
    if (*gpu->aer_corrected < limit) continue;
    out.push_back(
        {.evidence = {seen(
             fmt::format("/sys/bus/pci/devices/{}/aer_dev_correctable", gpu->address),
             fmt::format("{} errors since the boot that the link mended", *gpu->aer_corrected))},
         .gpus = {gpu->address},
         .fix = {
             .summary =
                 "see whether it grows under load (bringup doctor pcie-corrected --watch); then reseat the "
                 "card, look after its riser, or set its slot one PCIe generation lower",
             .steps = {}}});
  }
  if (out.empty() && unread) return std::move(*unread).within("PCIe's error counters could not be read");
  return out;
}

Looked look_clock_not_synchronised(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its clock"));
  if (is_container(machine)) return Sightings{};
  if (!machine.clock_synchronized)
    return Error(machine.clock_synchronized.error()).within("whether the clock is set could not be seen");
  if (*machine.clock_synchronized) return Sightings{};
  return Sightings{
      {.evidence = {seen("/run/systemd/timesync", "systemd-timesyncd runs and has not set the clock"),
                    seen("clock", std::string(patient.today))},
       .gpus = {},
       .fix = {.summary =
                   "let it reach a time server: timedatectl timesync-status says which one it asks (NTP= in "
                   "/etc/systemd/timesyncd.conf)",
               .steps = {}}}};
}

Looked look_dnf_automatic_driver(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  TRY(need_look(machine, "its packages"));
  if (machine.packages.manager != "rpm" && machine.packages.list) return Sightings{};
  if (!machine.packages.list)
    return Error(machine.packages.list.error()).within("the installed packages could not be read");
  if (!machine.boot.dnf_automatic)
    return Error(machine.boot.dnf_automatic.error()).within("dnf's configuration could not be read");
  const facts::Unattended& dnf = *machine.boot.dnf_automatic;
  if (!dnf.on) return Sightings{};
  std::vector<std::string> names;
  for (const facts::Package& package : *machine.packages.list) {
    if (is_driver_package(package.name) && !package.held && !left_alone(dnf, package.name))
      names.push_back(package.name);
  }
  if (names.empty()) return Sightings{};
  const bool security = !dnf.origins.empty();
  return Sightings{
      {.evidence = {seen("/etc/systemd/system/timers.target.wants", "dnf-automatic installs by itself"),
                    seen("/etc/dnf/automatic.conf", security ? "security updates alone" : "every update"),
                    seen(packages_source(machine), "not kept: " + base::join(names, ", "))},
       .gpus = {},
       .fix = {.summary = fmt::format("sudo dnf versionlock add {}; or excludepkgs in /etc/dnf/dnf.conf",
                                      base::join(names, " ")),
               .steps = {{.id = "hold-driver",
                          .kind = steps::HoldPackages{.manager = "dnf", .packages = names},
                          .why = "an upgrade at night would leave the libraries newer than the loaded module",
                          .changes = fmt::format("{} packages locked, until 'dnf versionlock delete' or undo",
                                                 names.size())}}},
       .severity = security ? std::optional(Severity::info) : std::nullopt}};
}

Looked look_user_site_first(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : machine.envs) {
    const auto site = std::ranges::find(machine.user_sites, minor_of(env.version), &facts::UserSite::version);
    if (!env.torch || !takes_user_site(env) || site == machine.user_sites.end()) continue;
    Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
    std::vector<std::string> names;
    for (const PythonPackage& package : site->packages) {
      const auto own = std::ranges::find(env.packages, package.name, &PythonPackage::name);
      if (own == env.packages.end() || own->version == package.version) continue;
      names.push_back(package.name);
      sighting.evidence.push_back(seen(site->path, fmt::format("{} {}", package.name, package.version)));
      sighting.evidence.push_back(seen(env.path, fmt::format("{} {}", own->name, own->version)));
    }
    if (names.empty()) continue;
    sighting.fix.summary = fmt::format("export PYTHONNOUSERSITE=1 before it is used, or remove {} from {}",
                                       base::join(names, ", "), site->path);
    out.push_back(std::move(sighting));
  }
  return out;
}

// GHSA-53q9-r3pm-6pq6 (CVE-2025-32434), mended in 2.6.0; transformers refuses to load such files below that.
Looked look_torch_loads_code(const Patient& patient) {
  TRY(need_look(patient.machine, "its Python environments"));
  Sightings out;
  for (const PythonEnv& env : patient.machine.envs) {
    const auto torch = env.torch ? base::Version::parse(*env.torch) : std::nullopt;
    if (!torch || torch->major() > 2 || (torch->major() == 2 && torch->minor() >= 6)) continue;
    out.push_back(
        {.evidence = {seen(env.path, "torch " + *env.torch),
                      seen("GHSA-53q9-r3pm-6pq6", "mended in torch 2.6.0")},
         .gpus = {},
         .fix = {.summary =
                     "a torch from 2.6 on (bringup up); until then load nothing but safetensors and files of "
                     "your own",
                 .steps = {}}});
  }
  return out;
}

}  // namespace bringup::diagnose
