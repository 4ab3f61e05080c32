// SPDX-License-Identifier: Apache-2.0
#pragma once
// One row of a TOML table read strictly: a missing key, another type, a value out of range and a key that
// nobody reads are refused by file and line.

#include <bringup/base/toml.hpp>
#include <bringup/catalog/quick_toml.hpp>
#include <bringup/catalog/tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

using base::Toml;

// "2026-11-23" or "2026-11".
bool is_date(std::string_view text);

// One [[table]] entry: typed reading of its keys; what is left unread at the end is refused.
class Row {
 public:
  Row(const Toml& toml, std::string_view file) : toml_(toml), file_(file) { taken_.reserve(24); }

  Error bad(std::string_view what) const {
    return {Errc::malformed, fmt::format("{}:{}: {}", file_, toml_.line, what)};
  }
  bool has(std::string_view key) const { return toml_.find(key) != nullptr; }

  Result<std::string> text(std::string_view key) {
    const Toml* value = take(key);
    if (value == nullptr) return bad(fmt::format("{} is missing", key));
    if (value->text() == nullptr) return bad(fmt::format("{} is not a text", key));
    return *value->text();
  }
  Result<std::string> text_or(std::string_view key, std::string other) {
    return has(key) ? text(key) : Result<std::string>(std::move(other));
  }
  Result<int> number(std::string_view key, int least, int most) {
    const Toml* value = take(key);
    if (value == nullptr || value->integer() == nullptr)
      return bad(fmt::format("{} is missing or not a whole number", key));
    if (*value->integer() < least || *value->integer() > most)
      return bad(fmt::format("{} = {} is not between {} and {}", key, *value->integer(), least, most));
    return static_cast<int>(*value->integer());
  }
  Result<bool> flag_or(std::string_view key, bool other) {
    const Toml* value = take(key);
    if (value == nullptr) return other;
    if (value->boolean() == nullptr) return bad(fmt::format("{} is not true or false", key));
    return *value->boolean();
  }
  Result<Version> version(std::string_view key, int most_major) {
    const std::string words = TRY(text(key));
    const auto version = Version::parse(words);
    if (!version || version->parts.size() < 2 || version->major() > most_major)
      return bad(fmt::format("{} = \"{}\" is no version of this kind", key, words));
    return *version;
  }
  Result<ComputeCapability> compute(std::string_view key) {
    const std::string words = TRY(text(key));
    const auto value = ComputeCapability::parse(words);
    if (!value) return bad(fmt::format("{} = \"{}\" is no compute capability", key, words));
    return *value;
  }
  Result<Architecture> architecture(std::string_view key) {
    const std::string words = TRY(text(key));
    const auto value = parse_architecture(words);
    if (!value) return bad(fmt::format("{} = \"{}\" is no architecture", key, words));
    return *value;
  }
  Result<std::vector<std::string>> texts(std::string_view key, bool needed) {
    const Toml* value = take(key);
    std::vector<std::string> out;
    if (value == nullptr && !needed) return out;
    if (value == nullptr || value->array() == nullptr)
      return bad(fmt::format("{} is missing or not a list", key));
    for (const Toml& one : *value->array()) {
      if (one.text() == nullptr) return bad(fmt::format("{} holds something that is not a text", key));
      out.push_back(*one.text());
    }
    return out;
  }
  Result<Provenance> provenance() {
    Provenance from{.source = TRY(text("source")), .as_of = TRY(text("as_of")), .known = Known::read};
    from.known = TRY(parse_known(TRY(text("known"))).within(fmt::format("{}:{}", file_, toml_.line)));
    if (from.source.empty()) return bad("source is empty");
    if (from.as_of.size() != 10 || !is_date(from.as_of))
      return bad(fmt::format("as_of = \"{}\" is no date", from.as_of));
    return from;
  }
  // A day or a month: "2026-11-23", "2028-06".
  Result<std::string> date(std::string_view key) {
    std::string words = TRY(text(key));
    if (!is_date(words)) return bad(fmt::format("{} = \"{}\" is neither a day nor a month", key, words));
    return words;
  }
  Result<> end() const {
    for (const auto& [key, value] : *toml_.table()) {
      if (std::ranges::find(taken_, key) == taken_.end())
        return Error(Errc::malformed, fmt::format("{}:{}: unknown key '{}'", file_, value.line, key));
    }
    return ok;
  }

 private:
  const Toml* take(std::string_view key) {
    taken_.push_back(key);
    return toml_.find(key);
  }
  const Toml& toml_;
  std::string_view file_;
  std::vector<std::string_view> taken_;
};

// Refuses what is no fingerprint of an OpenPGP key.
Result<> check_fingerprint(const Row& row, const std::string& fingerprint);
// [[pypi]] of toolkits.toml (tables_beside.cpp)
Result<> read_pypi_toolkit(Row& row, Catalog& catalog);

// Calls `read` for each entry of [[name]]; tables of other names are refused.
template <typename F>
Result<> each(std::string_view text, std::string_view file, std::initializer_list<std::string_view> names,
              F&& read) {
  auto quick = quick_toml(text);
  const Toml toml = quick ? *std::move(quick) : TRY(base::parse_toml(text, file));
  for (const auto& [name, entries] : *toml.table()) {
    if (std::ranges::find(names, name) == names.end() || entries.array() == nullptr)
      return Error(Errc::malformed, fmt::format("{}:{}: unknown table '{}'", file, entries.line, name));
    for (const Toml& entry : *entries.array()) {
      if (entry.table() == nullptr)
        return Error(Errc::malformed, fmt::format("{}:{}: '{}' is not a table", file, entry.line, name));
      Row row(entry, file);
      TRY(read(name, row));
      TRY(row.end());
    }
  }
  return ok;
}

}  // namespace bringup::catalog
