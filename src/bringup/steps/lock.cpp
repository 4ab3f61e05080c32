// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/steps/lock.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::steps {
namespace {

using base::Toml;

constexpr std::string_view kAnew = "remove it, and 'bringup up' makes it anew";

bool is_word(std::string_view text, std::string_view beside) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [beside](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           beside.find(c) != std::string_view::npos;
  });
}
bool is_name(std::string_view text) {
  return is_word(text, "._-") && text.front() != '-' && text.front() != '.';
}
bool is_version(std::string_view text) {
  return is_word(text, ".+!_-") && text.front() != '-';
}
bool is_url(std::string_view text) {
  return text.size() <= 2048 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  Error wrong(const Toml& at, std::string_view what) const {
    return {Errc::malformed, fmt::format("{}:{}: {}; {}", name_, at.line, what, kAnew)};
  }
  // A text of `table`, "" for none.
  Result<std::string> text(const Toml& table, const char* key, bool (*fits)(std::string_view)) const {
    const Toml* value = table.find(key);
    if (value == nullptr) return std::string();
    if (value->text() == nullptr || (!value->text()->empty() && !fits(*value->text())))
      return wrong(*value, fmt::format("{}: no text that belongs here", key));
    return *value->text();
  }
  Result<LockedFile> file(const Toml& table, bool source) const {
    LockedFile out{.url = TRY(text(table, "url", is_url)), .source = source};
    if (const Toml* size = table.find("size"); size != nullptr && size->integer() != nullptr)
      out.size = static_cast<std::uint64_t>(std::max<std::int64_t>(*size->integer(), 0));
    const Toml* hashes = table.find("hashes");
    if (hashes != nullptr) out.sha256 = TRY(text(*hashes, "sha256", base::is_sha256));
    if (out.sha256.empty()) return wrong(table, "a file without a sha256: nothing could be checked");
    return out;
  }
  Result<LockedPackage> package(const Toml& table) const {
    LockedPackage out{.name = TRY(text(table, "name", is_name)),
                      .version = TRY(text(table, "version", is_version))};
    if (out.name.empty() || out.version.empty()) return wrong(table, "a package without name or version");
    const Toml* wheels = table.find("wheels");
    if (wheels != nullptr && wheels->array() != nullptr) {
      for (const Toml& wheel : *wheels->array()) out.files.push_back(TRY(file(wheel, false)));
    }
    if (const Toml* sdist = table.find("sdist")) out.files.push_back(TRY(file(*sdist, true)));
    if (out.files.empty()) return wrong(table, out.name + ": no file with a hash");
    return out;
  }
  Result<std::vector<std::string>> texts(const Toml& table, const char* key) const {
    std::vector<std::string> out;
    const Toml* value = table.find(key);
    if (value == nullptr || value->array() == nullptr) return out;
    for (const Toml& one : *value->array()) {
      if (one.text() == nullptr) return wrong(one, fmt::format("{}: expected texts", key));
      const bool of_one_line = std::ranges::all_of(*one.text(), [](char c) { return c >= ' ' && c != 0x7f; });
      if (!of_one_line) return wrong(one, fmt::format("{}: no text that belongs here", key));
      out.push_back(*one.text());
    }
    return out;
  }

 private:
  std::string_view name_;
};

// A moment, which our TOML has no value for and nothing here needs: "upload-time = 2026-10-22T00:02:38Z, ".
std::string without_times(std::string_view text) {
  constexpr std::string_view kKey = "upload-time = ";
  std::string out(text);
  for (std::size_t at = out.find(kKey); at != std::string::npos; at = out.find(kKey, at)) {
    std::size_t end = out.find_first_of(",}\n", at);
    if (end == std::string::npos) end = out.size();
    if (out.compare(end, 2, ", ") == 0) end += 2;
    out.erase(at, end - at);
  }
  return out;
}

