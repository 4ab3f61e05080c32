// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include <algorithm>
#include <utility>

namespace bringup::catalog {
namespace {

using base::Toml;
using base::TomlArray;
using base::TomlTable;

bool of_a_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
}

// Takes a key off the front; "" when there is none.
std::string_view take_key(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, of_a_key);
  const std::string_view key = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(key.size());
  return key;
}

// Takes `"text"` off the front.
std::optional<std::string> take_text(std::string_view& text) {
  if (!text.starts_with('"')) return std::nullopt;
  const std::size_t end = text.find_first_of("\"\\", 1);
  if (end == std::string_view::npos || text[end] != '"' || text.starts_with("\"\"\"")) return std::nullopt;
  std::string out(text.substr(1, end - 1));
  text.remove_prefix(end + 1);
  return out;
}

std::optional<TomlArray> take_list(std::string_view& text, int line) {
  if (!text.starts_with('[')) return std::nullopt;
  text.remove_prefix(1);
  TomlArray out;
  for (skip_blanks(text); !text.starts_with(']'); skip_blanks(text)) {
    auto one = take_text(text);
    if (!one) return std::nullopt;
    out.push_back({.value = std::move(*one), .line = line});
    skip_blanks(text);
    if (text.starts_with(','))
      text.remove_prefix(1);
    else if (!text.starts_with(']'))
      return std::nullopt;
  }
  text.remove_prefix(1);
  return out;
}

std::optional<Toml> take_value(std::string_view& text, int line) {
  if (auto one = take_text(text)) return Toml{.value = std::move(*one), .line = line};
  if (auto list = take_list(text, line)) return Toml{.value = std::move(*list), .line = line};
  const std::string_view word = take_key(text);
  if (word == "true" || word == "false") return Toml{.value = word == "true", .line = line};
  const bool plain = word == "0" || (!word.empty() && word[0] >= '1' && word[0] <= '9' && word.size() < 10);
  const auto number = plain ? base::to_integer(word) : std::nullopt;
  return number ? std::optional(Toml{.value = *number, .line = line}) : std::nullopt;
}

// Nothing but blanks and a comment is left of the line.
bool done(std::string_view rest) {
  skip_blanks(rest);
  return rest.empty() || rest[0] == '#';
}

bool plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
}

class Reader {
 public:
  // False: the line is not of the plain form.
  bool take(std::string_view line, int number) {
    skip_blanks(line);
    if (done(line)) return true;
    if (line.starts_with("[[")) return take_head(line.substr(2), number);
    const std::string_view key = take_key(line);
    skip_blanks(line);
    if (key.empty() || !line.starts_with('=') || row_ == nullptr || row_->find(key) != nullptr) return false;
    line.remove_prefix(1);
    skip_blanks(line);
    auto value = take_value(line, number);
    if (!value || !done(line)) return false;
    std::get<TomlTable>(row_->value).push_back({.key = std::string(key), .value = std::move(*value)});
    return true;
  }
  Toml take() && { return {.value = std::move(tables_), .line = 1}; }

 private:
  bool take_head(std::string_view line, int number) {
    const std::string_view name = take_key(line);
    if (name.empty() || !line.starts_with("]]") || !done(line.substr(2))) return false;
    auto at = std::ranges::find(tables_, name, &base::TomlEntry::key);
    if (at == tables_.end())
      at = tables_.insert(tables_.end(),
                          {.key = std::string(name), .value = {.value = TomlArray{}, .line = number}});
    TomlArray& rows = std::get<TomlArray>(at->value.value);
    rows.push_back({.value = TomlTable{}, .line = number});
    row_ = &rows.back();
    std::get<TomlTable>(row_->value).reserve(12);
    return true;
  }

  TomlTable tables_;
  Toml* row_ = nullptr;
};

}  // namespace

std::optional<Toml> quick_toml(std::string_view text) {
  if (!plain(text)) return std::nullopt;
  Reader reader;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!reader.take(text.substr(0, end), ++number)) return std::nullopt;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader).take();
}

}  // namespace bringup::catalog
