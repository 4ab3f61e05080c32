// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

constexpr std::string_view kNoMachine = "00000000000000000000000000000000";

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
  return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') || c == '_';
}

// Whether `pattern` ('x' a hexadecimal digit, anything else itself) stands at `at`, and not inside a longer
// word.
bool stands_at(std::string_view text, std::size_t at, std::string_view pattern) {
  if (at + pattern.size() > text.size() || (at > 0 && is_word(text[at - 1]))) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == 'x' ? !is_hex(text[at + i]) : text[at + i] != pattern[i]) return false;
  }
  return at + pattern.size() == text.size() || !is_word(text[at + pattern.size()]);
}

bool replace_pattern(std::string& text, std::string_view pattern) {
  bool any = false;
  for (std::size_t at = 0; at + pattern.size() <= text.size(); ++at) {
    if (!stands_at(text, at, pattern)) continue;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == 'x') text[at + i] = '0';
    }
    any = true;
  }
  return any;
}

bool replace_word(std::string& text, std::string_view word, std::string_view other) {
  if (word.empty()) return false;
  bool any = false;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + other.size())) {
    const bool whole = (at == 0 || !is_word(text[at - 1])) &&
                       (at + word.size() == text.size() || !is_word(text[at + word.size()]));
    if (!whole) {
      at += word.size();
      if (at >= text.size()) break;
      continue;
    }
    text.replace(at, word.size(), other);
    any = true;
  }
  return any;
}

// Wherever it stands, in longer words too: no other text looks like it by chance. Each time turns a digit of
// the text into a nought, so that it comes to an end.
bool replace_id(std::string& text, std::string_view id) {
  if (id.size() != kNoMachine.size() || id == kNoMachine) return false;
  bool any = false;
  for (std::size_t at = text.find(id); at != std::string::npos;
       at = text.find(id, at < id.size() ? 0 : at - id.size())) {
    text.replace(at, id.size(), kNoMachine);
    any = true;
  }
  return any;
}

// "enx0123456789ab": what a network device is called after its MAC address.
bool replace_mac_names(std::string& text) {
  constexpr std::size_t kDigits = 12;
  bool any = false;
  for (const std::string_view start : {"enx", "wlx"}) {
    for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
      const std::size_t begin = at + start.size();
      const std::string_view digits = std::string_view(text).substr(begin, kDigits);
      if (digits.size() < kDigits || !std::ranges::all_of(digits, is_hex) ||
          (at > 0 && is_word(text[at - 1])))
        continue;
      text.replace(begin, kDigits, kDigits, '0');
      any = true;
    }
  }
  return any;
}

// "https://name:secret@host" -> "https://host"
bool drop_userinfo(std::string& text) {
  bool any = false;
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = text.find_first_of("/ \t\n\"'", at + 3);
    const std::size_t sign = std::string_view(text).substr(0, end).rfind('@');  // a password may hold one
    if (sign == std::string::npos || sign < at + 3) continue;
    text.erase(at + 3, sign - at - 2);
    any = true;
  }
  return any;
}

// Names that stand in os-release, package lists and paths whoever the machine belongs to.
bool ordinary(std::string_view name) {
  static constexpr std::array<std::string_view, 40> kWords{
      "root",  "user",  "host",      "admin",  "localhost", "debian",  "ubuntu",  "fedora",
      "rocky", "alma",  "almalinux", "centos", "rhel",      "linux",   "opt",     "home",
      "local", "usr",   "lib",       "bin",    "var",       "etc",     "share",   "nvidia",
      "cuda",  "torch", "python",    "conda",  "kernel",    "driver",  "gpu",     "amd64",
      "main",  "free",  "server",    "system", "data",      "install", "version", "package"};
  return name.size() < 2 || std::ranges::find(kWords, name) != kWords.end();
}

// "token=abc", "password: abc": the value of a name that speaks of a secret.
bool drop_values(std::string& text) {
  static constexpr std::array<std::string_view, 6> kNames{"password", "passwd",  "secret",
                                                          "token",    "api_key", "apikey"};
  bool any = false;
  const std::string small = base::lower(text);
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < small.size(); ++at) {
    const auto name = std::ranges::find_if(
        kNames, [&small, at](std::string_view one) { return small.compare(at, one.size(), one) == 0; });
    if (name == kNames.end()) continue;
    std::size_t value = at + name->size();
    if (value >= small.size() || (small[value] != '=' && small[value] != ':')) continue;
    ++value;
    while (value < small.size() && (small[value] == ' ' || small[value] == '"' || small[value] == '\''))
      ++value;
    const std::size_t end = std::min(small.find_first_of(" \t\r\n\"';&,", value), small.size());
    if (end == value) continue;
    out += text.substr(copied, value - copied) + "redacted";
    copied = end;
    at = end;
    any = true;
  }
  if (any) text = out + text.substr(std::min(copied, text.size()));
  return any;
}

