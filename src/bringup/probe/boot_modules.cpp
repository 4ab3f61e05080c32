// SPDX-License-Identifier: Apache-2.0
// What the next boot finds beside its kernel: modules that are built, loaded by name, kept away; services
// that are enabled; packages that change by themselves.
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::probe {
namespace {

// Earlier ones mask files of the same name in later ones (modprobe.d(5), modules-load.d(5)).
constexpr std::array<std::string_view, 4> kConfigRoots{"/etc/", "/run/", "/usr/lib/", "/lib/"};
// Services without which GPUs work less well after a boot, or not at all.
constexpr std::array<std::string_view, 5> kServices{"nvidia-persistenced", "nvidia-fabricmanager",
                                                    "nvidia-imex", "dkms", "nvidia-powerd"};
constexpr std::array<std::string_view, 2> kRivals{"nouveau", "nova_core"};

constexpr std::array<std::string_view, 4> kUpgradeSettings{
    "APT::Periodic::Unattended-Upgrade", "Unattended-Upgrade::Allowed-Origins",
    "Unattended-Upgrade::Origins-Pattern", "Unattended-Upgrade::Package-Blacklist"};

bool is_of_interest(std::string_view module) {
  return module.starts_with("nvidia") || module == "gdrdrv" ||
         std::ranges::find(kRivals, module) != kRivals.end();
}

// Every *.conf of modprobe.d or modules-load.d that counts, with its text.
Result<std::vector<std::pair<std::string, std::string>>> read_config(const host::View& view,
                                                                     std::string_view directory) {
  std::vector<std::string> seen;
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string_view root : kConfigRoots) {
    const std::string place = std::string(root) + std::string(directory);
    const auto names = view.list(place);
    if (!names && names.error().code() != Errc::absent) return names.error();
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      if (!name.ends_with(".conf") || std::ranges::find(seen, name) != seen.end()) continue;
      seen.push_back(name);
      const std::string path = fmt::format("{}/{}", place, name);
      auto text = view.read(path);
      if (!text && text.error().code() == Errc::absent) continue;  // a link that leads nowhere, to /dev/null
      out.emplace_back(path, TRY(std::move(text)));
    }
  }
  return out;
}

facts::Reading<std::vector<facts::ConfigLine>> read_modprobe(const host::View& view) {
  std::vector<facts::ConfigLine> out;
  for (const auto& [file, text] : TRY(read_config(view, "modprobe.d"))) {
    for (facts::ConfigLine& line : parse_modprobe(text, file)) out.push_back(std::move(line));
  }
  return out;
}

facts::Reading<std::vector<std::string>> read_modules_load(const host::View& view) {
  std::vector<std::string> out;
  auto files = TRY(read_config(view, "modules-load.d"));
  if (auto text = view.read("/etc/modules")) files.emplace_back("/etc/modules", *text);
  for (const auto& [file, text] : files) {
    for (std::string& name : parse_modules_load(text)) {
      if (is_of_interest(name)) out.push_back(std::move(name));
    }
  }
  return out;
}

