// SPDX-License-Identifier: Apache-2.0
// The catalog's files: those that were compiled in, those that replace them, and how they become tables.
#include <bringup/base/embedded.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/messages.hpp>
#include <bringup/catalog/signed.hpp>
#include <bringup/catalog/tables.hpp>
#include <bringup/catalog/thresholds.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

namespace bringup::catalog {

const Files& compiled_in() {
  static const Files files = [] {
    Files out;
    for (const base::EmbeddedFile& file : embedded_catalog_rows()) out.emplace(file.name, file.text);
    return out;
  }();
  return files;
}

namespace {

using Texts = std::span<const base::EmbeddedFile>;

const std::string_view* text_of(Texts files, std::string_view name) {
  const auto file = std::ranges::find(files, name, &base::EmbeddedFile::name);
  return file == files.end() ? nullptr : &file->text;
}

// What the views of the catalog's rows are of must not go away: these files' texts are kept with it.
std::vector<base::EmbeddedFile> kept_texts(const Files& files, Catalog& catalog) {
  std::vector<base::EmbeddedFile> out;
  for (const auto& [name, text] : files) {
    if (!name.ends_with(".tsv")) {
      out.push_back({.name = name, .text = text});
      continue;
    }
    catalog.texts.push_back(std::make_shared<const std::string>(text));
    out.push_back({.name = name, .text = *catalog.texts.back()});
  }
  return out;
}

Result<> load_choices(Texts files, Catalog& catalog) {
  // In an order in which each file's references are there already.
  static constexpr std::array<std::pair<std::string_view, Result<> (*)(std::string_view, Catalog&)>, 15>
      kReaders{{{"branches.toml", read_branches},
                {"gpus.tsv", read_gpus},
                {"first_driver.tsv", read_first_drivers},
                {"subsystems.tsv", read_subsystems},
                {"toolkits.toml", read_toolkits},
                {"wheels.toml", read_wheels},
                {"companions.toml", read_companions},
                {"stacks.toml", read_stacks},
                {"archives.toml", read_archives},
                {"keys.toml", read_keys},
                {"repos.toml", read_repos},
                {"sources.toml", read_sources},
                {"installers.toml", read_installers},
                {"fabric.toml", read_fabric},
                {"mirrors.toml", read_mirrors}}};
  for (const auto& [name, read] : kReaders) {
    const std::string_view* text = text_of(files, name);
    if (text == nullptr) return Error(Errc::absent, fmt::format("the catalog has no file {}", name));
    TRY(read(*text, catalog));
  }
  return ok;
}

// How many bytes the character at the front of `text` has; 0 when it is none of UTF-8, or one that steers a
// terminal.
std::size_t character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80)
    return byte(0) == '\n' || byte(0) == '\t' || (byte(0) >= 0x20 && byte(0) != 0x7F) ? 1 : 0;
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  // Longer than it must be, half of a pair of UTF-16, or beyond the last character.
  const bool bad = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) > 0x9F) ||
                   (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) > 0x8F);
  return bad ? 0 : size;
}

// How many characters in front need no second look.
std::size_t plain_beginning(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= ' ' && text[count] <= '~') ++count;
  return count;
}

// Refuses what was saved in another encoding, and a table of lines whose last one has no end.
Result<> check_text(std::string_view name, std::string_view text) {
  const bool toml = name.ends_with(".toml");
  int line = 1;
  for (std::string_view rest = text; !rest.empty();) {
    rest.remove_prefix(plain_beginning(rest));
    if (rest.empty()) break;
    const std::size_t size = toml && rest.starts_with("\r\n") ? 2 : character(rest);
    if (size == 0)
      return Error(Errc::malformed,
                   fmt::format("{}:{}: byte 0x{:02x} has no place here: expected UTF-8, and lines "
                               "that end in LF",
                               name, line, static_cast<unsigned char>(rest[0])));
    if (rest[size - 1] == '\n') ++line;
    rest.remove_prefix(size);
  }
  if (!toml && !text.ends_with('\n'))
    return Error(Errc::malformed,
                 fmt::format("{}:{}: the last line has no end: the file was cut off", name, line));
  return ok;
}

Result<> check_texts(const Files& files) {
  for (const auto& [name, text] : files) TRY(check_text(name, text));
  return ok;
}

// Of files that were checked.
Result<Catalog> load_choices(const Files& files) {
  Catalog catalog;
  TRY(load_choices(kept_texts(files, catalog), catalog));
  return catalog;
}

Result<Catalog> load_checked(const Files& files) {
  TRY(check_texts(files));
  return load_choices(files);
}

Result<Catalog> load_compiled_in() {
  Catalog catalog;
  TRY(load_choices(embedded_catalog_rows(), catalog));
  return catalog;
}

}  // namespace

Result<Catalog> load(const Files& files) {
  TRY(check_texts(files));
  TRY(load_messages(files));
  const auto limits = files.find("thresholds.toml");
  if (limits == files.end()) return Error(Errc::absent, "the catalog has no file thresholds.toml");
  TRY(read_thresholds(limits->second));
  return load_choices(files);
}

namespace {

// What replaces the compiled-in files; null when nothing does.
struct Replacement {
  Files files;
  std::string origin = "compiled in";
};
Replacement& replacement() {
  static Replacement one;
  return one;
}
bool taken = false;  // built_in() was called, and stays what it was then

}  // namespace

void replace_built_in(Files files, std::string origin) {
  if (taken) {
    static_cast<void>(
        std::fputs("bringup: internal error: the catalog was asked before it was replaced\n", stderr));
    std::abort();
  }
  replacement() = {.files = std::move(files), .origin = std::move(origin)};
}

const std::string& origin() {
  return replacement().origin;
}

const Files& files_in_use() {
  return replacement().files.empty() ? compiled_in() : replacement().files;
}

std::string_view text_in_use(std::string_view name) {
  const auto file = replacement().files.find(name);
  if (file != replacement().files.end()) return file->second;
  return replacement().files.empty() ? compiled_in_text(name) : std::string_view();
}

std::string_view compiled_in_text(std::string_view name) {
  const std::string_view* text = text_of(embedded_catalog_rows(), name);
  return text == nullptr ? std::string_view() : *text;
}

const Catalog& built_in() {
  // Never freed: the system takes the memory back faster than a destructor walks it.
  static const Catalog& catalog = *new Catalog([] {
    taken = true;
    if (!replacement().files.empty()) {
      auto other = load_checked(replacement().files);
      if (other) return std::move(other).take();
      replacement() = {};
    }
    auto loaded = load_compiled_in();
    if (!loaded) {  // a test loads the same files: this is a broken build, and nothing can be said without
                    // its facts
      static_cast<void>(std::fputs(
          fmt::format("bringup: the compiled-in catalog is damaged: {}\n", loaded.error().message()).c_str(),
          stderr));
      std::abort();
    }
    return std::move(loaded).take();
  }());
  return catalog;
}

}  // namespace bringup::catalog