// Tokens that are known by their first letters: Hugging Face, GitHub, GitLab, AWS.
bool drop_tokens(std::string& text) {
  static constexpr std::array<std::string_view, 8> kStarts{"hf_",         "ghp_",   "gho_", "ghs_",
                                                           "github_pat_", "glpat-", "AKIA", "sk-"};
  bool any = false;
  for (const std::string_view start : kStarts) {
    for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
      std::size_t end = at + start.size();
      while (end < text.size() && (is_word(text[end]) || text[end] == '-')) ++end;
      if (end - at < start.size() + 12 || (at > 0 && is_word(text[at - 1]))) continue;
      text.replace(at, end - at, "redacted");
      any = true;
    }
  }
  return any;
}

std::string dpkg_essence(std::string_view content) {
  std::string out;
  for (const facts::Package& package : parse_dpkg_status(content)) {
    out += fmt::format("Package: {}\nStatus: {} ok {}\nArchitecture: {}\nVersion: {}\n\n", package.name,
                       package.held ? "hold" : "install", package.broken ? "half-configured" : "installed",
                       package.architecture, package.version);
  }
  return out;
}

std::string start_file_essence(std::string_view content, const std::string& path) {
  const auto settings = parse_settings(content, path);
  std::string out;
  int number = 0;
  for ([[maybe_unused]] const std::string_view line : base::lines(content)) {
    ++number;
    const auto setting = std::ranges::find(settings, number, &facts::ShellSetting::line);
    if (setting != settings.end()) out += setting->text;
    out += '\n';
  }
  return out;
}

// Of the kernel's command line what decides about GPUs: the rest names consoles, disks and sometimes secrets.
std::string command_line_essence(std::string_view text) {
  static constexpr std::array<std::string_view, 16> kOfInterest{"iommu",
                                                                "intel_iommu",
                                                                "amd_iommu",
                                                                "pci",
                                                                "pcie_",
                                                                "nouveau",
                                                                "nvidia",
                                                                "modprobe.blacklist",
                                                                "module_blacklist",
                                                                "rd.driver.blacklist",
                                                                "rdblacklist",
                                                                "nomodeset",
                                                                "vfio",
                                                                "hugepages",
                                                                "lockdown",
                                                                "isolcpus"};
  std::vector<std::string> kept;
  for (const std::string_view line : base::lines(text)) {
    for (const std::string_view word : base::words(line)) {
      if (std::ranges::any_of(kOfInterest,
                              [word](std::string_view start) { return word.starts_with(start); }))
        kept.emplace_back(word);
    }
  }
  return base::join(kept, " ") + "\n";
}

// Each line that begins with one of these, without blanks around it; the others are emptied, so that lines
// keep their numbers.
std::string lines_that_begin(std::string_view content, std::span<const std::string_view> starts) {
  std::string out;
  for (const std::string_view line : base::lines(content)) {
    const std::string_view text = base::trim(line);
    if (std::ranges::any_of(starts, [text](std::string_view start) { return text.starts_with(start); }))
      out += text;
    out += '\n';
  }
  return out;
}

std::string modprobe_essence(std::string_view content) {
  const auto kept = parse_modprobe(content, "");
  std::string out;
  int number = 0;
  for ([[maybe_unused]] const std::string_view line : base::lines(content)) {
    ++number;
    const auto one = std::ranges::find(kept, number, &facts::ConfigLine::line);
    out += (one == kept.end() ? "" : one->text) + '\n';
  }
  return out;
}

// What decides the next boot, without the file systems, the passwords and the addresses beside it; nullopt
// when the file is none of these.
std::optional<std::string> boot_essence(std::string_view path, std::string_view content) {
  static constexpr std::array<std::string_view, 4> kGrub{
      "GRUB_DEFAULT=", "saved_entry=", "next_entry=", "RemoveIPC="};
  static constexpr std::array<std::string_view, 4> kLoader{"default ", "title ", "version ", "linux "};
  if (path.ends_with("/grub.cfg")) return grub_menu_essence(content);
  if (path == "/etc/default/grub" || path.ends_with("/grubenv") || path.starts_with("/etc/systemd/logind"))
    return lines_that_begin(content, kGrub);
  if (base::contains(path, "/loader/") && (path.starts_with("/boot/") || path.starts_with("/efi/")))
    return lines_that_begin(content, kLoader);
  if (base::contains(path, "/modprobe.d/")) return modprobe_essence(content);
  if (path.starts_with("/etc/apt/apt.conf.d/")) return apt_upgrades_essence(content);
  if (base::contains(path, "/modules-load.d/") || path == "/etc/modules")
    return base::join(parse_modules_load(content), "\n") + "\n";
  return std::nullopt;
}

bool is_start_file(std::string_view path) {
  if (path.starts_with("/etc/profile") || path.starts_with("/etc/zsh/") || path == "/etc/environment" ||
      path.ends_with("bashrc"))
    return true;
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name == ".profile" || name == ".bash_profile" || name == ".bash_login" || name.starts_with(".zsh") ||
         name == ".zprofile" || name == "config.fish";
}

}  // namespace

