// SPDX-License-Identifier: Apache-2.0
// The boot loader: which entries its menu has, and which of them its configuration and its memory choose.
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

using facts::BootEntry;

constexpr std::array<std::string_view, 2> kGrubDirectories{"/boot/grub", "/boot/grub2"};
// The vendor id of the variables that systemd-boot writes (systemd's Boot Loader Interface).
constexpr std::string_view kLoaderVendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

// The first word behind `command` on a line, as it stands there with its quotes.
std::optional<std::string_view> word_behind(std::string_view line, std::string_view command) {
  line = base::trim(line);
  if (!line.starts_with(command) || line.size() <= command.size()) return std::nullopt;
  line.remove_prefix(command.size());
  if (line[0] != ' ' && line[0] != '\t') return std::nullopt;
  line = base::trim(line);
  if (line.empty()) return std::nullopt;
  if (line[0] == '\'' || line[0] == '"') {
    const std::size_t end = line.find(line[0], 1);
    return line.substr(0, end == std::string_view::npos ? end : end + 1);
  }
  return base::trim(line.substr(0, line.find_first_of(" \t")));
}

// Without the quotes; of one that is not ended, what there is.
std::string unquoted(std::string_view word) {
  if (word[0] != '\'' && word[0] != '"') return std::string(word);
  return std::string(word.substr(1, word.size() > 1 && word.back() == word[0] ? word.size() - 2 : word.npos));
}

std::optional<std::string> argument_of(std::string_view line, std::string_view command) {
  const auto word = word_behind(line, command);
  return word ? std::optional(unquoted(*word)) : std::nullopt;
}

// grub-mkconfig writes the id behind this name, quoted.
std::string id_of(std::string_view line) {
  constexpr std::string_view kName = "$menuentry_id_option";
  const std::size_t at = line.find(kName);
  return at == std::string_view::npos ? "" : argument_of(line.substr(at), kName).value_or("");
}

// "/boot/vmlinuz-6.1.0-25-amd64" -> "6.1.0-25-amd64"
std::string release_of(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  for (const std::string_view start : {"vmlinuz-", "vmlinux-", "kernel-", "Image-"}) {
    if (!name.starts_with(start)) continue;
    std::string_view rest = name.substr(start.size());
    for (const std::string_view end : {".efi", ".efi.signed"}) {
      if (rest.ends_with(end)) rest.remove_suffix(end.size());
    }
    return std::string(rest);
  }
  return "";
}

// What a line of a menu does, and the word that says with what. What it does not name decides nothing here.
struct GrubLine {
  enum class Does { nothing, submenu, entry, block, end, kernel, setting };
  Does does = Does::nothing;
  std::string_view word = {};  // a title or a kernel's path, with its quotes
};

// The one reading of a line, for the menu and for what a recording keeps of it: one command a line, a block's
// end on its own, as grub-mkconfig writes them. A kernel comes by GRUB's own command, or by those of other
// days and distributions.
GrubLine read_line(std::string_view text) {
  using Does = GrubLine::Does;
  for (const std::string_view command : {"linux", "linuxefi", "linux16"}) {
    if (const auto path = word_behind(text, command)) return {.does = Does::kernel, .word = *path};
  }
  if (text.ends_with("{")) {
    if (const auto title = word_behind(text, "submenu")) return {.does = Does::submenu, .word = *title};
    if (const auto title = word_behind(text, "menuentry")) return {.does = Does::entry, .word = *title};
    return {.does = Does::block};  // "function load_video {"
  }
  if (text == "}") return {.does = Does::end};
  const bool sets = text.starts_with("set default=") || text.starts_with("blscfg");
  return {.does = sets ? Does::setting : Does::nothing};
}

// Reads menuentries and submenus.
class GrubMenu {
 public:
  void line(std::string_view line) {
    using Does = GrubLine::Does;
    const std::string_view text = base::trim(line);
    const GrubLine read = read_line(text);
    if (read.does == Does::submenu || read.does == Does::entry) {
      open(text, unquoted(read.word), read.does == Does::entry);
      if (read.does == Does::entry)
        entries.push_back(
            {.id = blocks_.back().id, .title = blocks_.back().title, .number = place(), .release = ""});
    } else if (read.does == Does::block) {
      blocks_.push_back({.title = "", .id = "", .entry = false, .menu = false, .next = 0});
    } else if (read.does == Does::end && !blocks_.empty()) {
      blocks_.pop_back();
    } else if (read.does == Does::kernel && !entries.empty() && !blocks_.empty() && blocks_.back().entry &&
               entries.back().release.empty()) {
      entries.back().release = release_of(unquoted(read.word));
    }
  }
  std::vector<BootEntry> entries;

