// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

namespace bringup::probe {
namespace {

constexpr std::array<std::string_view, 31> kOfInterest{"nvidia",
                                                       "libnvidia",
                                                       "libcuda",
                                                       "cuda",
                                                       "libcudnn",
                                                       "cudnn",
                                                       "libnccl",
                                                       "libcublas",
                                                       "xserver-xorg-video-nvidia",
                                                       "linux-image",
                                                       "linux-headers",
                                                       "linux-modules",
                                                       "linux-generic",
                                                       "linux-objects",
                                                       "linux-signatures",
                                                       "kernel",
                                                       "kmod-nvidia",
                                                       "akmod",
                                                       "dkms",
                                                       "gcc",
                                                       "g++",
                                                       "python3",
                                                       "firmware-nvidia",
                                                       "datacenter-gpu",
                                                       "nvlsm",
                                                       "unattended-upgrades",
                                                       "needrestart",
                                                       "nouveau",
                                                       "mokutil",
                                                       "curl",
                                                       "ca-certificates"};

bool of_interest(std::string_view name) {
  return std::ranges::any_of(kOfInterest, [name](std::string_view start) {
    // Its last letter first: most names are nothing to us, and there are many.
    return name.size() >= start.size() && name[start.size() - 1] == start.back() && name.starts_with(start);
  });
}

// The value of "Key: value" when `line` has this key.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') return std::nullopt;
  return base::trim(line.substr(key.size() + 1));
}

// "install ok installed": what is wanted, whether all is well, what is.
bool read_status(std::string_view status, facts::Package& package) {
  const auto words = base::words(status);
  if (words.size() != 3) return false;
  package.held = words[0] == "hold";
  package.broken = words[2] == "half-installed" || words[2] == "half-configured" || words[2] == "unpacked" ||
                   words[1] != "ok";
  return words[2] != "not-installed" && words[2] != "config-files";
}

// Takes the lines up to an empty one off the front, and that one with them. By hand: the file has megabytes.
std::string_view take_paragraph(std::string_view& text) {
  std::size_t end = text.starts_with('\n') ? 0 : std::string_view::npos;
  for (std::size_t at = 0; end == std::string_view::npos;) {
    const void* found = std::memchr(text.data() + at, '\n', text.size() - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1;
    if (at == text.size()) break;
    if (text[at] == '\n') end = at;
  }
  const std::string_view paragraph = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return paragraph;
}

// The package that a paragraph of dpkg's status file is about; nullopt when it is nothing to us, or not
// there.
std::optional<facts::Package> read_paragraph(std::string_view paragraph) {
  facts::Package package;
  std::string_view name;
  std::string_view status;
  for (const std::string_view line : base::lines(paragraph)) {
    name = value_of(line, "Package").value_or(name);
    status = value_of(line, "Status").value_or(status);
    if (const auto version = value_of(line, "Version")) package.version = std::string(*version);
    if (const auto architecture = value_of(line, "Architecture"))
      package.architecture = std::string(*architecture);
  }
  if (!of_interest(name) || !read_status(status, package)) return std::nullopt;
  package.name = std::string(name);
  return package;
}

// One name can be there for several architectures, and rpm keeps several kernels under one name.
bool by_name(const facts::Package& a, const facts::Package& b) {
  return std::tie(a.name, a.architecture, a.version) < std::tie(b.name, b.architecture, b.version);
}

void add_unique(std::vector<std::string>& list, const std::string& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

facts::Reading<std::vector<facts::Package>> read_rpm(const host::View& view) {
  const host::Outcome answer =
      TRY(view.ask({.argv = {"rpm", "-qa", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n"},
                    .deadline = std::chrono::seconds(20)}));
  if (!answer.success())
    return Error(Errc::failed,
                 "rpm -qa " + host::describe(answer) + ": " + std::string(base::trim(answer.err)));
  return parse_rpm_list(answer.out);
}

// Cloud images name a file of mirrors ("mirror+file:/etc/apt/mirrors/debian.list") in place of one.
std::vector<std::string> mirrors_of(const host::View& view, const std::vector<std::string>& uris) {
  constexpr std::string_view kList = "mirror+file:";
  std::vector<std::string> out;
  for (const std::string& uri : uris) {
    if (!uri.starts_with(kList)) {
      out.push_back(uri);
      continue;
    }
    std::string path = uri.substr(kList.size());
    path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
    const auto text = view.read("/" + path);
    if (!text) continue;
    for (const std::string_view line : base::lines(*text)) {
      const auto words = base::words(line.substr(0, line.find('#')));
      if (!words.empty()) out.emplace_back(words[0]);
    }
  }
  return out;
}

void read_apt_sources(const host::View& view, const facts::Os& os, facts::Packages& packages) {
  std::vector<AptSource> sources;
  if (const auto text = view.read("/etc/apt/sources.list")) sources = parse_apt_list(*text);
  if (const auto names = view.list("/etc/apt/sources.list.d")) {
    for (const std::string& name : *names) {
      const auto text = view.read("/etc/apt/sources.list.d/" + name);
      if (!text) continue;
      const auto more = name.ends_with(".sources") ? parse_apt_deb822(*text)
                        : name.ends_with(".list")  ? parse_apt_list(*text)
                                                   : std::vector<AptSource>{};
      sources.insert(sources.end(), more.begin(), more.end());
    }
  }
  for (const AptSource& source : sources) {
    bool own = false;
    for (const std::string& uri : mirrors_of(view, source.uris)) {
      add_unique(packages.archive_uris, uri);
      own = own || base::contains(uri, os.id);
    }
    if (!own) continue;
    for (const std::string& component : source.components) add_unique(packages.archive_components, component);
    if (packages.archive_signed_by.empty()) packages.archive_signed_by = source.signed_by;
  }
}

}  // namespace

std::vector<facts::Package> parse_dpkg_status(std::string_view text) {
  std::vector<facts::Package> packages;
  while (!text.empty()) {
    const std::string_view paragraph = take_paragraph(text);
    // dpkg writes the name first. Most packages are nothing to us, and of those no other line is read.
    const std::string_view first = paragraph.substr(0, paragraph.find('\n'));
    const auto name = value_of(first, "Package");
    if (name && !of_interest(*name)) continue;
    if (auto package = read_paragraph(paragraph)) packages.push_back(*std::move(package));
  }
  std::ranges::sort(packages, by_name);
  return packages;
}

std::vector<facts::Package> parse_rpm_list(std::string_view text) {
  std::vector<facts::Package> packages;
  for (const std::string_view line : base::lines(text)) {
    const auto parts = base::split(line, '\t');
    if (parts.size() == 3 && of_interest(parts[0]))
      packages.push_back({.name = std::string(parts[0]),
                          .version = std::string(parts[1]),
                          .architecture = std::string(parts[2])});
  }
  std::ranges::sort(packages, by_name);
  return packages;
}

// deb [signed-by=KEY arch=amd64] URI SUITE COMPONENT...
std::vector<AptSource> parse_apt_list(std::string_view text) {
  std::vector<AptSource> sources;
  for (std::string_view line : base::lines(text)) {
    line = base::trim(line.substr(0, line.find('#')));
    if (!line.starts_with("deb ") && !line.starts_with("deb\t")) continue;
    line = base::trim(line.substr(3));
    AptSource source;
    if (line.starts_with("[")) {
      const std::size_t end = line.find(']');
      if (end == std::string_view::npos) continue;
      for (const std::string_view option : base::words(line.substr(1, end - 1))) {
        if (option.starts_with("signed-by=")) source.signed_by = std::string(option.substr(10));
      }
      line = base::trim(line.substr(end + 1));
    }
    const auto words = base::words(line);
    if (words.size() < 2) continue;
    source.uris.emplace_back(words[0]);
    for (std::size_t i = 2; i < words.size(); ++i) source.components.emplace_back(words[i]);
    sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<AptSource> parse_apt_deb822(std::string_view text) {
  std::vector<AptSource> sources;
  AptSource source;
  bool binary = false;
  bool enabled = true;
  std::vector<std::string>* goes_on = nullptr;  // the list that an indented line continues
  const auto keep = [&] {
    if (binary && enabled && !source.uris.empty()) sources.push_back(source);
    source = {};
    binary = false;
    enabled = true;
    goes_on = nullptr;
  };
  for (const std::string_view line : base::lines(text)) {
    if (line.starts_with("#")) continue;
    if (base::trim(line).empty()) {
      keep();
      continue;
    }
    const bool indented = line[0] == ' ' || line[0] == '\t';
    const std::size_t colon = line.find(':');
    const std::string key = indented ? "" : base::lower(line.substr(0, colon));
    const std::string_view value = indented                          ? base::trim(line)
                                   : colon == std::string_view::npos ? ""
                                                                     : base::trim(line.substr(colon + 1));
    if (!indented)
      goes_on = key == "uris" ? &source.uris : key == "components" ? &source.components : nullptr;
    if (key == "types") {
      const auto types = base::words(value);
      binary = std::ranges::find(types, "deb") != types.end();
    }
    if (key == "enabled") enabled = base::lower(value) != "no";
    if (key == "signed-by" && !value.empty()) source.signed_by = std::string(value);
    if (goes_on != nullptr) {
      for (const std::string_view word : base::words(value)) goes_on->emplace_back(word);
    }
  }
  keep();
  return sources;
}

facts::Packages read_packages(const host::View& view, const facts::Os& os) {
  facts::Packages packages;
  const auto status = view.read("/var/lib/dpkg/status");
  if (status) {
    packages.manager = "dpkg";
    packages.list = parse_dpkg_status(*status);
    const auto updates = view.list("/var/lib/dpkg/updates");
    packages.interrupted = updates && std::ranges::any_of(*updates, [](const std::string& name) {
                             return base::to_integer(name).has_value();
                           });
    read_apt_sources(view, os, packages);
    return packages;
  }
  if (view.exists("/var/lib/rpm") || view.exists("/usr/lib/sysimage/rpm")) {
    packages.manager = "rpm";
    packages.list = read_rpm(view);
    if (const auto names = view.list("/etc/yum.repos.d")) {
      for (const std::string& name : *names) {
        const auto text = view.read("/etc/yum.repos.d/" + name);
        if (!text) continue;
        for (const std::string_view line : base::lines(*text)) {
          if (line.starts_with("baseurl="))
            add_unique(packages.archive_uris, std::string(base::trim(line.substr(8))));
        }
      }
    }
    return packages;
  }
  packages.list = status.error().code() == Errc::absent
                      ? Error(Errc::absent, "neither a dpkg nor an rpm database")
                      : status.error();
  return packages;
}

}  // namespace bringup::probe