facts::Reading<std::vector<std::string>> read_loaded_modules(const host::View& view) {
  std::vector<std::string> out;
  const std::string text = TRY(view.read("/proc/modules"));
  for (std::string& name : parse_module_names(text)) {
    if (is_of_interest(name)) out.push_back(std::move(name));
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> kernels_with_rival(const host::View& view, const facts::Kernel& kernel) {
  std::vector<std::string> out;
  for (const facts::InstalledKernel& one : kernel.installed) {
    const auto names = view.list(fmt::format("/lib/modules/{}/kernel/drivers/gpu/drm/nouveau", one.release));
    if (names &&
        std::ranges::any_of(*names, [](const std::string& name) { return name.starts_with("nouveau.ko"); }))
      out.push_back(one.release);
  }
  return out;
}

// /var/lib/dkms/nvidia/580.159.04/6.1.0-25-amd64/x86_64/module
facts::Reading<std::vector<facts::DkmsBuild>> read_dkms(const host::View& view) {
  std::vector<facts::DkmsBuild> out;
  const std::string root = "/var/lib/dkms";
  const auto names = view.list(root);
  if (!names && names.error().code() == Errc::absent) return out;
  for (const std::string& name : TRY(names)) {
    if (!name.starts_with("nvidia")) continue;
    const std::vector<std::string> versions = TRY(view.list(fmt::format("{}/{}", root, name)));
    for (const std::string& version : versions) {
      if (version.starts_with("kernel-") || version == "original_module") continue;
      const std::string place = fmt::format("{}/{}/{}", root, name, version);
      out.push_back({.name = name, .version = version, .kernel = ""});
      const std::vector<std::string> builds = TRY(view.list(place));
      for (const std::string& kernel : builds) {
        if (kernel == "source" || kernel == "build") continue;
        const auto archs = view.list(fmt::format("{}/{}", place, kernel));
        const bool built = archs && std::ranges::any_of(*archs, [&](const std::string& arch) {
                             return view.exists(fmt::format("{}/{}/{}/module", place, kernel, arch));
                           });
        if (built) out.push_back({.name = name, .version = version, .kernel = kernel});
      }
    }
  }
  return out;
}

// systemctl enable makes links below the targets that want a service.
facts::Reading<std::vector<std::string>> read_enabled(const host::View& view) {
  const std::string root = "/etc/systemd/system";
  const auto targets = view.list(root);
  if (!targets) return targets.error();
  std::vector<std::string> out;
  for (const std::string_view service : kServices) {
    const bool wanted = std::ranges::any_of(*targets, [&](const std::string& target) {
      return (target.ends_with(".wants") || target.ends_with(".requires")) &&
             view.exists(fmt::format("{}/{}/{}.service", root, target, service));
    });
    if (wanted) out.emplace_back(service);
  }
  return out;
}

facts::Reading<facts::Unattended> read_unattended(const host::View& view) {
  const std::string root = "/etc/apt/apt.conf.d";
  const auto names = view.list(root);
  facts::Unattended out;
  if (!names && names.error().code() == Errc::absent)
    return out;  // nothing is configured, or there is no apt
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!base::contains(name, "upgrade") && !base::contains(name, "periodic")) continue;
    const std::string text = TRY(view.read(root + "/" + name));
    for (const std::string_view setting : kUpgradeSettings) {
      for (std::string& value : parse_apt_list_of(text, setting)) {
        if (setting == kUpgradeSettings.front())
          out.on = !value.empty() && value != "0";  // later files win
        else
          (setting == kUpgradeSettings.back() ? out.never : out.origins).push_back(std::move(value));
      }
    }
  }
  return out;
}

// mokutil's exit status is the same for several answers; its words tell them apart.
facts::Reading<std::optional<facts::SigningKey>> read_signing_key(const host::View& view,
                                                                  const facts::Reading<bool>& secure_boot) {
  if (!secure_boot)
    return Error(secure_boot.error()).within("whether Secure Boot asks for a key is not known");
  if (!*secure_boot) return std::optional<facts::SigningKey>();
  const auto path =
      std::ranges::find_if(facts::kSigningKeys, [&view](const char* one) { return view.exists(one); });
  if (path == facts::kSigningKeys.end())
    return std::optional<facts::SigningKey>();  // DKMS makes it when it first builds
  const host::Outcome answer = TRY(view.ask(
      {.argv = {"mokutil", "--test-key", *path}, .environment = {}, .as = {}, .input = {}, .on_output = {}}));
  const std::string said = answer.out + answer.err;
  facts::SigningKey key{.path = *path, .trust = ""};
  if (base::contains(said, "is not enrolled"))
    key.trust = "none";
  else if (base::contains(said, "enrollment request"))
    key.trust = "requested";
  else if (base::contains(said, "already"))
    key.trust = "enrolled";
  else
    return Error(Errc::failed, fmt::format("mokutil --test-key {} {}: {}", *path, host::describe(answer),
                                           base::harmless(base::trim(said))));
  return std::optional(std::move(key));
}

