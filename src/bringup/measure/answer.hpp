// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a child writes a value or the error in its place, and how its parent reads that without trusting it.
// For .cpp files.

#include <bringup/base/result.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>

namespace bringup::measure {

inline nlohmann::json error_to_json(const Error& error) {
  return {{"error", static_cast<int>(error.code())}, {"message", error.message()}};
}

// The error that `json` holds; Errc::malformed when it holds none.
inline Error error_from_json(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("error") || !json["error"].is_number_integer() ||
      !json.contains("message") || !json["message"].is_string()) {
    return {Errc::malformed, "the child process answered neither a value nor an error"};
  }
  const auto code = json["error"].get<std::int64_t>();
  const bool known = code >= 0 && code <= static_cast<std::int64_t>(Errc::failed);
  return {known ? static_cast<Errc>(code) : Errc::failed, json["message"].get<std::string>()};
}

// The text under `key`; "" when there is none.
inline std::string text_in(const nlohmann::json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : "";
}

// Text from outside may not be UTF-8; what is not is replaced.
inline std::string dumped(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace bringup::measure
