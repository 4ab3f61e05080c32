// SPDX-License-Identifier: Apache-2.0
// Which kernel boots next: the loader's choice, looked up in its menu.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/next_boot.hpp>

#include <algorithm>
#include <fnmatch.h>
#include <utility>

namespace bringup::diagnose {
namespace {

using facts::Boot;
using facts::BootEntry;
using facts::InstalledKernel;

std::vector<std::string> bootable(const facts::Kernel& kernel) {
  std::vector<std::string> out;
  for (const InstalledKernel& one : kernel.installed) {
    if (one.bootable) out.push_back(one.release);
  }
  return out;
}

bool is_number(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789>") == std::string_view::npos;
}

// The release that stands in a name, the longest when one is part of another.
std::string release_in(const facts::Kernel& kernel, std::string_view name) {
  std::string best;
  for (const InstalledKernel& one : kernel.installed) {
    if (base::contains(name, one.release) && one.release.size() > best.size()) best = one.release;
  }
  return best;
}

bool names(std::string_view wanted, const BootEntry& entry) {
  if (wanted.ends_with(".conf")) wanted.remove_suffix(5);
  if (wanted == entry.number || wanted == entry.title || wanted == entry.id) return true;
  const std::string pattern(wanted);
  return pattern.find_first_of("*?[") != std::string::npos &&
         ::fnmatch(pattern.c_str(), entry.id.c_str(), 0) == 0;
}

// What stands at one depth of a path of names; "" when it is not as deep.
std::string_view part_at(std::string_view path, std::size_t depth) {
  const auto parts = base::split(path, '>');
  return depth < parts.size() ? parts[depth] : "";
}

// As GRUB goes down its menu: at each submenu by number, title or id, in whatever mixture; where a name leads
// nowhere or ends at a submenu, the first entry there.
struct Found {
  const BootEntry* entry = nullptr;
  bool by_name = true;  // no name of the path led nowhere
};
Found find_in_menu(const std::vector<BootEntry>& entries, std::string_view wanted) {
  Found found;
  std::vector<const BootEntry*> below;
  for (const BootEntry& entry : entries) below.push_back(&entry);
  for (std::size_t depth = 0; !below.empty(); ++depth) {
    const std::string_view name = part_at(wanted, depth);
    auto at = std::ranges::find_if(below, [&](const BootEntry* one) {
      return !name.empty() && (part_at(one->number, depth) == name || part_at(one->title, depth) == name ||
                               part_at(one->id, depth) == name);
    });
    found.by_name = found.by_name && (name.empty() ? depth > 0 : at != below.end());
    found.entry = at == below.end() ? below.front() : *at;
    const std::string_view number = part_at(found.entry->number, depth);
    std::erase_if(below, [&](const BootEntry* one) {
      return part_at(one->number, depth) != number || part_at(one->number, depth + 1).empty();
    });
  }
  return found;
}

std::string where(const Boot& boot) {
  return boot.loader == "grub" ? "GRUB's menu" : boot.loader + "'s menu";
}

KernelChoice told(std::string release, std::string why, Evidence evidence) {
  return {.releases = {release},
          .part = {.part = "kernel",
                   .kernel = "",
                   .outlook = Outlook::good,
                   .text = fmt::format("{} boots next: {}", release, why),
                   .evidence = {std::move(evidence)},
                   .fix = ""}};
}

KernelChoice untold(const facts::Machine& machine, std::string why, std::string fix) {
  return {.releases = bootable(machine.kernel),
          .part = {.part = "kernel",
                   .kernel = "",
                   .outlook = Outlook::unknown,
                   .text = std::move(why),
                   .evidence = {},
                   .fix = std::move(fix)}};
}

// What the loader goes by, and in which words.
struct Wanted {
  std::string name;
  std::string why;
};

Result<Wanted> wanted_of(const Boot& boot) {
  const std::string once = TRY(boot.once);
  if (!once.empty()) return Wanted{.name = once, .why = "chosen for the next boot alone"};
  const std::string wanted = TRY(boot.wanted);
  if (wanted != "saved") return Wanted{.name = wanted, .why = "the default of " + where(boot)};
  const std::string saved = TRY(boot.saved);
  if (saved.empty()) return Wanted{.name = "0", .why = "nothing is saved, so the first of " + where(boot)};
  return Wanted{.name = saved, .why = "the saved default of " + where(boot)};
}

// Without the menu: names of kernels stand in the names of their entries, and the first entry is the newest
// one's.
KernelChoice choose_without_menu(const facts::Machine& machine, const Wanted& wanted) {
  const std::string why = machine.boot.entries.error().message();
  const std::string source = where(machine.boot);
  std::string release = is_number(wanted.name) ? "" : release_in(machine.kernel, wanted.name);
  if (!release.empty()) return told(release, wanted.why, seen(source, wanted.name));
  const InstalledKernel* newest = next_kernel(machine.kernel);
  if (wanted.name == "0" && newest != nullptr && machine.boot.loader == "grub")
    return told(
        newest->release,
        "GRUB's default is its first entry, which is the newest kernel when the menu was made after the last "
        "installation (the menu itself: " +
            why + ")",
        seen("/boot/vmlinuz-" + newest->release, "the newest in /boot"));
  return untold(
      machine,
      fmt::format(
          "which kernel boots next cannot be told: {} names '{}', and its entries could not be read: {}",
          source, wanted.name, why),
      "run it as root: sudo bringup doctor --next-boot");
}

// The entry that is meant, and in which words; no entry of an empty menu.
std::pair<const BootEntry*, std::string> pick(const Boot& boot, const Wanted& wanted) {
  const auto& entries = *boot.entries;
  const auto exact =
      std::ranges::find_if(entries, [&wanted](const BootEntry& one) { return names(wanted.name, one); });
  if (exact != entries.end()) return {&*exact, wanted.why};
  if (entries.empty()) return {nullptr, ""};
  const Found found = boot.loader == "grub" ? find_in_menu(entries, wanted.name)
                                            : Found{.entry = entries.data(), .by_name = false};
  if (found.by_name) return {found.entry, wanted.why};
  return {found.entry, fmt::format("'{}' names nothing in {}, so the first entry there",
                                   base::harmless(wanted.name), where(boot))};
}

}  // namespace

KernelChoice choose_kernel(const facts::Machine& machine) {
  const Boot& boot = machine.boot;
  if (boot.loader.empty() && boot.wanted.error().code() == Errc::absent) {
    KernelChoice choice =
        untold(machine, "which kernel boots next cannot be told: " + boot.wanted.error().message(), "");
    if (choice.releases.size() != 1) return choice;
    return told(choice.releases[0], "it is the only one",
                seen("/boot/vmlinuz-" + choice.releases[0], "there"));
  }
  const auto wanted = wanted_of(boot);
  if (!wanted)
    return untold(machine, "which kernel boots next cannot be told: " + wanted.error().message(),
                  "run it as root: sudo bringup doctor --next-boot");
  if (!boot.entries) return choose_without_menu(machine, *wanted);
  const auto [entry, why] = pick(boot, *wanted);
  if (entry == nullptr)
    return untold(machine, where(boot) + " has no entries",
                  "make it anew: sudo update-grub, or kernel-install");
  const std::string release =
      entry->release.empty() ? release_in(machine.kernel, entry->title) : entry->release;
  if (release.empty())
    return untold(machine,
                  fmt::format("which kernel boots next cannot be told: '{}' does not name it",
                              base::harmless(entry->title)),
                  "");
  return told(release, why, seen(where(boot), entry->title));
}

}  // namespace bringup::diagnose
