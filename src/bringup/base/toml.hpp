// SPDX-License-Identifier: Apache-2.0
#pragma once
// TOML read into plain values that remember their line, so that every complaint can name it. toml++ does the
// reading.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bringup::base {

struct Toml;
struct TomlEntry;
using TomlArray = std::vector<Toml>;
using TomlTable = std::vector<TomlEntry>;  // in the order of the file

struct Toml {
  std::variant<std::string, std::int64_t, double, bool, TomlArray, TomlTable> value;
  int line = 0;

  const std::string* text() const { return std::get_if<std::string>(&value); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value); }
  const bool* boolean() const { return std::get_if<bool>(&value); }
  const TomlArray* array() const { return std::get_if<TomlArray>(&value); }
  const TomlTable* table() const { return std::get_if<TomlTable>(&value); }
  // The entry `key` of a table; null when this is no table or has no such key.
  const Toml* find(std::string_view key) const;
};

// One entry of a table. Not a std::pair: that may not hold a type which is not complete yet.
struct TomlEntry {
  std::string key;
  Toml value;
};

// Errors read "name:line: what is wrong". Dates are refused: no file of ours has one.
Result<Toml> parse_toml(std::string_view text, std::string_view name);

}  // namespace bringup::base
