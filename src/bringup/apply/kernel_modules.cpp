// SPDX-License-Identifier: Apache-2.0
// NVIDIA's kernel module: whether it was built, what the build said, what is loaded.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/kernel_module.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr int kDeepest = 4;

// Every make.log below a directory.
void find_logs(const std::string& directory, const host::View& view, int depth,
               std::vector<std::string>& found) {
  const auto names = view.list(directory);
  if (!names || depth > kDeepest) return;
  for (const std::string& name : *names) {
    const std::string path = fmt::format("{}/{}", directory, name);
    const auto status = view.status(path);
    if (status && status->kind == host::FileStatus::Kind::directory) find_logs(path, view, depth + 1, found);
    if (name == "make.log") found.push_back(path);
  }
}

// "" too when that cannot be read. Modules that a kernel takes over from an older one of the same interface
// lie in weak-updates.
std::string built_for_another(const std::string& path, const std::string& release, const host::View& view) {
  const auto info = host::read_module(view, path);
  if (!info || base::contains(path, "/weak-updates/") || info->built_for == release) return "";
  return info->built_for;
}

}  // namespace

bool module_is_built(const std::string& release, const host::View& view) {
  const auto modules = host::nvidia_modules(view, release);
  return std::ranges::any_of(
      modules, [&](const std::string& path) { return built_for_another(path, release, view).empty(); });
}

std::string others_module(const std::string& release, const host::View& view) {
  for (const std::string& path : host::nvidia_modules(view, release)) {
    const std::string other = built_for_another(path, release, view);
    if (!other.empty())
      return fmt::format(
          "{} was built for kernel {}: are the headers that /lib/modules/{}/build leads to its own?", path,
          other, release);
  }
  return "";
}

std::string build_log_end(const host::View& view) {
  constexpr std::size_t kLines = 20;
  std::vector<std::string> logs;
  for (const std::string& module : view.list("/var/lib/dkms").value_or({})) {
    if (module.starts_with("nvidia")) find_logs("/var/lib/dkms/" + module, view, 0, logs);
  }
  std::string out;
  for (const std::string& log : logs) {
    const std::string text = view.read(log).value_or("");
    const auto lines = base::lines(text);
    // a log of a build that failed says so; one that went well is of no interest
    if (!base::contains(text, "rror")) continue;
    out = "\n  the end of " + log + ":";
    for (std::size_t i = lines.size() - std::min(lines.size(), kLines); i < lines.size(); ++i)
      out += "\n    " + base::harmless(lines[i]);
  }
  return out;
}

Result<std::vector<std::string>> loaded_modules(const host::View& view) {
  const std::string text = TRY(view.read("/proc/modules"));
  std::vector<std::string> names;
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    if (!words.empty()) names.emplace_back(words[0]);
  }
  return names;
}

}  // namespace bringup::apply
