// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tables of text: one row a line, cells apart by tabs, the provenance in the head.

#include <bringup/base/text.hpp>
#include <bringup/catalog/tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bringup::catalog {

// A TSV file: a head of comments with source, as_of, known and columns, then rows in the order of their first
// columns, each once.
class TsvTable {
 public:
  static Result<TsvTable> open(std::string_view text, std::string_view name) {
    TsvTable table(text, name);
    while (table.rest_.starts_with("#")) {
      const std::string_view line = table.take_line();
      if (const std::size_t colon = line.find(": "); colon != std::string_view::npos && colon > 2)
        table.heads_.emplace_back(line.substr(2, colon - 2), base::trim(line.substr(colon + 2)));
      head(line, "source", table.from_.source);
      head(line, "as_of", table.from_.as_of);
      std::string known;
      head(line, "known", known);
      if (!known.empty()) table.from_.known = TRY(parse_known(known).within(table.here()));
      std::string columns;
      head(line, "columns", columns);
      for (const std::string_view column : base::words(columns)) table.columns_.emplace_back(column);
    }
    if (table.from_.source.empty()) return table.bad("source is missing");
    if (table.from_.as_of.size() != 10) return table.bad("as_of is missing or no date");
    if (table.columns_.empty()) return table.bad("columns are missing");
    return table;
  }

  bool more() const { return !rest_.empty(); }
  // The next row as it stands.
  std::string_view line() { return take_line(); }
  // The next row, split; refuses a wrong number of columns. The cells are there until the next call.
  Result<const std::vector<std::string_view>*> row() { return cells(take_line()); }
  Result<const std::vector<std::string_view>*> cells(std::string_view line) {
    cells_.clear();
    for (std::size_t tab = line.find('\t'); tab != std::string_view::npos; tab = line.find('\t')) {
      cells_.push_back(line.substr(0, tab));
      line.remove_prefix(tab + 1);
    }
    cells_.push_back(line);
    if (cells_.size() != columns_.size())
      return bad(fmt::format("{} columns, expected {}", cells_.size(), columns_.size()));
    return &cells_;
  }
  Error bad(std::string_view what) const { return {Errc::malformed, fmt::format("{}: {}", here(), what)}; }
  std::string here() const { return fmt::format("{}:{}", name_, line_); }
  const Provenance& from() const { return from_; }
  const std::vector<std::string>& columns() const { return columns_; }
  // Every "# key: value" of the head, views of the file.
  const std::vector<std::pair<std::string_view, std::string_view>>& heads() const { return heads_; }

 private:
  TsvTable(std::string_view text, std::string_view name) : rest_(text), name_(name) {}
  std::string_view take_line() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    return line;
  }
  static void head(std::string_view line, std::string_view key, std::string& into) {
    if (!line.starts_with("# ")) return;
    line.remove_prefix(2);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(": "))
      into = std::string(base::trim(line.substr(key.size() + 2)));
  }

  std::string_view rest_;
  std::string_view name_;
  int line_ = 0;
  Provenance from_;
  std::vector<std::string> columns_;
  std::vector<std::pair<std::string_view, std::string_view>> heads_;
  std::vector<std::string_view> cells_;
};

}  // namespace bringup::catalog