std::string file_toml(const LockedFile& file) {
  return fmt::format("{{ url = \"{}\", {}hashes = {{ sha256 = \"{}\" }} }}", file.url,
                     file.size == 0 ? "" : fmt::format("size = {}, ", file.size), file.sha256);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : base::harmless(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Result<Lock> parse_pylock(std::string_view text, std::string_view name, Lock made) {
  auto parsed = base::parse_toml(without_times(text), name);
  if (!parsed) return Error(Errc::malformed, fmt::format("{}; {}", parsed.error().message(), kAnew));
  const Reader reader(name);
  const Toml* version = parsed->find("lock-version");
  if (version == nullptr || version->text() == nullptr || !version->text()->starts_with("1."))
    return reader.wrong(*parsed, "expected lock-version = \"1.0\"");
  const Toml* packages = parsed->find("packages");
  if (packages == nullptr || packages->array() == nullptr) return reader.wrong(*parsed, "no packages in it");
  for (const Toml& package : *packages->array()) {
    LockedPackage one = TRY(reader.package(package));
    if (find_package(made, one.name) != nullptr)
      return reader.wrong(package, one.name + " stands there twice");
    made.packages.push_back(std::move(one));
  }
  return made;
}

Result<Lock> parse_lock(std::string_view text, std::string_view name) {
  auto parsed = base::parse_toml(without_times(text), name);
  if (!parsed) return Error(Errc::malformed, fmt::format("{}; {}", parsed.error().message(), kAnew));
  const Reader reader(name);
  const Toml* tool = parsed->find("tool");
  const Toml* ours = tool == nullptr ? nullptr : tool->find("bringup");
  if (ours == nullptr)
    return reader.wrong(*parsed, "no table [tool.bringup]: for which Python it was made is not known");
  Lock made{.python = TRY(reader.text(*ours, "python", is_version)),
            .platform = TRY(reader.text(*ours, "platform", is_name)),
            .variant = TRY(reader.text(*ours, "variant", is_name)),
            .asked = TRY(reader.texts(*ours, "asked"))};
  if (made.python.empty() || made.platform.empty() || made.asked.empty())
    return reader.wrong(*ours, "python, platform or asked is missing");
  return parse_pylock(text, name, std::move(made));
}

std::string to_toml(const Lock& lock) {
  std::string out = fmt::format(
      "# Written by bringup: what this environment holds. The same comes elsewhere with this file beside the "
      "goal.\n"
      "lock-version = \"1.0\"\ncreated-by = \"bringup\"\nrequires-python = \"=={}.*\"\n",
      lock.python);
  for (const LockedPackage& package : lock.packages) {
    out += fmt::format("\n[[packages]]\nname = \"{}\"\nversion = \"{}\"\n", package.name, package.version);
    std::string wheels;
    for (const LockedFile& file : package.files) {
      if (file.source) out += "sdist = " + file_toml(file) + "\n";
      if (!file.source) wheels += "  " + file_toml(file) + ",\n";
    }
    if (!wheels.empty()) out += "wheels = [\n" + wheels + "]\n";
  }
  std::string asked;
  for (const std::string& one : lock.asked) asked += (asked.empty() ? "" : ", ") + in_quotes(one);
  return out + fmt::format(
                   "\n[tool.bringup]\npython = \"{}\"\nplatform = \"{}\"\nvariant = \"{}\"\n"
                   "asked = [{}]\n",
                   lock.python, lock.platform, lock.variant, asked);
}

std::vector<std::string> requirements(const Lock& lock) {
  std::vector<std::string> out;
  for (const LockedPackage& package : lock.packages) {
    out.push_back(fmt::format("{}=={}", package.name, package.version));
    for (const LockedFile& file : package.files) out.back() += " --hash=sha256:" + file.sha256;
  }
  return out;
}

const LockedPackage* find_package(const Lock& lock, std::string_view name) {
  const auto found = std::ranges::find(lock.packages, name, &LockedPackage::name);
  return found == lock.packages.end() ? nullptr : &*found;
}

std::string file_name(const LockedFile& file) {
  const std::string_view path = std::string_view(file.url).substr(0, file.url.find_first_of("?#"));
  const std::string_view last = path.substr(path.rfind('/') + 1);
  std::string out;
  for (std::size_t i = 0; i < last.size(); ++i) {
    const bool coded = last[i] == '%' && i + 2 < last.size();
    const auto byte = coded ? base::to_hex(last.substr(i + 1, 2)) : std::nullopt;
    // What is no name of a file stays as it is: "%2F" would lead elsewhere.
    const bool plain = byte && *byte > ' ' && *byte < 0x7f && *byte != '/';
    out += plain ? static_cast<char>(*byte) : last[i];
    if (plain) i += 2;
  }
  return out;
}

}  // namespace bringup::steps