Redactor::Redactor(std::string user, std::string home, std::string host, std::string machine)
    : user_(std::move(user)), home_(std::move(home)), host_(std::move(host)), machine_(std::move(machine)) {}

// What is taken out may join what stood around it to something that has to go, too.
std::string Redactor::text(std::string_view original) {
  constexpr int kTimes = 8;
  std::string text(original);
  for (int time = 0; time < kTimes; ++time) {
    std::string again = text_once(text);
    if (again == text) break;
    text = std::move(again);
  }
  return text;
}

std::string Redactor::text_once(std::string text) {
  if (number_uuids(text)) done_.insert("UUIDs of GPUs and file systems");
  const bool named = replace_mac_names(text);
  if (replace_pattern(text, "xx:xx:xx:xx:xx:xx") || named) done_.insert("MAC addresses");
  if (drop_userinfo(text)) done_.insert("names and passwords in URLs");
  const bool values = drop_values(text);
  if (drop_tokens(text) || values) done_.insert("tokens and passwords");
  if (replace_id(text, machine_)) done_.insert("the machine's id");
  if (replace_homes(text)) done_.insert("the names of home directories");
  if (!ordinary(user_) && replace_word(text, user_, "user")) done_.insert("the user's name");
  if (!ordinary(host_) && replace_word(text, host_, "host")) done_.insert("the host's name");
  return text;
}

std::string Redactor::path(std::string_view path) const {
  std::string text(path);
  replace_mac_names(text);
  replace_id(text, machine_);
  replace_homes(text);
  if (!ordinary(user_)) replace_word(text, user_, "user");
  if (!ordinary(host_)) replace_word(text, host_, "host");
  return text;
}

std::string Redactor::wide(std::string_view original) {
  constexpr std::size_t kAttributes = 4;
  if (original.size() < kAttributes) return std::string(original);
  std::string narrow;
  for (std::size_t at = kAttributes; at < original.size(); at += 2) narrow += original[at];
  std::string out(original.substr(0, kAttributes));
  for (const char c : text(narrow)) {
    out += c;
    out += '\0';
  }
  return out;
}

// Each UUID becomes a number of its own, so that two GPUs stay two; one that is such a number stays.
bool Redactor::number_uuids(std::string& text) {
  constexpr std::string_view kPattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kNumbered = "00000000-0000-0000-0000-";
  bool any = false;
  for (std::size_t at = 0; at + kPattern.size() <= text.size(); ++at) {
    if (!stands_at(text, at, kPattern)) continue;
    const std::string uuid = base::lower(text.substr(at, kPattern.size()));
    const auto number = base::to_integer(uuid.substr(kNumbered.size()));
    if (uuid.starts_with(kNumbered) && number && *number <= static_cast<std::int64_t>(uuids_.size()))
      continue;
    const auto known = uuids_.emplace(uuid, static_cast<int>(uuids_.size()) + 1).first;
    text.replace(at, kPattern.size(), fmt::format("{}{:012d}", kNumbered, known->second));
    any = true;
  }
  return any;
}

// The user's own home becomes /home/user, every other one below /home becomes /home/someone.
bool Redactor::replace_homes(std::string& text) const {
  bool any = false;
  const auto ends_word = [&text](std::size_t at) {
    return at >= text.size() || (!is_word(text[at]) && text[at] != '-' && text[at] != '.');
  };
  if (home_.size() > 1 && home_ != "/root" && home_ != "/home" && home_ != "/home/user") {
    for (std::size_t at = text.find(home_); at != std::string::npos; at = text.find(home_, at + 1)) {
      if (!ends_word(at + home_.size())) continue;
      text.replace(at, home_.size(), "/home/user");
      any = true;
    }
  }
  constexpr std::string_view kHome = "/home/";
  for (std::size_t at = text.find(kHome); at != std::string::npos; at = text.find(kHome, at + kHome.size())) {
    std::size_t end = at + kHome.size();
    while (!ends_word(end)) ++end;
    const std::string name = text.substr(at + kHome.size(), end - at - kHome.size());
    if (name.empty() || name == "user" || name == "someone" || (at > 0 && is_word(text[at - 1]))) continue;
    text.replace(at + kHome.size(), name.size(), "someone");
    any = true;
  }
  return any;
}

std::string essence(std::string_view path, std::string content) {
  if (path == "/var/lib/dpkg/status") return dpkg_essence(content);
  if (is_start_file(path)) return start_file_essence(content, std::string(path));
  if (path == "/proc/cmdline") return command_line_essence(content);
  if (auto boot = boot_essence(path, content)) return *std::move(boot);
  if (path.starts_with("/sys/") && path.ends_with("/config")) return acs_essence(content);
  return content;
}

}  // namespace bringup::probe