 private:
  struct Block {
    std::string title;
    std::string id;
    bool entry = false;
    bool menu = false;
    int next = 0;  // number of the next entry below
    std::string number = "";
  };
  // A submenu's name stands before its entries', joined by '>'.
  void open(std::string_view text, const std::string& title, bool entry) {
    Block block{.title = title, .id = id_of(text), .entry = entry, .menu = !entry, .next = 0};
    const auto above =
        std::find_if(blocks_.rbegin(), blocks_.rend(), [](const Block& one) { return one.menu; });
    const int number = above == blocks_.rend() ? next_++ : above->next++;
    block.number = std::to_string(number);
    if (above != blocks_.rend()) {
      block.title = above->title + ">" + block.title;
      block.id = above->id + ">" + block.id;
      block.number = above->number + ">" + block.number;
    }
    blocks_.push_back(std::move(block));
  }
  std::string place() const { return blocks_.back().number; }

  std::vector<Block> blocks_;
  int next_ = 0;
};

bool has_bls(std::string_view grub_cfg) {
  return std::ranges::any_of(base::lines(grub_cfg),
                             [](std::string_view line) { return base::trim(line).starts_with("blscfg"); });
}

// The Boot Loader Specification's files, newest kernel first, as both loaders order them.
Result<std::vector<BootEntry>> read_loader_entries(const host::View& view, const std::string& directory) {
  const auto names = TRY(view.list(directory));
  std::vector<BootEntry> entries;
  for (const std::string& name : names) {
    if (!name.ends_with(".conf")) continue;
    const std::string text = TRY(view.read(directory + "/" + name));
    entries.push_back(parse_loader_entry(text, name.substr(0, name.size() - 5)));
  }
  std::ranges::stable_sort(entries, [](const BootEntry& a, const BootEntry& b) {
    const bool rescue_a = base::contains(a.id, "rescue");
    const bool rescue_b = base::contains(b.id, "rescue");
    if (rescue_a != rescue_b) return rescue_b;
    return std::is_gt(base::compare_releases(a.release, b.release));
  });
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].number = std::to_string(i);
  return entries;
}

// Nothing there is nothing set; what could not be read stays an error.
facts::Reading<std::string> setting_in(const Result<std::string>& text, std::string_view key) {
  if (!text && text.error().code() == Errc::absent) return std::string();
  if (!text) return text.error();
  return parse_setting(*text, key).value_or("");
}

void read_grub(const host::View& view, const std::string& directory, facts::Boot& boot) {
  boot.loader = "grub";
  const auto menu = view.read(directory + "/grub.cfg");
  const auto environment = view.read(directory + "/grubenv");
  boot.saved = setting_in(environment, "saved_entry");
  boot.once = setting_in(environment, "next_entry");
  const auto entries = read_loader_entries(view, "/boot/loader/entries");
  if (menu && !has_bls(*menu))
    boot.entries = parse_grub_menu(*menu);
  else if (entries || entries.error().code() != Errc::absent)
    boot.entries = entries;
  else
    boot.entries = menu ? entries.error() : menu.error();
  const auto set = menu ? parse_grub_default(*menu) : std::nullopt;
  if (set) {
    boot.wanted = *set == "${saved_entry}" ? "saved" : *set;
    return;
  }
  // The menu cannot be read by everybody; what it is made from can.
  const auto config = view.read("/etc/default/grub");
  boot.wanted = setting_in(config, "GRUB_DEFAULT");
  if (boot.wanted && boot.wanted->empty()) boot.wanted = std::string("0");
}

// EFI variables hold four bytes of attributes, then UTF-16; names of entries are ASCII.
facts::Reading<std::string> read_loader_variable(const host::View& view, std::string_view name) {
  const auto bytes =
      view.read_part(fmt::format("/sys/firmware/efi/efivars/{}{}", name, kLoaderVendor), 0, 1024);
  if (!bytes && bytes.error().code() == Errc::absent) return std::string();
  if (!bytes) return bytes.error();
  std::string text;
  for (std::size_t i = 4; i + 1 < bytes->size() && (*bytes)[i] != '\0'; i += 2) text += (*bytes)[i];
  return text;
}

