// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/plan/sources.hpp>
#include <bringup/resolve/mirrors.hpp>
#include <bringup/resolve/resolve.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bringup::plan {
namespace {

constexpr std::string_view kKeyFile = "/usr/share/keyrings/bringup-nvidia.asc";
constexpr std::string_view kMirrorList = "/var/lib/bringup/archive-mirror.list";
constexpr std::string_view kRpmKeyFile = "/etc/pki/rpm-gpg/RPM-GPG-KEY-bringup-nvidia";

// The archive's own mirror among the sources in use: the first that is neither the security archive nor a
// vendor's.
std::string archive_uri(const facts::Machine& machine) {
  const auto own = std::ranges::find_if(machine.packages.archive_uris, [&machine](const std::string& uri) {
    return base::contains(uri, machine.os.id) && !base::contains(uri, "security");
  });
  return own == machine.packages.archive_uris.end() ? "" : *own;
}

steps::Step path_file(std::string_view bin) {
  return {.id = "path-profile",
          .kind =
              steps::WriteFile{
                  .path = "/etc/profile.d/bringup-cuda.sh",
                  .text = fmt::format(
                      "# Written by bringup: the CUDA toolkit for login shells.\n"
                      "case \":$PATH:\" in\n  *:{0}:*) ;;\n  *) PATH={0}:$PATH; export PATH ;;\nesac\n",
                      bin)},
          .why = "new login shells find nvcc",
          .changes =
              "one file; LD_LIBRARY_PATH is left alone, because it makes PyTorch load the wrong libraries"};
}

steps::Step path_block(std::string_view bin, const std::string& home, std::string_view shell,
                       std::string_view file) {
  constexpr std::string_view kWheels = "/site-packages/nvidia/";
  std::string exports = fmt::format("PATH={}:$PATH", for_shell(bin));
  if (base::contains(bin, kWheels)) {
    const std::string lib = std::string(bin.substr(0, bin.rfind('/'))) + "/lib";
    exports += fmt::format(" LIBRARY_PATH={}${{LIBRARY_PATH:+:$LIBRARY_PATH}}", for_shell(lib));
  }
  return {.id = fmt::format("path-{}", shell),
          .kind = steps::EditBlock{.path = home + "/" + std::string(file),
                                   .name = "cuda",
                                   .text = fmt::format(
                                       "case \":$PATH:\" in\n  *:{}:*) ;;\n  *) export {} ;;\nesac\n",
                                       for_shell(bin), exports)},
          .why = fmt::format("new {} {} find nvcc", shell, shell == "login" ? "shells" : "windows"),
          .changes = "one marked block; the rest of the file stays byte for byte",
          .as_user = true};
}

// The same release's suites at a mirror, with all parts that packages here come from.
std::string archive_lines(const facts::Machine& machine, const facts::Source& mirror,
                          const std::string& security, const catalog::Archive* row) {
  const std::string& own = machine.packages.archive_signed_by;
  const std::string key =
      own.starts_with('/') ? own : fmt::format("/usr/share/keyrings/{}-archive-keyring.gpg", machine.os.id);
  const std::string parts = machine.os.id == "ubuntu" ? "main restricted universe multiverse"
                                                      : "main " + (row == nullptr ? "" : row->component);
  const std::string archive = resolve::archive_of(mirror);
  std::string text = fmt::format(
      "# Written by bringup: the mirror {}, held against the distribution's key.\n", mirror.mirror);
  const auto line = [&](const std::string& url, std::string_view suffix) {
    text += fmt::format("deb [signed-by={}] {} {}{} {}\n", key, url, machine.os.codename, suffix, parts);
  };
  line(archive, "");
  line(archive, "-updates");
  if (!security.empty()) line(security, "-security");
  return text;
}

// Puts into `wheels` the further ways to a place that is mirrored, each with `below` behind it.
void add_other_ways(const facts::Machine& machine, std::string_view place, const std::string& below,
                    steps::InstallWheels& wheels) {
  bool first = true;
  for (const facts::Source& source : machine.sources) {
    if (source.name != place || std::exchange(first, false) || !source.answered_seconds) continue;
    std::string url = source.url + (below.empty() || source.url.ends_with('/') ? "" : "/") + below;
    if (source.mirror.empty()) wheels.asks = url;
    wheels.others.push_back(std::move(url));
  }
}

// The mirror that stands in for a place; nullptr for none.
const facts::Source* mirror_of(const facts::Machine& machine, std::string_view place) {
  const auto found = std::ranges::find(machine.sources, place, &facts::Source::name);
  return found == machine.sources.end() || found->mirror.empty() ? nullptr : &*found;
}

}  // namespace

