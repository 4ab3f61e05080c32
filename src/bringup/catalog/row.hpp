// SPDX-License-Identifier: Apache-2.0
#pragma once
// One row of a TOML table read strictly: a missing key, another type, a value out of range and a key that
// nobody reads are refused by file and line.

#include <bringup/catalog/quick_toml.hpp>
#include <bringup/catalog/tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

// "2026-11-23" or "2026-11".
bool is_date(std::string_view text);

// One [[table]] entry: typed reading of its keys; what is left unread at the end is refused.
class Row {
 public:
  Row(const Rows& rows, const Rows::Entry& entry, std::string_view file)
      : rows_(rows), cells_(rows.cells_of(entry)), file_(file), line_(entry.line) {}

  int line() const { return line_; }
  Error bad(std::string_view what) const;
  bool has(std::string_view key) const;

  Result<std::string> text(std::string_view key);
  Result<std::string> text_or(std::string_view key, std::string other);
  Result<int> number(std::string_view key, int least, int most);
  Result<bool> flag_or(std::string_view key, bool other);
  Result<Version> version(std::string_view key, int most_major);
  Result<ComputeCapability> compute(std::string_view key);
  Result<Architecture> architecture(std::string_view key);
  Result<std::vector<std::string>> texts(std::string_view key, bool needed);
  Result<std::vector<ComputeCapability>> computes(std::string_view key);  // empty when the key is not there
  Result<Provenance> provenance();
  // A day or a month: "2026-11-23", "2028-06".
  Result<std::string> date(std::string_view key);
  Result<> end() const;

 private:
  std::size_t place_of(std::string_view key) const;
  const Cell* take(std::string_view key);
  Result<std::string_view> view(std::string_view key);
  // The texts of a list; null when the key is not there.
  Result<const Cell*> list(std::string_view key, bool needed);

  const Rows& rows_;
  std::span<const Cell> cells_;
  std::string_view file_;
  int line_;
  std::uint64_t taken_ = 0;  // by their places; no row has so many keys that are known
  std::size_t next_ = 0;     // keys are mostly asked for in the order in which they stand
};

// Refuses what is no fingerprint of an OpenPGP key.
Result<> check_fingerprint(const Row& row, const std::string& fingerprint);
// [[pypi]] of toolkits.toml (tables_beside.cpp)
Result<> read_pypi_toolkit(Row& row, Catalog& catalog);

// Refuses an entry that is no row of one of these tables.
Result<> check_entry(const Rows::Entry& entry, std::string_view file,
                     std::initializer_list<std::string_view> names);

// Calls `read` for each entry of [[name]]; tables of other names are refused.
template <typename F>
Result<> each(std::string_view text, std::string_view file, std::initializer_list<std::string_view> names,
              F&& read) {
  auto quick = quick_rows(text);
  const Rows rows = quick ? *std::move(quick) : TRY(whole_rows(text, file));
  for (const Rows::Entry& entry : rows.entries) {
    TRY(check_entry(entry, file, names));
    if (entry.kind == Rows::Entry::Kind::empty) continue;
    Row row(rows, entry, file);
    TRY(read(entry.table, row));
    TRY(row.end());
  }
  return ok;
}

}  // namespace bringup::catalog
