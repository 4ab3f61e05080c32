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
constexpr std::array<std::string_view, 6> kLibraryDirectories{"/usr/lib/x86_64-linux-gnu",
                                                              "/usr/lib/aarch64-linux-gnu",
                                                              "/usr/lib64",
                                                              "/usr/lib",
                                                              "/usr/local/nvidia/lib64",
                                                              "/usr/lib/wsl/lib"};
// Debian keeps a folder per branch here and chooses one by alternatives.
constexpr std::array<std::string_view, 2> kBranchDirectories{"/usr/lib/x86_64-linux-gnu/nvidia",
                                                             "/usr/lib/aarch64-linux-gnu/nvidia"};

std::optional<std::string> version_suffix(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return std::nullopt;
  const auto version = base::Version::parse(name.substr(stem.size()));
  if (!version || version->parts.size() < 2)
    return std::nullopt;  // libcuda.so.1 is the name, not the version
  return version->text;
}

void add_libraries(const host::View& view, const std::string& directory, facts::Driver& driver) {
  const auto names = view.list_of(directory, {"libcuda.so.", "libnvidia-ml.so."});
  if (!names) return;
  for (const std::string& name : *names) {
    if (auto version = version_suffix(name, "libcuda.so."); version && view.exists(directory + "/" + name))
      driver.libcuda.push_back(*version);
    if (auto version = version_suffix(name, "libnvidia-ml.so.");
        version && view.exists(directory + "/" + name))
      driver.libnvml.push_back(*version);
  }
}

void read_libraries(const host::View& view, facts::Driver& driver) {
  for (const std::string_view directory : kLibraryDirectories)
    add_libraries(view, std::string(directory), driver);
  for (const std::string_view directory : kBranchDirectories) {
    const auto branches = view.list(directory);
    if (!branches) continue;
    for (const std::string& branch : *branches)
      add_libraries(view, std::string(directory) + "/" + branch, driver);
  }
  for (auto* versions : {&driver.libcuda, &driver.libnvml}) {
    std::ranges::sort(*versions,
                      [](const auto& a, const auto& b) { return std::is_lt(base::compare_releases(a, b)); });
    versions->erase(std::unique(versions->begin(), versions->end()), versions->end());
  }
}

facts::Reading<std::optional<facts::LoadedModule>> read_loaded(const host::View& view) {
  const std::string path = "/proc/driver/nvidia/version";
  const auto text = view.read(path);
  if (!text && text.error().code() == Errc::absent) return std::optional<facts::LoadedModule>{};
  if (!text) return text.error();
  return std::optional<facts::LoadedModule>(TRY(parse_driver_version(*text).within(path)));
}

// A kernel with everything built in has no /proc/modules; what is built in and has parameters stands in
// /sys/module all the same.
facts::Reading<bool> read_nouveau(const host::View& view) {
  const auto modules = view.read("/proc/modules");
  if (modules) {
    const auto names = parse_module_names(*modules);
    return std::ranges::find(names, "nouveau") != names.end();
  }
  if (modules.error().code() == Errc::absent && view.exists("/sys/module"))
    return view.exists("/sys/module/nouveau");
  return modules.error();
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
                                   .flavour = base::contains(line, "Open Kernel Module")
                                                  ? facts::Flavour::open
                                                  : facts::Flavour::proprietary};
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

std::vector<std::string> read_proc_gpus(const host::View& view) {
  auto names = view.list("/proc/driver/nvidia/gpus");
  return names ? std::move(names).take() : std::vector<std::string>{};
}

facts::Driver read_driver(const host::View& view, const facts::Kernel& kernel) {
  facts::Driver driver;
  driver.loaded = read_loaded(view);
  driver.nouveau_loaded = read_nouveau(view);
  for (const facts::InstalledKernel& one : kernel.installed) {
    for (facts::ModuleOnDisk& module : read_modules(view, one.release))
      driver.modules.push_back(std::move(module));
  }
  read_libraries(view, driver);
  for (const char* uninstaller : {"/usr/bin/nvidia-uninstall", "/usr/bin/nvidia-installer"}) {
    if (!driver.foreign && view.exists(uninstaller)) driver.foreign = uninstaller;
  }
  return driver;
}

}  // namespace bringup::probe
