// SPDX-License-Identifier: Apache-2.0
#include <bringup/facts/native_fields.hpp>
#include <bringup/facts/native_json.hpp>

#include <nlohmann/json.hpp>

#include <cmath>

namespace bringup::facts {
namespace {

using nlohmann::ordered_json;

template <typename T>
concept Struct = requires(T& part) {
  fields(part, [](const char*, auto&) {});
};

// What is no number has no written form; it is written as null and read back as malformed.
ordered_json put(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}
ordered_json put(bool value) {
  return value;
}
ordered_json put(int value) {
  return value;
}
ordered_json put(std::int64_t value) {
  return value;
}
ordered_json put(std::uint64_t value) {
  return value;
}
ordered_json put(const std::string& value) {
  return value;
}
template <typename T>
ordered_json put(const std::optional<T>& value);
template <typename T>
ordered_json put(const Reading<T>& value);
template <typename T>
ordered_json put(const std::vector<T>& values);
template <Struct T>
ordered_json put(const T& value) {
  ordered_json json = ordered_json::object();
  fields(value, [&json](const char* key, const auto& field) { json[key] = put(field); });
  return json;
}
template <typename T>
ordered_json put(const std::optional<T>& value) {
  return value ? put(*value) : ordered_json(nullptr);
}
template <typename T>
ordered_json put(const Reading<T>& value) {
  if (value) return put(*value);
  return {{"error", static_cast<int>(value.error().code())}, {"message", value.error().message()}};
}
template <typename T>
ordered_json put(const std::vector<T>& values) {
  ordered_json json = ordered_json::array();
  for (const T& value : values) json.push_back(put(value));
  return json;
}

bool is_error(const ordered_json& json) {
  return json.is_object() && json.contains("error") && json["error"].is_number_integer();
}
Error error_of(const ordered_json& json) {
  const auto code = json["error"].get<std::int64_t>();
  const bool known = code >= 0 && code <= static_cast<std::int64_t>(Errc::failed);
  const auto words = json.find("message");
  return {known ? static_cast<Errc>(code) : Errc::failed,
          words != json.end() && words->is_string() ? words->get<std::string>() : "no words about it"};
}

// Each says whether `json` had the form; what had not is left as it was.
bool get(const ordered_json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
  return json.is_number();
}
bool get(const ordered_json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
  return json.is_boolean();
}
template <typename N>
requires std::is_integral_v<N>
bool get(const ordered_json& json, N& value) {
  const bool fits = json.is_number_unsigned() || (std::is_signed_v<N> && json.is_number_integer());
  if (fits) value = json.get<N>();
  return fits;
}
bool get(const ordered_json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  return json.is_string();
}
template <typename T>
bool get(const ordered_json& json, std::optional<T>& value);
template <typename T>
bool get(const ordered_json& json, Reading<T>& value);
template <typename T>
bool get(const ordered_json& json, std::vector<T>& values);
// A field that is missing or of another form makes the whole malformed, but for readings: those say so
// themselves.
template <Struct T>
bool get(const ordered_json& json, T& value) {
  if (!json.is_object() || is_error(json)) return false;
  bool whole = true;
  fields(value, [&](const char* key, auto& field) {
    const auto found = json.find(key);
    whole = found != json.end() && get(*found, field) && whole;
  });
  return whole;
}
template <typename T>
bool get(const ordered_json& json, std::optional<T>& value) {
  if (json.is_null()) return true;
  value.emplace();
  return get(json, *value);
}
template <typename T>
bool get(const ordered_json& json, Reading<T>& value) {
  T good{};
  if (is_error(json))
    value = error_of(json);
  else if (get(json, good))
    value = std::move(good);
  else
    value = Error(Errc::malformed, "not written in the form that was expected");
  return true;
}
template <typename T>
bool get(const ordered_json& json, std::vector<T>& values) {
  if (!json.is_array()) return false;
  for (const ordered_json& one : json) {
    values.emplace_back();
    if (!get(one, values.back())) return false;
  }
  return true;
}

constexpr auto kReplace = ordered_json::error_handler_t::replace;
constexpr const char* kSchema = "bringup.native/1";

}  // namespace

template <typename T>
std::string part_to_json(const T& part) {
  return put(part).dump(-1, ' ', false, kReplace);
}

template <typename T>
Reading<T> part_from_json(std::string_view text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  Reading<T> part = Error(Errc::malformed, "nothing was read");
  get(json, part);
  return part;
}

template std::string part_to_json(const NativeGpu&);
template std::string part_to_json(const std::vector<NativePair>&);
template std::string part_to_json(const std::vector<Collective>&);
template std::string part_to_json(const std::vector<CollectiveStep>&);
template Reading<NativeGpu> part_from_json(std::string_view);
template Reading<std::vector<NativePair>> part_from_json(std::string_view);
template Reading<std::vector<Collective>> part_from_json(std::string_view);
template Reading<std::vector<CollectiveStep>> part_from_json(std::string_view);

std::string native_to_json(const Reading<NativeProof>& proof) {
  ordered_json json = {{"schema", kSchema}};
  json.update(put(proof));
  return json.dump(1, ' ', false, kReplace) + "\n";
}

Reading<NativeProof> native_from_json(std::string_view text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("schema") || json["schema"] != kSchema) {
    return Error(Errc::malformed, std::string("no native proof: its schema is not ") + kSchema);
  }
  Reading<NativeProof> proof = Error(Errc::malformed, "nothing was read");
  get(json, proof);
  return proof;
}

}  // namespace bringup::facts