std::string for_shell(std::string_view text) {
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-@,";
  if (text.find_first_not_of(kSafe) == std::string_view::npos) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::optional<steps::WriteFile> component_source(const facts::Machine& machine,
                                                 const catalog::Catalog& catalog) {
  const catalog::Archive* archive = catalog.archive(resolve::os_key(machine.os));
  if (archive == nullptr || archive->component.empty()) return std::nullopt;
  std::string uri = archive_uri(machine);
  if (uri.empty()) uri = archive->url;
  const std::string& suite = machine.os.codename.empty() ? archive->codename : machine.os.codename;
  std::string text = fmt::format(
      "# Written by bringup: the part of the distribution's own archive that carries NVIDIA's driver and "
      "CUDA.\n"
      "Types: deb\nURIs: {0}\nSuites: {1} {1}-updates\nComponents: {2}\n",
      uri, suite, archive->component);
  // apt refuses two entries for one archive that name different keys, so ours says what the existing one
  // says.
  if (!machine.packages.archive_signed_by.empty())
    text += "Signed-By: " + machine.packages.archive_signed_by + "\n";
  return steps::WriteFile{.path = "/etc/apt/sources.list.d/bringup-archive.sources", .text = std::move(text)};
}

steps::FetchFile vendor_key(const catalog::VendorRepo& repo) {
  return {.url = repo.key_url,
          .path = std::string(repo.manager == "apt" ? kKeyFile : kRpmKeyFile),
          .sha256 = "",
          .fingerprint = repo.fingerprint};
}

steps::WriteFile vendor_source(const catalog::VendorRepo& repo) {
  if (repo.manager == "apt") {
    return {.path = "/etc/apt/sources.list.d/bringup-nvidia.sources",
            .text = fmt::format("# Written by bringup: NVIDIA's repository for this distribution.\n"
                                "Types: deb\nURIs: {}\nSuites: /\nSigned-By: {}\n",
                                repo.url, kKeyFile)};
  }
  return {.path = "/etc/yum.repos.d/bringup-nvidia.repo",
          .text = fmt::format(
              "# Written by bringup: NVIDIA's repository for this distribution.\n"
              "[bringup-nvidia]\nname=NVIDIA CUDA\nbaseurl={}\nenabled=1\ngpgcheck=1\ngpgkey=file://{}\n",
              repo.url, kRpmKeyFile)};
}

steps::WriteFile vendor_pin() {
  return {.path = "/etc/apt/preferences.d/bringup-nvidia",
          .text =
              "# Written by bringup: what both archives carry comes from NVIDIA's.\nPackage: *\nPin: release "
              "l=NVIDIA CUDA\nPin-Priority: 600\n"};
}

catalog::VendorRepo through_mirror(catalog::VendorRepo repo, const facts::Machine& machine) {
  const auto source = std::ranges::find(machine.sources, "nvidia", &facts::Source::name);
  if (source == machine.sources.end() || source->mirror.empty()) return repo;
  const std::string file = repo.key_url.substr(repo.key_url.rfind('/') + 1);
  repo.url = source->url;
  repo.key_url = source->url + file;
  return repo;
}

bool has_vendor_source(const facts::Machine& machine, const catalog::Catalog& catalog) {
  return std::ranges::any_of(machine.packages.archive_uris, [&catalog](const std::string& uri) {
    return base::contains(uri, "/compute/cuda/repos/") ||
           std::ranges::any_of(catalog.mirrors, [&uri](const catalog::Mirror& mirror) {
             return mirror.what == "cuda" && uri.starts_with(mirror.url);
           });
  });
}

void add_path_steps(const facts::Machine& machine, std::string_view bin, bool own,
                    const std::function<void(steps::Step)>& add) {
  if (bin.empty() || bin == "/usr/bin") return;
  const auto set_in = [&machine, bin](std::string_view file) {
    return std::ranges::any_of(machine.shells.settings, [&](const facts::ShellSetting& setting) {
      return setting.variable == "PATH" && base::contains(setting.text, bin) &&
             (file.empty() || setting.file.ends_with(file));
    });
  };
  const std::string& login = machine.shells.login_file.empty() ? ".profile" : machine.shells.login_file;
  if (!set_in("/etc/profile.d/bringup-cuda.sh") && !set_in("/etc/environment") && !set_in("/etc/profile")) {
    if (!own)
      add(path_file(bin));
    else if (!set_in("/" + login))
      add(path_block(bin, machine.user.home, "login", login));
  }
  const auto has_shell = [&machine](std::string_view name) {
    return std::ranges::find(machine.shells.installed, name) != machine.shells.installed.end();
  };
  if (has_shell("bash") && !set_in("/.bashrc")) add(path_block(bin, machine.user.home, "bash", ".bashrc"));
  if (has_shell("zsh") && !set_in("/.zshrc") && !set_in("/.zshenv"))
    add(path_block(bin, machine.user.home, "zsh", ".zshrc"));
}

std::string pypi_url(const facts::Machine& machine) {
  const facts::Source* mirror = mirror_of(machine, "pypi");
  return mirror == nullptr ? "" : mirror->url;
}

void set_pypi(const facts::Machine& machine, steps::InstallWheels& wheels) {
  wheels.index_url = pypi_url(machine);
  wheels.find_links.clear();
  wheels.asks.clear();
  wheels.others.clear();
  add_other_ways(machine, "pypi", "", wheels);
}

void set_index(const facts::Machine& machine, const catalog::Catalog& catalog, const resolve::EnvChoice& env,
               steps::InstallWheels& wheels) {
  set_pypi(machine, wheels);
  const auto torch =
      std::ranges::find_if(env.packages, [](const auto& wheel) { return wheel.index == "pytorch"; });
  if (torch == env.packages.end()) return;
  const facts::Source* mirror = mirror_of(machine, "pytorch");
  const catalog::Source* source = catalog.source("pytorch");
  std::string url = mirror != nullptr ? mirror->url : source == nullptr ? "" : source->url;
  if (!url.empty() && url.back() != '/') url += '/';
  url += torch->variant.value_or("cpu");
  wheels.asks.clear();
  wheels.others.clear();
  if (mirror != nullptr && mirror->links) {
    wheels.find_links = url + "/";
    return;
  }
  wheels.index_url = url;
  add_other_ways(machine, "pytorch", torch->variant.value_or("cpu"), wheels);
}

void take_archive_mirror(const facts::Machine& machine, const goal::Goal& goal,
                         const catalog::Catalog& catalog, std::vector<steps::Step>& steps) {
  const facts::Source* mirror = mirror_of(machine, "distro");
  const auto is_apt = [](const steps::Step& step) {
    const auto* one = std::get_if<steps::InstallPackages>(&step.kind);
    return one != nullptr && one->manager == "apt";
  };
  const auto first = std::ranges::find_if(steps, is_apt);
  if (mirror == nullptr || first == steps.end()) return;
  const auto key = std::ranges::find(steps, "vendor-key", &steps::Step::id);
  const auto vendor = std::ranges::find(steps, "vendor-source", &steps::Step::id);
  std::string text = archive_lines(machine, *mirror, resolve::security_mirror(*mirror, goal, catalog),
                                   catalog.archive(resolve::os_key(machine.os)));
  if (vendor != steps.end()) {
    const catalog::VendorRepo* repo = catalog.repo(resolve::os_key(machine.os));
    if (repo != nullptr)
      text += fmt::format("deb [signed-by={}] {} /\n", kKeyFile, through_mirror(*repo, machine).url);
  }
  for (steps::Step& step : steps) {
    if (!is_apt(step)) continue;
    std::get<steps::InstallPackages>(step.kind).sources = kMirrorList;
    step.needs.emplace_back("archive-mirror");
  }
  steps.insert(
      first,
      {.id = "archive-mirror",
       .kind = steps::WriteFile{.path = std::string(kMirrorList), .text = std::move(text)},
       .why = fmt::format("packages come by way of the mirror {}; the system's own sources stay as "
                          "they are",
                          mirror->mirror),
       .changes = "one file beside the journal",
       .needs = key == steps.end() ? std::vector<std::string>{} : std::vector<std::string>{"vendor-key"}});
}

}  // namespace bringup::plan
