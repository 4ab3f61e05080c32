// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/overloaded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/goal/table.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::goal {

Error complaint(std::string_view file, int line, std::string_view what) {
  return Error(Errc::usage, fmt::format("{}:{}: {}", file, line, what));
}

std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += fmt::format("\"{}\"", words[i]);
  }
  return out;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> words) {
  const std::vector<std::string> candidates(words.begin(), words.end());
  const auto nearest = base::nearest(word, candidates);
  return nearest ? fmt::format(" (did you mean '{}'?)", *nearest) : "";
}

std::string described(const base::Toml& value) {
  using base::overloaded;
  return std::visit(
      overloaded{[](const std::string& text) { return fmt::format("the text \"{}\"", base::harmless(text)); },
                 [](std::int64_t number) { return fmt::format("the number {}", number); },
                 [](double number) { return fmt::format("the number {}", number); },
                 [](bool flag) { return std::string(flag ? "true" : "false"); },
                 [](const base::TomlArray&) { return std::string("an array"); },
                 [](const base::TomlTable&) { return std::string("a table"); }},
      value.value);
}

Result<Table> Table::open(const base::Toml& value, std::string_view file, std::string_view where) {
  if (value.table() == nullptr) {
    const std::string_view name = where.empty() ? where : where.substr(0, where.size() - 1);
    return complaint(file, value.line, fmt::format("{}: expected a table, found {}", name, described(value)));
  }
  return Table(value, file, where);
}

Result<> Table::only(std::span<const std::string_view> keys) const {
  for (const auto& [key, value] : *value_->table()) {
    if (std::ranges::find(keys, std::string_view(key)) != keys.end()) continue;
    return complaint(
        file_, value.line,
        fmt::format("unknown key '{}{}'{}", where_, base::harmless(key), did_you_mean(key, keys)));
  }
  return ok;
}

Error Table::about(std::string_view key, std::string_view what) const {
  const base::Toml* value = find(key);
  return complaint(file_, value == nullptr ? line() : value->line,
                   fmt::format("{}{}: {}", where_, key, what));
}

Result<std::optional<std::string>> Table::text(std::string_view key) const {
  const base::Toml* value = find(key);
  if (value == nullptr) return std::optional<std::string>{};
  if (value->text() == nullptr)
    return about(key, fmt::format("expected a text in quotes, found {}", described(*value)));
  return std::optional(*value->text());
}

Result<std::optional<bool>> Table::boolean(std::string_view key) const {
  const base::Toml* value = find(key);
  if (value == nullptr) return std::optional<bool>{};
  if (value->boolean() == nullptr)
    return about(key, fmt::format("expected true or false, found {}", described(*value)));
  return std::optional(*value->boolean());
}

Result<std::optional<std::vector<std::string>>> Table::texts(std::string_view key) const {
  const base::Toml* value = find(key);
  if (value == nullptr) return std::optional<std::vector<std::string>>{};
  if (value->array() == nullptr)
    return about(key, fmt::format("expected an array of texts, found {}", described(*value)));
  std::vector<std::string> out;
  for (const base::Toml& element : *value->array()) {
    if (element.text() == nullptr)
      return complaint(file_, element.line,
                       fmt::format("{}{}: expected texts, found {}", where_, key, described(element)));
    out.push_back(*element.text());
  }
  return std::optional(std::move(out));
}

Result<std::optional<std::string>> Table::word(std::string_view key,
                                               std::span<const std::string_view> words) const {
  auto value = TRY(text(key));
  if (!value || std::ranges::find(words, std::string_view(*value)) != words.end()) return value;
  return about(key, fmt::format("expected {}, found \"{}\"{}", one_of(words), base::harmless(*value),
                                did_you_mean(*value, words)));
}

}  // namespace bringup::goal
