// SPDX-License-Identifier: Apache-2.0
#pragma once
// The catalog's own tables read many times faster than a whole TOML reader does it: they are parsed whenever
// the program starts. What is not of their plain form is left to that reader, and so is every complaint.

#include <bringup/base/toml.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bringup::catalog {

// One `key = value`. Its texts are views of the file, or of what the whole reader made of it.
struct Cell {
  enum class Kind : std::uint8_t { text, number, flag, texts, other };
  std::string_view key;
  std::string_view text;
  std::int64_t number = 0;  // of a flag: 0 or 1
  std::uint32_t first = 0;  // of `texts`: where they begin in Rows::texts, and how many they are
  std::uint32_t count = 0;
  int line = 0;
  Kind kind = Kind::other;
};

// What one file of [[tables]] holds: its rows in the order in which they stand, table by table.
struct Rows {
  struct Entry {
    enum class Kind : std::uint8_t { row, empty, no_list, no_table };  // empty: `name = []`
    std::string_view table;
    std::uint32_t first = 0;  // its cells
    std::uint32_t count = 0;
    int line = 0;
    Kind kind = Kind::row;
  };
  std::vector<Entry> entries;
  std::vector<Cell> cells;
  std::vector<std::string_view> texts;
  std::unique_ptr<const base::Toml> whole;  // null when the file itself is what the views are of

  std::span<const Cell> cells_of(const Entry& entry) const {
    return std::span(cells).subspan(entry.first, entry.count);
  }
  std::span<const std::string_view> texts_of(const Cell& cell) const {
    return std::span(texts).subspan(cell.first, cell.count);
  }
};

// Comments, [[tables]] and lines `key = "text" | number | true | false | ["text", ..]`, all in ASCII and
// without a backslash; nullopt for anything else. What it gives is what whole_rows() gives.
std::optional<Rows> quick_rows(std::string_view text);

// Any TOML, by base::parse_toml().
Result<Rows> whole_rows(std::string_view text, std::string_view file);

}  // namespace bringup::catalog
