// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

// Where distributions and installers put libraries of the driver.
constexpr std::array<std::string_view, 7> kLibraryDirectories{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
                                                              "/usr/lib/x86_64-linux-gnu/nvidia/current", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"};

// Below /lib/modules/<release>, where packages and DKMS put NVIDIA's module; one level of folders in it is looked at too.
constexpr std::array<std::string_view, 5> kModuleDirectories{"updates/dkms", "updates", "extra", "kernel/drivers/video", "weak-updates"};

std::optional<std::string> version_suffix(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return std::nullopt;
  const auto version = base::Version::parse(name.substr(stem.size()));
  if (!version || version->parts.size() < 2) return std::nullopt;  // libcuda.so.1 is the name, not the version
  return version->text;
}

void read_libraries(const host::View& view, facts::Driver& driver) {
  for (const std::string_view directory : kLibraryDirectories) {
    const auto names = view.list(directory);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (auto version = version_suffix(name, "libcuda.so.")) driver.libcuda.push_back(*version);
      if (auto version = version_suffix(name, "libnvidia-ml.so.")) driver.libnvml.push_back(*version);
    }
  }
  for (auto* versions : {&driver.libcuda, &driver.libnvml}) {
    std::ranges::sort(*versions);
    versions->erase(std::ranges::unique(*versions).begin(), versions->end());
  }
}

// nvidia.ko, nvidia-current.ko, nvidia-tesla-535.ko ... but not its companions.
bool is_main_module(std::string_view name) {
  const std::size_t dot = name.find(".ko");
  if (dot == std::string_view::npos || !name.starts_with("nvidia")) return false;
  const std::string_view stem = name.substr(0, dot);
  if (stem == "nvidia") return true;
  for (const std::string_view part : {"-uvm", "-drm", "-modeset", "-peermem", "-fs", "fb"}) {
    if (base::contains(stem, part)) return false;
  }
  return stem.starts_with("nvidia-current") || stem.starts_with("nvidia-tesla") || stem.starts_with("nvidia-legacy") ||
         stem.starts_with("nvidia-srv") || base::Version::parse(stem.substr(std::min<std::size_t>(stem.size(), 7)));
}

void add_modules(const host::View& view, const std::string& release, const std::string& directory, int depth, std::vector<facts::ModuleOnDisk>& found) {
  const auto names = view.list(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    const std::string path = directory + "/" + name;
    if (is_main_module(name)) {
      const auto info = read_module(view, path);
      found.push_back({.kernel = release, .path = path, .version = info ? info->version : "",
                       .flavour = info ? info->flavour : std::nullopt, .signer = ""});
      const auto status = view.status(path);
      constexpr std::string_view kMark = "~Module signature appended~\n";
      if (status && status->size > kMark.size()) {
        const auto tail = view.read_part(path, status->size - kMark.size(), kMark.size());
        if (tail && *tail == kMark) found.back().signer = "signed";
      }
    } else if (depth > 0 && (name.starts_with("nvidia") || name == "dkms")) {
      add_modules(view, release, path, depth - 1, found);
    }
  }
}

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

}  // namespace

// "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (...)"
Result<facts::LoadedModule> parse_driver_version(std::string_view text) {
  for (const std::string_view line : base::lines(text)) {
    if (!line.starts_with("NVRM version:")) continue;
    for (const std::string_view word : base::words(line)) {
      const auto version = base::Version::parse(word);
      if (version && version->parts.size() >= 2 && version->major() >= 100)
        return facts::LoadedModule{.version = std::string(word),
                                   .flavour = base::contains(line, "Open Kernel Module") ? facts::Flavour::open : facts::Flavour::proprietary};
    }
    return Error(Errc::malformed, fmt::format("no version in '{}'", base::harmless(line)));
  }
  return Error(Errc::malformed, "no line 'NVRM version:'");
}

std::vector<std::string> parse_module_names(std::string_view proc_modules) {
  std::vector<std::string> names;
  for (const std::string_view line : base::lines(proc_modules)) {
    const auto words = base::words(line);
    if (!words.empty()) names.emplace_back(words[0]);
  }
  return names;
}

