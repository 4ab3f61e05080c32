// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all JSON documents have in common: one form of writing, and null for nothing.

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace bringup::facts {
struct Quantity;
}
namespace bringup::steps {
struct Step;
}

namespace bringup::report {

using nlohmann::ordered_json;

// The document as text that is safe to show as well: broken UTF-8 becomes U+FFFD, and what could steer a
// terminal is escaped.
std::string written(const ordered_json& json);

// null for "".
ordered_json text_or_null(std::string_view text);

template <typename T>
ordered_json value_or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

// What was measured as `verify` shows it.
ordered_json quantity_or_null(const std::optional<facts::Quantity>& quantity);

// A step as `plan` and the fixes of `doctor` show it.
ordered_json step_json(const steps::Step& step);

}  // namespace bringup::report