// Where it keeps its files: the EFI partition, or an extended boot partition.
bool read_systemd_boot(const host::View& view, facts::Boot& boot) {
  for (const std::string place : {"/boot", "/efi", "/boot/efi"}) {
    const auto config = view.read(place + "/loader/loader.conf");
    if (!config) {
      if (config.error().code() != Errc::denied) continue;
      boot.entries = config.error();
      boot.wanted = config.error();
      boot.loader = "systemd-boot";
      return true;
    }
    boot.loader = "systemd-boot";
    boot.entries = read_loader_entries(view, place + "/loader/entries");
    std::string wanted;
    for (const std::string_view line : base::lines(*config)) {
      if (const auto value = argument_of(line, "default")) wanted = *value;
    }
    boot.saved = read_loader_variable(view, "LoaderEntryDefault");
    boot.once = read_loader_variable(view, "LoaderEntryOneShot");
    boot.wanted = boot.saved && !boot.saved->empty() ? std::string("saved") : wanted.empty() ? "0" : wanted;
    return true;
  }
  return false;
}

}  // namespace

std::vector<BootEntry> parse_grub_menu(std::string_view grub_cfg) {
  GrubMenu menu;
  for (const std::string_view line : base::lines(grub_cfg)) menu.line(line);
  return std::move(menu.entries);
}

std::optional<std::string> parse_grub_default(std::string_view grub_cfg) {
  std::optional<std::string> wanted;
  for (const std::string_view line : base::lines(grub_cfg)) {
    const std::string_view text = base::trim(line);
    if (!text.starts_with("set default=")) continue;
    auto value = parse_setting(text.substr(4), "default");
    if (value && *value != "${next_entry}") wanted = std::move(value);
  }
  return wanted;
}

std::optional<std::string> parse_setting(std::string_view text, std::string_view key) {
  std::optional<std::string> value;
  for (const std::string_view line : base::lines(text)) {
    const std::string_view trimmed = base::trim(line);
    if (!trimmed.starts_with(key) || trimmed.size() <= key.size() || trimmed[key.size()] != '=') continue;
    std::string_view rest = base::trim(trimmed.substr(key.size() + 1));
    if (rest.size() >= 2 && (rest[0] == '"' || rest[0] == '\'')) {
      const std::size_t end = rest.find(rest[0], 1);
      rest = rest.substr(1, end == std::string_view::npos ? end : end - 1);
    }
    value = std::string(rest);
  }
  return value;
}

BootEntry parse_loader_entry(std::string_view text, const std::string& id) {
  BootEntry entry{.id = id, .title = "", .number = "", .release = ""};
  std::string version;
  for (const std::string_view line : base::lines(text)) {
    if (const auto title = argument_of(line, "title"))
      entry.title = std::string(base::trim(base::trim(line).substr(5)));
    if (const auto path = argument_of(line, "linux")) entry.release = release_of(*path);
    if (const auto word = argument_of(line, "version")) version = *word;
  }
  if (entry.release.empty()) entry.release = version;
  return entry;
}

// Menus hold file systems' names and, at times, passwords.
std::string grub_menu_essence(std::string_view grub_cfg) {
  std::string out;
  for (const std::string_view line : base::lines(grub_cfg)) {
    const std::string_view text = base::trim(line);
    const GrubLine read = read_line(text);
    if (read.does == GrubLine::Does::kernel)
      out += fmt::format("  linux {}\n", read.word);
    else if (read.does != GrubLine::Does::nothing)
      out += fmt::format("{}\n", text);
  }
  return out;
}

void read_loader(const host::View& view, facts::Boot& boot) {
  for (const std::string_view directory : kGrubDirectories) {
    const std::string place(directory);
    if (view.exists(place + "/grub.cfg") || view.exists(place + "/grubenv"))
      return read_grub(view, place, boot);
  }
  if (read_systemd_boot(view, boot)) return;
  const Error none(
      Errc::absent,
      "no boot loader that is known here (GRUB, systemd-boot) keeps its files below /boot or /efi");
  boot.entries = none;
  boot.wanted = none;
  boot.saved = none;
  boot.once = none;
}

}  // namespace bringup::probe
