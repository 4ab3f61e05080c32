// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include <algorithm>
#include <utility>

namespace bringup::catalog {
namespace {

using base::Toml;

constexpr bool of_a_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

void skip_blanks(std::string_view& text) {
  std::size_t at = 0;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  text.remove_prefix(at);
}

// Takes a key off the front; "" when there is none.
std::string_view take_key(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && of_a_key(text[end])) ++end;
  const std::string_view key = text.substr(0, end);
  text.remove_prefix(end);
  return key;
}

// Takes `"text"` off the front. The file has no backslash, so the next quote ends it.
bool take_text(std::string_view& text, std::string_view& out) {
  if (!text.starts_with('"')) return false;
  const std::size_t end = text.find('"', 1);
  if (end == std::string_view::npos) return false;
  out = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return !out.empty() || !text.starts_with('"');  // """ begins a text of several lines
}

// Nothing but blanks and a comment is left of the line.
bool done(std::string_view rest) {
  skip_blanks(rest);
  return rest.empty() || rest[0] == '#';
}

// All of the file is looked at, with nothing to decide on the way, so that the compiler can take many
// characters at a time.
bool plain(std::string_view text) {
  unsigned char strange = 0;  // as wide as a character, for the same reason
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const unsigned control = static_cast<unsigned>(byte < 0x20) & static_cast<unsigned>(byte != '\n') &
                             static_cast<unsigned>(byte != '\t');
    strange |= static_cast<unsigned char>(control | static_cast<unsigned>(byte > 0x7E) |
                                          static_cast<unsigned>(byte == '\\'));
  }
  return strange == 0;
}

class Reader {
 public:
  explicit Reader(std::size_t size) {
    rows_.entries.reserve(size / 256 + 4);
    rows_.cells.reserve(size / 24 + 16);
    rows_.texts.reserve(size / 64 + 16);
  }

  // False: the line is not of the plain form.
  bool take(std::string_view line, int number) {
    skip_blanks(line);
    if (done(line)) return true;
    if (line.starts_with("[[")) return take_head(line.substr(2), number);
    Cell cell{.key = take_key(line), .line = number};
    skip_blanks(line);
    if (cell.key.empty() || !line.starts_with('=') || rows_.entries.empty() || stands_already(cell.key))
      return false;
    line.remove_prefix(1);
    skip_blanks(line);
    if (!take_value(line, cell) || !done(line)) return false;
    rows_.cells.push_back(cell);
    ++rows_.entries.back().count;
    return true;
  }
  Rows take() && { return std::move(rows_); }

 private:
  bool take_head(std::string_view line, int number) {
    const std::string_view name = take_key(line);
    if (name.empty() || !line.starts_with("]]") || !done(line.substr(2))) return false;
    rows_.entries.push_back(
        {.table = name, .first = static_cast<std::uint32_t>(rows_.cells.size()), .line = number});
    seen_ = 0;
    return true;
  }

  // Keys that fall on one bit are few: only they are compared.
  bool stands_already(std::string_view key) {
    const auto code = static_cast<unsigned char>(key.front()) * 7U +
                      static_cast<unsigned char>(key.back()) * 3U + static_cast<unsigned>(key.size());
    const std::uint64_t bit = std::uint64_t{1} << (code % 64U);
    const bool maybe = (seen_ & bit) != 0;
    seen_ |= bit;
    return maybe && std::ranges::find(rows_.cells_of(rows_.entries.back()), key, &Cell::key) !=
                        rows_.cells_of(rows_.entries.back()).end();
  }

  bool take_value(std::string_view& text, Cell& cell) {
    if (text.starts_with('"')) {
      cell.kind = Cell::Kind::text;
      return take_text(text, cell.text);
    }
    if (text.starts_with('[')) return take_list(text, cell);
    const std::string_view word = take_key(text);
    cell.kind = Cell::Kind::flag;
    cell.number = word == "true" ? 1 : 0;
    if (word == "true" || word == "false") return true;
    const bool usual = word == "0" || (!word.empty() && word[0] >= '1' && word[0] <= '9' && word.size() < 10);
    const auto number = usual ? base::to_integer(word) : std::nullopt;
    cell.kind = Cell::Kind::number;
    cell.number = number.value_or(0);
    return number.has_value();
  }

