// SPDX-License-Identifier: Apache-2.0
// What toml++ 3.3 takes for granted does not hold for all that it is fed ("[[[" for one), and it refuses that
// by itself a few lines later: its assertions must neither end the program nor, in a release, become the
// optimiser's knowledge.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <bringup/base/toml.hpp>
#include <bringup/base/toml_guard.hpp>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

namespace bringup::base {
namespace {

Result<Toml> convert(const toml::node& node, std::string_view name) {
  const int line = static_cast<int>(node.source().begin.line);
  if (const auto* text = node.as_string()) return Toml{text->get(), line};
  if (const auto* number = node.as_integer()) return Toml{number->get(), line};
  if (const auto* number = node.as_floating_point()) return Toml{number->get(), line};
  if (const auto* flag = node.as_boolean()) return Toml{flag->get(), line};
  if (const auto* array = node.as_array()) {
    TomlArray out;
    for (const toml::node& element : *array) out.push_back(TRY(convert(element, name)));
    return Toml{std::move(out), line};
  }
  if (const auto* table = node.as_table()) {
    TomlTable out;
    for (const auto& [key, element] : *table)
      out.push_back({.key = std::string(key.str()), .value = TRY(convert(element, name))});
    std::ranges::stable_sort(out, {}, [](const TomlEntry& entry) { return entry.value.line; });
    return Toml{std::move(out), line};
  }
  return Error(Errc::malformed, fmt::format("{}:{}: dates and times are not used here", name, line));
}

}  // namespace

const Toml* Toml::find(std::string_view key) const {
  const TomlTable* entries = table();
  if (entries == nullptr) return nullptr;
  const auto at = std::ranges::find(*entries, key, &TomlEntry::key);
  return at == entries->end() ? nullptr : &at->value;
}

Result<Toml> parse_toml(std::string_view text, std::string_view name) {
  TRY(ascii_outside_strings(text, name));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    return Error(Errc::malformed,
                 fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
  return convert(parsed.table(), name);
}

}  // namespace bringup::base
