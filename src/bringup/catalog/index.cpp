// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/index.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

// "&gt;=3.10" -> ">=3.10"; the five entities that attributes of such pages hold.
std::string unescaped(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEntities{
      {{"&gt;", ">"}, {"&lt;", "<"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}};
  std::string out;
  while (!text.empty()) {
    const auto* entity =
        std::ranges::find_if(kEntities, [text](const auto& one) { return text.starts_with(one.first); });
    out += entity == kEntities.end() ? text.substr(0, 1) : entity->second;
    text.remove_prefix(entity == kEntities.end() ? 1 : entity->first.size());
  }
  return out;
}

// The value of an attribute inside a tag; nullopt when it is not there. An attribute without a value is "".
std::optional<std::string> attribute(std::string_view tag, std::string_view name) {
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    const bool begins = at > 0 && (tag[at - 1] == ' ' || tag[at - 1] == '\t' || tag[at - 1] == '\n');
    std::string_view rest = tag.substr(at + name.size());
    if (!begins || (!rest.empty() && rest[0] != '=' && rest[0] != ' ' && rest[0] != '\t' && rest[0] != '\n'))
      continue;
    if (rest.empty() || rest[0] != '=') return "";
    rest.remove_prefix(1);
    if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return "";
    const std::size_t end = rest.find(rest[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    return unescaped(rest.substr(1, end - 1));
  }
  return std::nullopt;
}

// A link read against the page that it stands on.
std::string absolute(std::string link, std::string_view page) {
  if (base::contains(link, "://")) return link;
  const std::size_t scheme = page.find("://");
  const std::size_t host_end =
      std::min(page.find('/', scheme == std::string_view::npos ? 0 : scheme + 3), page.size());
  if (link.starts_with("//")) return std::string(page.substr(0, scheme + 1)) + link;
  if (link.starts_with('/')) return std::string(page.substr(0, host_end)) + link;
  std::string_view folder = page.substr(host_end, page.rfind('/') + 1 - host_end);
  std::string_view rest = link;
  while (rest.starts_with("../")) {
    rest.remove_prefix(3);
    folder = folder.substr(0, folder.size() < 2 ? folder.size() : folder.rfind('/', folder.size() - 2) + 1);
  }
  return fmt::format("{}{}{}", page.substr(0, host_end), folder.empty() ? "/" : folder, rest);
}

bool word_end(std::string_view text) {
  return text.empty() || std::string_view(" <>=!~;[(,").find(text.front()) != std::string_view::npos;
}

// What a requirement says behind the package's name and extras: "==2.14.1"; nullopt when it is of another
// package.
std::optional<std::string_view> said_of(std::string_view requirement, std::string_view package) {
  if (!requirement.starts_with(package) || !word_end(requirement.substr(package.size()))) return std::nullopt;
  requirement.remove_prefix(package.size());
  requirement = base::trim(requirement.substr(0, requirement.find(';')));
  if (requirement.starts_with('['))
    requirement = base::trim(requirement.substr(std::min(requirement.find(']') + 1, requirement.size())));
  if (requirement.starts_with('(') && requirement.ends_with(')'))
    requirement = requirement.substr(1, requirement.size() - 2);
  return base::trim(requirement);
}

}  // namespace

std::vector<IndexFile> parse_index(std::string_view html, std::string_view page) {
  std::vector<IndexFile> out;
  for (std::size_t at = html.find("<a "); at != std::string_view::npos; at = html.find("<a ", at + 1)) {
    const std::size_t end = html.find('>', at);  // inside attributes it is written "&gt;"
    const std::size_t close = html.find("</a>", at);
    if (end == std::string_view::npos || close == std::string_view::npos || close < end) break;
    const std::string_view tag = html.substr(at, end - at);
    const auto link = attribute(tag, "href");
    if (!link) continue;
    std::string url = absolute(link->substr(0, link->find('#')), page);
    std::string name = url.substr(url.rfind('/') + 1);
    if (!name.ends_with(".whl") && !name.ends_with(".tar.gz")) continue;
    const bool metadata = attribute(tag, "data-core-metadata") || attribute(tag, "data-dist-info-metadata");
    out.push_back({.name = std::move(name),
                   .url = std::move(url),
                   .metadata = metadata,
                   .yanked = attribute(tag, "data-yanked").has_value()});
  }
  return out;
}

std::optional<WheelName> parse_wheel_name(std::string_view name) {
  if (!name.ends_with(".whl")) return std::nullopt;
  const auto parts = base::split(name.substr(0, name.size() - 4), '-');
  if (parts.size() < 5 || parts.size() > 6) return std::nullopt;  // six with a build number
  const std::size_t tags = parts.size() - 3;
  std::string version(parts[1]);
  for (std::size_t at = version.find("%2B"); at != std::string::npos; at = version.find("%2B"))
    version.replace(at, 3, "+");
  return WheelName{.package = std::string(parts[0]),
                   .version = std::move(version),
                   .python = std::string(parts[tags]),
                   .abi = std::string(parts[tags + 1]),
                   .platform = std::string(parts[tags + 2])};
}

std::optional<std::string> python_of_tag(std::string_view tag) {
  if (!tag.starts_with("cp") || tag.size() < 4 || !base::to_integer(tag.substr(2))) return std::nullopt;
  return fmt::format("{}.{}", tag.substr(2, 1), tag.substr(3));
}

std::optional<Version> glibc_of_platform(std::string_view platform) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kOld{
      {{"manylinux1_x86_64", "2.5"}, {"manylinux2010_x86_64", "2.12"}, {"manylinux2014_x86_64", "2.17"}}};
  std::optional<Version> least;
  for (const std::string_view tag : base::split(platform, '.')) {
    std::optional<Version> one;
    const auto* old = std::ranges::find(kOld, tag, &std::pair<std::string_view, std::string_view>::first);
    if (old != kOld.end()) one = Version::parse(old->second);
    const auto parts = base::split(tag, '_');
    if (parts.size() == 5 && parts[0] == "manylinux" && tag.ends_with("_x86_64"))
      one = Version::parse(fmt::format("{}.{}", parts[1], parts[2]));
    if (one && (!least || *one < *least)) least = one;
  }
  return least;
}

