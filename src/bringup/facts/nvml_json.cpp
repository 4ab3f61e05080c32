// SPDX-License-Identifier: Apache-2.0
#include <bringup/facts/nvml_json.hpp>

#include <nlohmann/json.hpp>

namespace bringup::facts {
namespace {

using nlohmann::ordered_json;

ordered_json put_error(const Error& error) {
  return {{"error", static_cast<int>(error.code())}, {"message", error.message()}};
}

Error get_error(const ordered_json& json) {
  const auto code = json.value("error", -1);
  const bool known = code >= 0 && code <= static_cast<int>(Errc::failed);
  return {known ? static_cast<Errc>(code) : Errc::failed,
          json.contains("message") && json["message"].is_string() ? json["message"].get<std::string>() : ""};
}

bool is_error(const ordered_json& json) {
  return json.is_object() && json.contains("error") && json["error"].is_number_integer();
}

void put_value(ordered_json& json, const PcieLink& link) {
  json = {{"generation", link.generation},
          {"max_generation", link.max_generation},
          {"width", link.width},
          {"max_width", link.max_width}};
}
void put_value(ordered_json& json, const std::vector<NvlinkPeer>& peers) {
  json = ordered_json::array();
  for (const NvlinkPeer& peer : peers)
    json.push_back({{"pci", peer.pci}, {"kind", static_cast<int>(peer.kind)}, {"links", peer.links}});
}
template <typename T>
void put_value(ordered_json& json, const T& value) {
  json = value;
}

template <typename T>
void put(ordered_json& json, const char* key, const Reading<T>& reading) {
  if (reading)
    put_value(json[key], *reading);
  else
    json[key] = put_error(reading.error());
}

bool get_value(const ordered_json& json, PcieLink& link) {
  if (!json.is_object()) return false;
  for (const auto& [key, into] : {std::pair<const char*, int*>{"generation", &link.generation},
                                  {"max_generation", &link.max_generation},
                                  {"width", &link.width},
                                  {"max_width", &link.max_width}}) {
    if (!json.contains(key) || !json[key].is_number_integer()) return false;
    *into = json[key].get<int>();
  }
  return true;
}
bool get_value(const ordered_json& json, std::vector<NvlinkPeer>& peers) {
  if (!json.is_array()) return false;
  for (const ordered_json& one : json) {
    if (!one.is_object() || !one.contains("pci") || !one["pci"].is_string()) return false;
    const int kind = one.value("kind", static_cast<int>(NvlinkEnd::other));
    const bool known = kind >= 0 && kind <= static_cast<int>(NvlinkEnd::other);
    peers.push_back({.pci = one["pci"].get<std::string>(),
                     .kind = known ? static_cast<NvlinkEnd>(kind) : NvlinkEnd::other,
                     .links = one.value("links", 0)});
  }
  return true;
}
bool get_value(const ordered_json& json, std::vector<std::string>& values) {
  if (!json.is_array()) return false;
  for (const ordered_json& one : json) {
    if (!one.is_string()) return false;
    values.push_back(one.get<std::string>());
  }
  return true;
}
bool get_value(const ordered_json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  return json.is_string();
}
bool get_value(const ordered_json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
  return json.is_boolean();
}
template <typename N>
bool get_value(const ordered_json& json, N& value) {
  if (json.is_number()) value = json.get<N>();
  return json.is_number();
}

template <typename T>
Reading<T> get(const ordered_json& json, const char* key) {
  if (!json.contains(key)) return Error(Errc::absent, "not recorded");
  if (is_error(json[key])) return get_error(json[key]);
  T value{};
  if (!get_value(json[key], value))
    return Error(Errc::malformed, std::string(key) + ": not of the expected type");
  return value;
}

// Every reading of a GPU with its key, once: writing and reading cannot differ.
template <typename G, typename F>
void each_reading(G& gpu, F&& visit) {
  visit("compute_capability", gpu.compute_capability);
  visit("memory_bytes", gpu.memory_bytes);
  visit("memory_used_bytes", gpu.memory_used_bytes);
  visit("link", gpu.link);
  visit("persistence", gpu.persistence);
  visit("mig", gpu.mig);
  visit("ecc", gpu.ecc);
  visit("ecc_uncorrected", gpu.ecc_uncorrected);
  visit("power_limit_watts", gpu.power_limit_watts);
  visit("power_default_watts", gpu.power_default_watts);
  visit("power_watts", gpu.power_watts);
  visit("temperature_celsius", gpu.temperature_celsius);
  visit("nvlinks_active", gpu.nvlinks_active);
  visit("nvlink_peers", gpu.nvlink_peers);
  visit("reads_from", gpu.reads_from);
  visit("processes", gpu.processes);
  visit("bar1_bytes", gpu.bar1_bytes);
  visit("row_remap_pending", gpu.row_remap_pending);
  visit("row_remap_failed", gpu.row_remap_failed);
  visit("clock_reasons", gpu.clock_reasons);
}

std::string text_of(const ordered_json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}
int number_of(const ordered_json& json, const char* key) {
  return json.contains(key) && json[key].is_number_integer() ? json[key].get<int>() : 0;
}

}  // namespace

std::string nvml_to_json(const Reading<NvmlSnapshot>& nvml) {
  ordered_json json = {{"schema", "bringup.nvml/1"}};
  if (!nvml) {
    json.update(put_error(nvml.error()));
  } else {
    json["driver_version"] = nvml->driver_version;
    json["nvml_version"] = nvml->nvml_version;
    json["cuda_driver_version"] = nvml->cuda_driver_version;
    json["library_path"] = nvml->library_path;
    json["gpus"] = ordered_json::array();
    for (const NvmlGpu& gpu : nvml->gpus) {
      ordered_json one = {{"index", gpu.index}, {"pci", gpu.pci}, {"name", gpu.name}, {"uuid", gpu.uuid}};
      each_reading(gpu, [&one](const char* key, const auto& reading) { put(one, key, reading); });
      json["gpus"].push_back(std::move(one));
    }
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Reading<NvmlSnapshot> nvml_from_json(std::string_view text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return Error(Errc::malformed, "no JSON object");
  if (is_error(json)) return get_error(json);
  if (!json.contains("gpus") || !json["gpus"].is_array()) return Error(Errc::malformed, "no list 'gpus'");
  NvmlSnapshot snapshot{.driver_version = text_of(json, "driver_version"),
                        .nvml_version = text_of(json, "nvml_version"),
                        .cuda_driver_version = number_of(json, "cuda_driver_version"),
                        .library_path = text_of(json, "library_path"),
                        .gpus = {}};
  for (const ordered_json& one : json["gpus"]) {
    if (!one.is_object()) return Error(Errc::malformed, "a GPU that is no object");
    NvmlGpu gpu{.index = number_of(one, "index"),
                .pci = text_of(one, "pci"),
                .name = text_of(one, "name"),
                .uuid = text_of(one, "uuid")};
    each_reading(gpu,
                 [&one]<typename T>(const char* key, Reading<T>& reading) { reading = get<T>(one, key); });
    snapshot.gpus.push_back(std::move(gpu));
  }
  return snapshot;
}

}  // namespace bringup::facts
