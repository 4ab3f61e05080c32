// SPDX-License-Identifier: Apache-2.0
// What works now because somebody did it by hand, and what changes by itself before anybody reboots.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/next_boot.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::NvmlGpu;

// Modules that nothing loads unless it is told to: NVIDIA's others come with the GPU or with the first
// program.
constexpr std::array<std::string_view, 3> kByName{"gdrdrv", "nvidia_fs", "nvidia_peermem"};

BootPart note(std::string part, std::string text, std::vector<Evidence> evidence, std::string fix) {
  return {.part = std::move(part),
          .kernel = "",
          .outlook = Outlook::note,
          .text = std::move(text),
          .evidence = std::move(evidence),
          .fix = std::move(fix)};
}

bool holds(const std::vector<std::string>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

void add_modules(const Machine& machine, std::vector<BootPart>& out) {
  if (!machine.boot.loaded || !machine.boot.loads) return;
  for (const std::string_view module : kByName) {
    if (!holds(*machine.boot.loaded, module) || holds(*machine.boot.loads, module)) continue;
    out.push_back(note("by hand", fmt::format("{} is loaded now and nothing loads it at boot", module),
                       {seen("/proc/modules", std::string(module)),
                        seen("/etc/modules-load.d", fmt::format("does not name {}", module))},
                       fmt::format("echo {} | sudo tee /etc/modules-load.d/{}.conf", module, module)));
  }
}

// Names of the GPUs of which something is true.
template <typename Is>
std::vector<Evidence> such_gpus(const Machine& machine, std::string_view what, Is is) {
  std::vector<Evidence> out;
  if (!machine.nvml) return out;
  for (const NvmlGpu& gpu : machine.nvml->gpus) {
    if (is(gpu)) out.push_back(seen("NVML", fmt::format("{}: {}", gpu.pci, what)));
  }
  return out;
}

void add_settings(const Machine& machine, std::vector<BootPart>& out) {
  if (machine.boot.enabled && !holds(*machine.boot.enabled, "nvidia-persistenced")) {
    auto on = such_gpus(machine, "persistence mode is on",
                        [](const NvmlGpu& gpu) { return gpu.persistence && *gpu.persistence; });
    if (!on.empty())
      out.push_back(note("by hand", "persistence mode is on now and nothing switches it on at boot",
                         std::move(on), "sudo systemctl enable nvidia-persistenced"));
  }
  auto limited = such_gpus(machine, "a power limit of its own", [](const NvmlGpu& gpu) {
    return gpu.power_limit_watts && gpu.power_default_watts &&
           *gpu.power_limit_watts != *gpu.power_default_watts;
  });
  if (!limited.empty())
    out.push_back(note("by hand", "power limits go back to their defaults at a boot", std::move(limited),
                       "set them again after it, if they are meant so: nvidia-smi -pl"));
  auto mig = such_gpus(machine, "MIG mode is on", [](const NvmlGpu& gpu) { return gpu.mig && *gpu.mig; });
  if (!mig.empty())
    out.push_back(note("by hand", "MIG instances are gone after a boot, and MIG mode itself on some boards",
                       std::move(mig), "make them again after it: nvidia-smi mig"));
}

std::string pattern_list(const std::vector<std::string>& patterns) {
  return patterns.empty() ? "no origins are named" : base::join(patterns, ", ");
}

// A line of modprobe.d that keeps `module` from loading by itself.
bool keeps_away(const facts::ConfigLine& line, std::string_view module) {
  const auto words = base::words(line.text);
  if (words.size() < 2) return false;
  std::string name(words[1]);
  std::ranges::replace(name, '-', '_');
  if (name != module) return false;
  if (words[0] == "blacklist" || (words[0] == "alias" && words.size() > 2 && words[2] == "off")) return true;
  return words[0] == "install" && words.size() > 2 &&
         (words[2].ends_with("/false") || words[2].ends_with("/true"));
}

}  // namespace

std::optional<Evidence> kept_away(const Machine& machine, std::string_view module) {
  for (const facts::ConfigLine& line :
       machine.boot.modprobe ? *machine.boot.modprobe : std::vector<facts::ConfigLine>{}) {
    if (keeps_away(line, module)) return seen(fmt::format("{}:{}", line.file, line.line), line.text);
  }
  for (const std::string_view word : base::words(machine.kernel.command_line)) {
    for (const std::string_view key :
         {"modprobe.blacklist=", "module_blacklist=", "rd.driver.blacklist=", "rdblacklist="}) {
      if (!word.starts_with(key)) continue;
      const auto names = base::split(word.substr(key.size()), ',');
      if (std::ranges::find(names, module) != names.end())
        return seen("/proc/cmdline", std::string(word) + ", if the next boot has it too");
    }
  }
  return std::nullopt;
}

// A name like "nvidia-.*" among what is never upgraded; patterns are the user's, so only their beginning is
// judged.
bool never_upgraded(const facts::Unattended& unattended, std::string_view name) {
  return std::ranges::any_of(unattended.never, [name](std::string_view pattern) {
    if (pattern.starts_with("^")) pattern.remove_prefix(1);
    const std::size_t special = pattern.find_first_of(".*$[(\\+?");
    const std::string_view start = pattern.substr(0, special);
    return !start.empty() && (special == std::string_view::npos ? name == start || name.starts_with(start)
                                                                : name.starts_with(start));
  });
}

std::vector<BootPart> losses(const Machine& machine) {
  std::vector<BootPart> out;
  add_modules(machine, out);
  add_settings(machine, out);
  return out;
}

std::vector<BootPart> changes_before(const Machine& machine) {
  std::vector<BootPart> out;
  const facts::Boot& boot = machine.boot;
  if (boot.reboot_required && *boot.reboot_required)
    out.push_back(note("reboot", "an upgrade waits for a reboot",
                       {seen("/run/reboot-required.pkgs", boot.reboot_required_by.empty()
                                                              ? "names no package"
                                                              : base::join(boot.reboot_required_by, ", "))},
                       ""));
  if (!boot.unattended || !boot.unattended->on || !machine.packages.list) return out;
  std::vector<std::string> free;
  for (const facts::Package& package : *machine.packages.list) {
    const bool counts = is_driver_package(package.name) || package.name.starts_with("linux-image-") ||
                        package.name.starts_with("linux-generic");
    if (counts && !package.held && !never_upgraded(*boot.unattended, package.name) &&
        !holds(free, package.name))
      free.push_back(package.name);
  }
  if (free.empty()) return out;
  constexpr std::size_t kShown = 4;
  const std::size_t left = free.size() - std::min(free.size(), kShown);
  free.resize(std::min(free.size(), kShown));
  std::string names = base::join(free, ", ");
  if (left > 0) names += fmt::format(" and {} more", left);
  out.push_back(
      note("upgrades",
           "unattended-upgrades may change kernel or driver before the reboot; this forecast ends there",
           {seen("/etc/apt/apt.conf.d", pattern_list(boot.unattended->origins)),
            seen(packages_source(machine), "not held: " + names)},
           "bringup doctor --next-boot again just before the reboot; 'bringup explain kernel-not-held'"));
  return out;
}

}  // namespace bringup::diagnose