ModuleInfo parse_modinfo(std::string_view section) {
  ModuleInfo info;
  for (const std::string_view entry : base::split(section, '\0')) {
    if (entry.starts_with("version=")) info.version = std::string(entry.substr(8));
    // NVIDIA's own statement (kernel module documentation): the open modules say "Dual MIT/GPL", the others "NVIDIA".
    if (entry.starts_with("license=")) info.flavour = base::contains(entry, "MIT") ? facts::Flavour::open : facts::Flavour::proprietary;
  }
  return info;
}

// The section .modinfo of an ELF64 little-endian relocatable file; compressed modules are told as unsupported.
Result<ModuleInfo> read_module(const host::View& view, const std::string& path) {
  const std::string head = TRY(view.read_part(path, 0, 64));
  if (head.size() < 64 || !head.starts_with("\x7f" "ELF") || head[4] != 2 || head[5] != 1) return Error(Errc::unsupported, path + ": not an uncompressed 64-bit ELF file");
  const std::uint64_t table = little_endian(head, 0x28, 8);
  const std::uint64_t entry = little_endian(head, 0x3A, 2);
  const std::uint64_t count = little_endian(head, 0x3C, 2);
  const std::uint64_t names_index = little_endian(head, 0x3E, 2);
  if (entry != 64 || count == 0 || names_index >= count) return Error(Errc::malformed, path + ": no usable section table");
  const std::string sections = TRY(view.read_part(path, table, static_cast<std::size_t>(entry * count)));
  if (sections.size() != entry * count) return Error(Errc::malformed, path + ": section table cut off");
  const auto field = [&sections](std::uint64_t section, std::size_t at, std::size_t size) { return little_endian(sections, static_cast<std::size_t>(section * 64) + at, size); };
  constexpr std::uint64_t kMost = 1U << 20U;
  const std::string names = TRY(view.read_part(path, field(names_index, 0x18, 8), static_cast<std::size_t>(std::min(field(names_index, 0x20, 8), kMost))));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = field(i, 0, 4);
    if (at >= names.size() || std::string_view(names.c_str() + at) != ".modinfo") continue;
    return parse_modinfo(TRY(view.read_part(path, field(i, 0x18, 8), static_cast<std::size_t>(std::min(field(i, 0x20, 8), kMost)))));
  }
  return Error(Errc::malformed, path + ": no section .modinfo");
}

std::vector<std::string> read_proc_gpus(const host::View& view) {
  auto names = view.list("/proc/driver/nvidia/gpus");
  return names ? std::move(names).take() : std::vector<std::string>{};
}

facts::Driver read_driver(const host::View& view, const facts::Kernel& kernel) {
  facts::Driver driver;
  const std::string path = "/proc/driver/nvidia/version";
  if (const auto text = view.read(path)) {
    auto loaded = parse_driver_version(*text).within(path);
    if (loaded) driver.loaded = std::optional<facts::LoadedModule>(std::move(loaded).take());
    else driver.loaded = loaded.error();
  } else if (text.error().code() == Errc::absent) {
    driver.loaded = std::optional<facts::LoadedModule>{};
  } else {
    driver.loaded = text.error();
  }
  if (const auto modules = view.read("/proc/modules")) {
    const auto names = parse_module_names(*modules);
    driver.nouveau_loaded = std::ranges::find(names, "nouveau") != names.end();
  } else {
    driver.nouveau_loaded = modules.error();
  }
  for (const facts::InstalledKernel& one : kernel.installed) {
    const std::string root = "/lib/modules/" + one.release + "/";
    for (const std::string_view directory : kModuleDirectories) add_modules(view, one.release, root + std::string(directory), directory == "updates" ? 0 : 1, driver.modules);
    add_modules(view, one.release, root + "kernel", 1, driver.modules);
  }
  read_libraries(view, driver);
  for (const char* uninstaller : {"/usr/bin/nvidia-uninstall", "/usr/bin/nvidia-installer"}) {
    if (!driver.foreign && view.exists(uninstaller)) driver.foreign = uninstaller;
  }
  return driver;
}

}  // namespace bringup::probe
