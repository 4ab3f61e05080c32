// SPDX-License-Identifier: Apache-2.0
// NVIDIA's kernel module: whether it was built, what the build said, what is loaded.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

// Below /lib/modules/<release>: DKMS, akmods, the distributions' and NVIDIA's own built modules.
constexpr std::array<std::string_view, 5> kDirectories{"updates", "extra", "weak-updates", "misc",
                                                       "kernel/drivers/video"};
constexpr int kDeepest = 4;

bool is_main_module(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kOthers{"-uvm",       "-drm", "-modeset", "-peermem",
                                                           "-vgpu-vfio", "-fs",  "-wmi"};
  const std::size_t dot = name.find(".ko");
  if (dot == std::string_view::npos || !name.starts_with("nvidia")) return false;
  const std::string_view ending = name.substr(dot + 3);
  const std::string_view rest = name.substr(6, dot - 6);
  if (!ending.empty() && ending != ".xz" && ending != ".zst" && ending != ".gz") return false;
  if (rest.empty()) return true;
  return rest.front() == '-' && std::ranges::none_of(kOthers, [rest](std::string_view other) {
           return rest.starts_with(other) || rest.ends_with(other);
         });
}

bool holds_module(const std::string& directory, const host::View& view, int depth) {
  const auto names = view.list(directory);
  if (!names) return false;
  if (std::ranges::any_of(*names, is_main_module)) return true;
  return depth < kDeepest && std::ranges::any_of(*names, [&](const std::string& name) {
           const auto status = view.status(directory + "/" + name);
           return status && status->kind == host::FileStatus::Kind::directory &&
                  holds_module(directory + "/" + name, view, depth + 1);
         });
}

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

}  // namespace

bool module_is_built(const std::string& release, const host::View& view) {
  const std::string modules = "/lib/modules/" + release;
  if (std::ranges::any_of(kDirectories, [&](std::string_view directory) {
        return holds_module(modules + "/" + std::string(directory), view, 0);
      }))
    return true;
  // Ubuntu's linux-modules-nvidia-* have a directory for each branch
  const auto names = view.list(modules + "/kernel");
  return names && std::ranges::any_of(*names, [&](const std::string& name) {
           return name.starts_with("nvidia") && holds_module(modules + "/kernel/" + name, view, 0);
         });
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
