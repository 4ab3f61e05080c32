// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads one table of a file that a person wrote, strictly: what is not understood is said, with its line and
// the nearest right word.

#include <bringup/base/result.hpp>
#include <bringup/base/toml.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::goal {

// "file:4: what"
Error complaint(std::string_view file, int line, std::string_view what);

// `"ask", "auto" or "never"`
std::string one_of(std::span<const std::string_view> words);
// ` (did you mean 'toolkit'?)`, or "" when no word is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> words);
// What a value is, for people: `the text "x"`, `the number 3`, `a table`.
std::string described(const base::Toml& value);

class Table {
 public:
  // `where` stands before each key in the complaints: "" at the top, "policy." inside [policy].
  static Result<Table> open(const base::Toml& value, std::string_view file, std::string_view where);

  // Refuses every key that is not in `keys`.
  Result<> only(std::span<const std::string_view> keys) const;

  const base::Toml* find(std::string_view key) const { return value_->find(key); }
  int line() const { return value_->line; }

  // The value of `key`; nullopt when it is not there, an error when it is of another type.
  Result<std::optional<std::string>> text(std::string_view key) const;
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::vector<std::string>>> texts(std::string_view key) const;
  // A text that must be one of `words`.
  Result<std::optional<std::string>> word(std::string_view key,
                                          std::span<const std::string_view> words) const;

  // The complaint about the value of `key`.
  Error about(std::string_view key, std::string_view what) const;

 private:
  Table(const base::Toml& value, std::string_view file, std::string_view where)
      : value_(&value), file_(file), where_(where) {}

  const base::Toml* value_;
  std::string file_;
  std::string where_;
};

}  // namespace bringup::goal
