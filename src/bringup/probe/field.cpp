// SPDX-License-Identifier: Apache-2.0
// What shows while a machine is in use: the driver's errors in the kernel's log, the clock, upgrades by dnf,
// packages of the user's own.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::probe {
namespace {

constexpr std::string_view kXid = "NVRM: Xid (PCI:";

bool is_hexadecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// "0000:41:00" as it stands in the log -> "0000:41:00.0"; "" when it is none.
std::string address_of(std::string_view text) {
  const auto parts = base::split(text, ':');
  if (parts.size() != 3 || text.size() > 20 || !std::ranges::all_of(parts, is_hexadecimal)) return "";
  return base::lower(text) + ".0";
}

std::optional<facts::XidLine> parse_xid(std::string_view line) {
  const std::size_t at = line.find(kXid);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kXid.size());
  const std::size_t end = line.find("): ");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = base::trim(line.substr(end + 3));
  const auto number = base::to_integer(text.substr(0, text.find_first_not_of("0123456789")));
  std::string pci = address_of(line.substr(0, end));
  if (!number || *number < 1 || *number > 9999 || pci.empty()) return std::nullopt;
  return facts::XidLine{
      .pci = std::move(pci), .number = static_cast<int>(*number), .times = 1, .text = std::string(text)};
}

// "excludepkgs=nvidia-*, kernel*" -> "nvidia-*", "kernel*"
std::vector<std::string> list_of(std::string_view value) {
  std::string spaced(value);
  std::ranges::replace(spaced, ',', ' ');
  std::vector<std::string> out;
  for (const std::string_view word : base::words(spaced)) out.emplace_back(word);
  return out;
}

bool is_on(std::string_view value) {
  const std::string word = base::lower(value);
  return word == "yes" || word == "true" || word == "1" || word == "on";
}

// The text of a file, "" when it is not there.
Result<std::string> text_or_nothing(const host::View& view, const std::string& path) {
  auto text = view.read(path);
  if (!text && text.error().code() == Errc::absent) return std::string();
  return text;
}

// Packages that dnf leaves alone: by its configuration, and by versionlock's lists of dnf 4 and 5.
Result<std::vector<std::string>> never_of(const host::View& view, std::string_view automatic) {
  const std::string main = TRY(text_or_nothing(view, "/etc/dnf/dnf.conf"));
  std::vector<std::string> out;
  for (const std::string_view text : {std::string_view(main), automatic}) {
    for (const std::string_view key : {"exclude", "excludepkgs"}) {
      for (std::string& one : list_of(ini_value(text, key).value_or(""))) out.push_back(std::move(one));
    }
  }
  const std::string list = TRY(text_or_nothing(view, "/etc/dnf/plugins/versionlock.list"));
  for (const std::string_view line : base::lines(list)) {
    const std::string_view text = base::trim(line);
    if (!text.empty() && text[0] != '#' && text[0] != '!') out.emplace_back(text);
  }
  const std::string toml = TRY(text_or_nothing(view, "/etc/dnf/versionlock.toml"));
  for (const std::string_view line : base::lines(toml)) {
    if (auto name = ini_value(line, "name")) out.push_back(*std::move(name));
  }
  return out;
}

}  // namespace

std::vector<facts::XidLine> parse_xids(std::string_view kernel_log) {
  std::vector<facts::XidLine> out;
  for (const std::string_view line : base::lines(kernel_log)) {
    auto xid = parse_xid(line);
    if (!xid) continue;
    const auto known = std::ranges::find_if(
        out, [&xid](const facts::XidLine& one) { return one.pci == xid->pci && one.number == xid->number; });
    if (known == out.end()) {
      out.push_back(*std::move(xid));
    } else {
      ++known->times;
      known->text = std::move(xid->text);
    }
  }
  return out;
}

// Nothing else of the log is anybody's business.
std::string kernel_log_essence(std::string_view kernel_log) {
  std::string out;
  for (const std::string_view line : base::lines(kernel_log)) {
    if (base::contains(line, kXid)) out += fmt::format("{}\n", line);
  }
  return out;
}

std::optional<std::string> ini_value(std::string_view text, std::string_view key) {
  std::optional<std::string> value;
  for (const std::string_view line : base::lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || base::trim(line.substr(0, equals)) != key) continue;
    std::string_view rest = base::trim(line.substr(equals + 1));
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.back() == rest.front())
      rest = rest.substr(1, rest.size() - 2);
    value = std::string(rest);
  }
  return value;
}

// The driver speaks there only while it is loaded.
facts::Reading<std::vector<facts::XidLine>> read_xids(const host::View& view, const facts::Driver& driver) {
  if (!driver.loaded) return driver.loaded.error();
  if (!*driver.loaded) return std::vector<facts::XidLine>{};
  const host::Outcome answer =
      TRY(view.ask({.argv = {"dmesg"}, .environment = {}, .as = {}, .input = {}, .on_output = {}}));
  if (answer.success()) return parse_xids(answer.out);
  const std::string said = base::harmless(base::trim(answer.err));
  const bool denied = base::contains(said, "not permitted") || base::contains(said, "denied");
  return Error(denied ? Errc::denied : Errc::failed, fmt::format("dmesg {}: {}{}", host::describe(answer),
                                                                 said, denied ? " (root may read it)" : ""));
}

// systemd-timesyncd tells by a file that it has set the clock; others are not asked.
facts::Reading<bool> read_clock(const host::View& view) {
  if (view.exists("/run/systemd/timesync")) return view.exists("/run/systemd/timesync/synchronized");
  for (const char* other : {"/run/chrony", "/run/chrony-helper", "/run/ntpd.pid"}) {
    if (view.exists(other))
      return Error(Errc::unsupported,
                   "another service than systemd-timesyncd keeps the clock: timedatectl tells");
  }
  return Error(Errc::absent, "no service is to be seen that keeps the clock");
}

facts::Reading<facts::Unattended> read_dnf_automatic(const host::View& view) {
  facts::Unattended out;
  const auto names = view.list("/etc/systemd/system/timers.target.wants");
  if (!names && names.error().code() != Errc::absent) return names.error();
  const auto enabled = [&names](std::string_view timer) {
    return names && std::ranges::find(*names, timer) != names->end();
  };
  const bool install = enabled("dnf-automatic-install.timer");
  if (!install && !enabled("dnf-automatic.timer") && !enabled("dnf5-automatic.timer")) return out;
  const std::string config = TRY(text_or_nothing(view, "/etc/dnf/automatic.conf"));
  out.on = install || is_on(ini_value(config, "apply_updates").value_or(""));
  if (ini_value(config, "upgrade_type").value_or("") == "security") out.origins.emplace_back("security");
  out.never = TRY(never_of(view, config));
  return out;
}

std::vector<facts::UserSite> read_user_sites(const host::View& view, const std::string& home,
                                             const std::vector<std::string>& wanted) {
  std::vector<facts::UserSite> out;
  const auto names = view.list(home + "/.local/lib");
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (!name.starts_with("python3.")) continue;
    facts::PythonEnv site{.site_packages = fmt::format("{}/.local/lib/{}/site-packages", home, name)};
    read_packages_of(view, wanted, site);
    if (!site.packages.empty())
      out.push_back({.path = std::move(site.site_packages),
                     .version = name.substr(6),
                     .packages = std::move(site.packages)});
  }
  return out;
}

}  // namespace bringup::probe