// The full name of what is set at `word` within `scopes`.
std::string apt_name(const std::vector<std::string>& scopes, const std::string& word) {
  std::string name = base::join(scopes, "::");
  if (!word.empty()) name += (name.empty() ? "" : "::") + word;
  while (name.ends_with(":")) name.pop_back();
  return base::lower(name);
}

void read_reboot_required(const host::View& view, facts::Boot& boot) {
  for (const std::string directory : {"/run", "/var/run"}) {
    const auto status = view.status(directory + "/reboot-required");
    if (!status && status.error().code() != Errc::absent) {
      boot.reboot_required = status.error();
      return;
    }
    if (!status) continue;
    boot.reboot_required = true;
    if (const auto packages = view.read(directory + "/reboot-required.pkgs")) {
      for (const std::string_view line : base::lines(*packages)) {
        const std::string name(base::trim(line));
        if (!name.empty() &&
            std::ranges::find(boot.reboot_required_by, name) == boot.reboot_required_by.end())
          boot.reboot_required_by.push_back(name);
      }
    }
    return;
  }
  boot.reboot_required = false;
}

}  // namespace

std::vector<facts::ConfigLine> parse_modprobe(std::string_view text, const std::string& file) {
  std::vector<facts::ConfigLine> out;
  int number = 0;
  for (const std::string_view line : base::lines(text)) {
    ++number;
    const auto words = base::words(line);
    if (words.size() < 2 || words[0].starts_with("#")) continue;
    std::string module(words[1]);
    std::ranges::replace(module, '-', '_');
    if (words[0] == "softdep" || !is_of_interest(module)) continue;
    out.push_back({.file = file, .line = number, .text = std::string(base::trim(line))});
  }
  return out;
}

std::vector<std::string> parse_modules_load(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    if (words.empty() || words[0][0] == '#' || words[0][0] == ';') continue;
    std::string name(words[0]);
    std::ranges::replace(name, '-', '_');
    out.push_back(std::move(name));
  }
  return out;
}

// apt.conf(5): "Name { "value"; };", "Name "value";", "Name:: "value";", scopes in scopes; comments by //, #
// and
// /* */. Names are the same in capitals.
std::vector<std::string> parse_apt_list_of(std::string_view text, std::string_view name) {
  std::vector<std::string> out;
  std::vector<std::string> scopes;
  std::string word;
  const std::string wanted = base::lower(name);
  const auto past = [&text](std::size_t from, std::string_view end) {
    const std::size_t found = text.find(end, from);
    return found == std::string_view::npos ? text.size() : found + end.size();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::string_view two = text.substr(at, 2);
    std::size_t next = at + 1;
    if (c == '#' || two == "//") {
      next = past(at, "\n");
    } else if (two == "/*") {
      next = past(at + 2, "*/");
    } else if (c == '"') {
      next = past(at + 1, "\"");
      if (apt_name(scopes, word) == wanted) out.emplace_back(text.substr(at + 1, next - at - 2));
    } else if (c == '{') {
      scopes.push_back(std::exchange(word, ""));
    } else if (c == '}' || c == ';') {
      word.clear();
      if (c == '}' && !scopes.empty()) scopes.pop_back();
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      word += c;
    }
    at = next;
  }
  return out;
}

std::string apt_upgrades_essence(std::string_view text) {
  std::string out;
  for (const std::string_view name : kUpgradeSettings) {
    for (const std::string& value : parse_apt_list_of(text, name))
      out += fmt::format("{}:: \"{}\";\n", name, value);
  }
  return out;
}

facts::Boot read_boot(const host::View& view, const facts::Kernel& kernel,
                      const facts::Reading<bool>& secure_boot) {
  facts::Boot boot;
  read_loader(view, boot);
  boot.modprobe = read_modprobe(view);
  boot.loads = read_modules_load(view);
  boot.loaded = read_loaded_modules(view);
  boot.rivals = kernels_with_rival(view, kernel);
  boot.dkms = read_dkms(view);
  boot.enabled = read_enabled(view);
  read_reboot_required(view, boot);
  boot.unattended = read_unattended(view);
  boot.dnf_automatic = read_dnf_automatic(view);
  boot.signing_key = read_signing_key(view, secure_boot);
  return boot;
}

}  // namespace bringup::probe