bool is_release(std::string_view version) {
  version = version.substr(0, version.find('+'));
  const std::size_t post = version.find(".post");
  return !version.empty() &&
         version.substr(0, post).find_first_not_of("0123456789.") == std::string_view::npos;
}

Metadata parse_metadata(std::string_view text) {
  Metadata out;
  for (const std::string_view line : base::lines(text)) {
    if (line.empty()) break;  // the description follows
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string key = base::lower(line.substr(0, colon));
    std::string value(base::trim(line.substr(colon + 2)));
    if (key == "name")
      out.name = std::move(value);
    else if (key == "version")
      out.version = std::move(value);
    else if (key == "requires-python")
      out.requires_python = std::move(value);
    else if (key == "requires-dist")
      out.requires_dist.push_back(std::move(value));
  }
  return out;
}

std::optional<Metadata> parse_json_metadata(std::string_view text, std::string_view version) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("info") || !json["info"].is_object()) return std::nullopt;
  const auto& info = json["info"];
  const auto text_of = [&info](const char* key) {
    const auto at = info.find(key);
    return at != info.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  Metadata out{.name = text_of("name"),
               .version = text_of("version"),
               .requires_python = text_of("requires_python"),
               .requires_dist = {}};
  if (out.version != version) return std::nullopt;
  const auto wanted = info.find("requires_dist");
  if (wanted == info.end() || !wanted->is_array()) return std::nullopt;
  for (const auto& one : *wanted) {
    if (one.is_string()) out.requires_dist.push_back(one.get<std::string>());
  }
  return out;
}

std::optional<std::string> pinned_to(const Metadata& metadata, std::string_view package) {
  for (const std::string& requirement : metadata.requires_dist) {
    const auto said = said_of(requirement, package);
    if (!said || !said->starts_with("==") || base::contains(*said, ",") || base::contains(*said, "*"))
      continue;
    return std::string(base::trim(said->substr(2)));
  }
  return std::nullopt;
}

std::optional<std::string> variant_of(const Metadata& metadata) {
  bool nvidia = false;
  for (const std::string_view package : {"cuda-toolkit", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu13",
                                         "nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime-cu11"}) {
    const auto pin = pinned_to(metadata, package);
    const auto version = pin ? Version::parse(*pin) : std::nullopt;
    if (version && version->parts.size() >= 2)
      return fmt::format("cu{}{}", version->major(), version->minor());
  }
  for (const std::string& requirement : metadata.requires_dist)
    nvidia = nvidia || requirement.starts_with("nvidia-") || requirement.starts_with("cuda-");
  return nvidia ? std::nullopt : std::optional<std::string>("cpu");
}

}  // namespace bringup::catalog