  bool take_list(std::string_view& text, Cell& cell) {
    text.remove_prefix(1);
    cell.kind = Cell::Kind::texts;
    cell.first = static_cast<std::uint32_t>(rows_.texts.size());
    for (skip_blanks(text); !text.starts_with(']'); skip_blanks(text)) {
      std::string_view one;
      if (!take_text(text, one)) return false;
      rows_.texts.push_back(one);
      skip_blanks(text);
      if (text.starts_with(','))
        text.remove_prefix(1);
      else if (!text.starts_with(']'))
        return false;
    }
    text.remove_prefix(1);
    cell.count = static_cast<std::uint32_t>(rows_.texts.size()) - cell.first;
    return true;
  }

  Rows rows_;
  std::uint64_t seen_ = 0;
};

Cell cell_of(const base::TomlEntry& entry, std::vector<std::string_view>& texts) {
  const Toml& value = entry.value;
  Cell cell{.key = entry.key, .line = value.line};
  if (value.text() != nullptr) {
    cell.kind = Cell::Kind::text;
    cell.text = *value.text();
  } else if (value.integer() != nullptr) {
    cell.kind = Cell::Kind::number;
    cell.number = *value.integer();
  } else if (value.boolean() != nullptr) {
    cell.kind = Cell::Kind::flag;
    cell.number = *value.boolean() ? 1 : 0;
  } else if (value.array() != nullptr &&
             std::ranges::all_of(*value.array(), [](const Toml& one) { return one.text() != nullptr; })) {
    cell.kind = Cell::Kind::texts;
    cell.first = static_cast<std::uint32_t>(texts.size());
    cell.count = static_cast<std::uint32_t>(value.array()->size());
    for (const Toml& one : *value.array()) texts.emplace_back(*one.text());
  }
  return cell;
}

void add_table(Rows& rows, const base::TomlEntry& entry) {
  using Kind = Rows::Entry::Kind;
  const base::TomlArray* list = entry.value.array();
  if (list == nullptr || list->empty())
    rows.entries.push_back({.table = entry.key,
                            .line = entry.value.line,
                            .kind = list == nullptr ? Kind::no_list : Kind::empty});
  if (list == nullptr) return;
  for (const Toml& one : *list) {
    Rows::Entry row{.table = entry.key,
                    .first = static_cast<std::uint32_t>(rows.cells.size()),
                    .line = one.line,
                    .kind = one.table() == nullptr ? Kind::no_table : Kind::row};
    if (one.table() != nullptr) {
      for (const base::TomlEntry& cell : *one.table()) rows.cells.push_back(cell_of(cell, rows.texts));
    }
    row.count = static_cast<std::uint32_t>(rows.cells.size()) - row.first;
    rows.entries.push_back(row);
  }
}

}  // namespace

std::optional<Rows> quick_rows(std::string_view text) {
  if (!plain(text)) return std::nullopt;
  Reader reader(text.size());
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!reader.take(text.substr(0, end), ++number)) return std::nullopt;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  Rows rows = std::move(reader).take();
  // Table by table, as the whole reader has them; the few tables of a file mostly stand so already.
  for (auto at = rows.entries.begin(); at != rows.entries.end();)
    at = std::stable_partition(at, rows.entries.end(),
                               [table = at->table](const Rows::Entry& one) { return one.table == table; });
  return rows;
}

Result<Rows> whole_rows(std::string_view text, std::string_view file) {
  Rows rows;
  rows.whole = std::make_unique<const Toml>(TRY(base::parse_toml(text, file)));
  for (const base::TomlEntry& entry : *rows.whole->table()) add_table(rows, entry);
  return rows;
}

}  // namespace bringup::catalog
