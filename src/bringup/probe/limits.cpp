// SPDX-License-Identifier: Apache-2.0
// What the system allows a program, and where its loader looks for libraries.
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

facts::Reading<std::int64_t> limit_of(const Result<std::string>& limits, std::string_view name) {
  if (!limits) return limits.error();
  const auto value = parse_limit(*limits, name);
  if (!value) return Error(Errc::malformed, fmt::format("/proc/self/limits has no '{}'", name));
  return *value;
}

// "Filename Type Size Used Priority", then one line for each swap space, in KiB.
facts::Reading<std::uint64_t> read_swap(const host::View& view) {
  const std::string text = TRY(view.read("/proc/swaps"));
  std::uint64_t bytes = 0;
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    const auto kib = words.size() > 2 ? base::to_integer(words[2]) : std::nullopt;
    if (kib && *kib > 0) bytes += static_cast<std::uint64_t>(*kib) * 1024;
  }
  return bytes;
}

// systemd takes "yes" unless it was built or told otherwise; Debian, Ubuntu and Red Hat leave that as it is.
facts::Reading<bool> read_remove_ipc(const host::View& view) {
  const auto logind = view.read("/etc/systemd/logind.conf");
  if (!logind && logind.error().code() != Errc::absent) return logind.error();
  if (!view.exists("/usr/lib/systemd/systemd-logind") && !view.exists("/lib/systemd/systemd-logind"))
    return false;
  std::string value = logind ? parse_setting(*logind, "RemoveIPC").value_or("") : "";
  const auto names = view.list("/etc/systemd/logind.conf.d");
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (!name.ends_with(".conf")) continue;
    const std::string text = TRY(view.read("/etc/systemd/logind.conf.d/" + name));
    if (auto set = parse_setting(text, "RemoveIPC")) value = *std::move(set);
  }
  value = base::lower(value);
  return value.empty() || value == "yes" || value == "true" || value == "on" || value == "1";
}

// Directories named after the driver's version, where it takes the GPU's own processor's program from.
facts::Reading<std::vector<std::string>> read_gsp_firmware(const host::View& view) {
  std::vector<std::string> versions;
  bool any = false;
  for (const std::string root : {"/lib/firmware/nvidia", "/usr/lib/firmware/nvidia"}) {
    const auto names = view.list(root);
    if (!names && names.error().code() != Errc::absent) return names.error();
    any = any || names;
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      if (name.empty() || name[0] < '0' || name[0] > '9') continue;
      const auto files = view.list(root + "/" + name);
      const auto gsp =
          files ? std::ranges::find_if(*files, [](const auto& file) { return file.starts_with("gsp"); })
                : std::vector<std::string>::const_iterator{};
      if (!files || gsp == files->end() || !view.exists(fmt::format("{}/{}/{}", root, name, *gsp))) continue;
      if (std::ranges::find(versions, name) == versions.end()) versions.push_back(name);
    }
  }
  if (!any) return Error(Errc::absent, "no /lib/firmware/nvidia is to be seen");
  return versions;
}

facts::Reading<std::vector<facts::ConfigLine>> read_library_paths(const host::View& view) {
  std::vector<facts::ConfigLine> out;
  const std::string root = "/etc/ld.so.conf.d";
  std::vector<std::string> files{"/etc/ld.so.conf"};
  if (const auto names = view.list(root)) {
    for (const std::string& name : *names) {
      if (name.ends_with(".conf")) files.push_back(root + "/" + name);
    }
  }
  for (const std::string& file : files) {
    const auto text = view.read(file);
    if (!text && text.error().code() == Errc::absent) continue;
    for (facts::ConfigLine& line : parse_library_paths(TRY(text), file)) out.push_back(std::move(line));
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_limit(std::string_view proc_limits, std::string_view name) {
  for (const std::string_view line : base::lines(proc_limits)) {
    if (!line.starts_with(name)) continue;
    const auto words = base::words(line.substr(name.size()));
    if (words.empty()) return std::nullopt;
    return words[0] == "unlimited" ? std::optional<std::int64_t>(-1) : base::to_integer(words[0]);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_aer_total(std::string_view text) {
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    if (words.size() != 2 || !words[0].starts_with("TOTAL_ERR_")) continue;
    const auto count = base::to_integer(words[1]);
    return count && *count >= 0 ? std::optional(static_cast<std::uint64_t>(*count)) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<facts::ConfigLine> parse_library_paths(std::string_view text, const std::string& file) {
  std::vector<facts::ConfigLine> out;
  int number = 0;
  for (const std::string_view line : base::lines(text)) {
    ++number;
    const std::string_view path = base::trim(line.substr(0, line.find('#')));
    if (base::contains(path, "cuda") || base::contains(path, "nvidia"))
      out.push_back({.file = file, .line = number, .text = std::string(path)});
  }
  return out;
}

void read_limits(const host::View& view, facts::Machine& machine) {
  const auto limits = view.read("/proc/self/limits");
  machine.memlock_bytes = limit_of(limits, "Max locked memory");
  machine.open_files = limit_of(limits, "Max open files");
  machine.swap_bytes = read_swap(view);
  machine.remove_ipc = read_remove_ipc(view);
  machine.clock_synchronized = read_clock(view);
  machine.gsp_firmware = read_gsp_firmware(view);
  machine.library_paths = read_library_paths(view);
}

}  // namespace bringup::probe
