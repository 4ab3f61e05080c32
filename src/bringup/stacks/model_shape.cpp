// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/stacks/model_shape.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace bringup::stacks {
namespace {

using Json = nlohmann::ordered_json;

// Decoders with RMS norms, a gated MLP and shared key and value heads, and what is different in each.
struct Family {
  std::string_view name;
  std::int64_t head_width = 0;      // when config.json does not say; 0: hidden by heads
  std::int64_t window_pattern = 0;  // every so many layers one sees all; 0: a window is for all layers
  bool head_norms = false;
  bool gemma = false;
  bool joined = false;
  const char* expert_width = nullptr;  // the key that says it, of a mixture of experts
};
constexpr std::array kFamilies{
    Family{.name = "gemma2", .head_width = 256, .window_pattern = 2, .gemma = true},
    Family{.name = "gemma3_text", .head_width = 256, .window_pattern = 6, .head_norms = true, .gemma = true},
    Family{.name = "llama"},
    Family{.name = "mistral"},
    Family{.name = "mixtral", .expert_width = "intermediate_size"},
    Family{.name = "phi3", .joined = true},
    Family{.name = "qwen2"},
    Family{.name = "qwen3", .head_width = 128, .head_norms = true},
    Family{
        .name = "qwen3_moe", .head_width = 128, .head_norms = true, .expert_width = "moe_intermediate_size"}};

constexpr std::int64_t kMost = std::int64_t{1} << 31;

std::string text_of(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

std::int64_t number_of(const Json& json, const char* key, std::int64_t otherwise) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number_integer() ? at->get<std::int64_t>() : otherwise;
}

Result<std::int64_t> size_of(const Json& json, const char* key, std::int64_t otherwise = 0) {
  const std::int64_t number = number_of(json, key, otherwise);
  if (number > 0 && number < kMost) return number;
  return Error(Errc::malformed, fmt::format("config.json: {} is {}: expected a size above 0", key,
                                            json.contains(key) ? "out of range" : "missing"));
}

std::string scaling_of(const Json& json) {
  const auto at = json.find("rope_scaling");
  if (at == json.end() || !at->is_object()) return "";
  std::string kind = text_of(*at, at->contains("rope_type") ? "rope_type" : "type");
  const auto factor = at->find("factor");
  if (factor == at->end() || !factor->is_number()) return kind;
  return fmt::format("{} x{:g}", kind, factor->get<double>());
}

// How many layers see a window: the list of their kinds when there is one, else the family's way.
std::int64_t windowed_of(const Json& json, const Family& family, std::int64_t layers) {
  if (const auto kinds = json.find("layer_types"); kinds != json.end() && kinds->is_array())
    return std::min(layers, static_cast<std::int64_t>(std::ranges::count(*kinds, Json("sliding_attention"))));
  const std::int64_t pattern = number_of(json, "sliding_window_pattern", family.window_pattern);
  if (pattern > 0) return layers - layers / pattern;
  if (family.name.starts_with("qwen"))
    return std::max<std::int64_t>(0, layers - number_of(json, "max_window_layers", layers));
  return layers;
}

// Qwen names a window that it does not use unless it says so; a Llama has none.
void read_window(const Json& json, const Family& family, ModelShape& shape) {
  const auto used = json.find("use_sliding_window");
  const bool says = used != json.end() && used->is_boolean();
  const bool unused = says ? !used->get<bool>() : family.name.starts_with("qwen");
  const std::int64_t window = number_of(json, "sliding_window", 0);
  if (window <= 0 || unused || family.name == "llama") return;
  shape.windowed_layers = windowed_of(json, family, shape.layers);
  if (shape.windowed_layers > 0) shape.sliding_window = window;
}

// A mixture whose layers are not all alike is none that is understood.
bool all_sparse(const Json& json) {
  const auto dense = json.find("mlp_only_layers");
  return (dense == json.end() || !dense->is_array() || dense->empty()) &&
         number_of(json, "decoder_sparse_step", 1) == 1;
}

Result<> read_mlp(const Json& json, const Family& family, ModelShape& shape) {
  const bool mixture = family.expert_width != nullptr;
  shape.intermediate = TRY(size_of(json, mixture ? family.expert_width : "intermediate_size"));
  if (!mixture) return ok;
  // transformers writes the one, the repositories of Qwen have the other
  shape.experts = TRY(size_of(json, "num_experts", number_of(json, "num_local_experts", 0)));
  shape.experts_used = std::min(shape.experts, TRY(size_of(json, "num_experts_per_tok")));
  return ok;
}

// As a real number, so that an absurd shape does not overflow.
std::optional<double> values_of(const Json& tensor) {
  const auto shape = tensor.is_object() ? tensor.find("shape") : tensor.end();
  if (!tensor.is_object() || shape == tensor.end() || !shape->is_array()) return std::nullopt;
  double values = 1;
  for (const Json& side : *shape) {
    if (!side.is_number_unsigned()) return std::nullopt;
    values *= static_cast<double>(side.get<std::uint64_t>());
  }
  return values;
}

// Where its bytes end, counted from the end of the header.
std::optional<std::uint64_t> end_of(const Json& tensor) {
  const auto place = tensor.find("data_offsets");
  if (place == tensor.end() || !place->is_array() || place->size() != 2) return std::nullopt;
  const Json& end = place->back();
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 60U;
  if (!end.is_number_unsigned() || end.get<std::uint64_t>() > kMostBytes) return std::nullopt;
  return end.get<std::uint64_t>();
}

}  // namespace

Result<ModelShape> parse_model_config(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error(Errc::malformed, "config.json: expected a JSON object");
  ModelShape shape{.model_type = text_of(json, "model_type")};
  const auto names = json.find("architectures");
  if (names != json.end() && names->is_array() && !names->empty() && names->front().is_string())
    shape.architecture = names->front().get<std::string>();
  shape.rope_scaling = scaling_of(json);
  shape.context_limit = std::max<std::int64_t>(0, number_of(json, "max_position_embeddings", 0));
  if (const auto at = json.find("quantization_config"); at != json.end() && at->is_object())
    shape.quantization = text_of(*at, "quant_method");
  const auto* family = std::ranges::find(kFamilies, shape.model_type, &Family::name);
  shape.known = family != kFamilies.end() && (family->expert_width == nullptr || all_sparse(json));
  if (!shape.known) return shape;
  shape.head_norms = family->head_norms;
  shape.gemma = family->gemma;
  shape.joined = family->joined;
  shape.tied = family->gemma;
  shape.hidden = TRY(size_of(json, "hidden_size"));
  shape.layers = TRY(size_of(json, "num_hidden_layers"));
  shape.heads = TRY(size_of(json, "num_attention_heads"));
  shape.kv_heads = TRY(size_of(json, "num_key_value_heads", shape.heads));
  const std::int64_t width =
      family->head_width > 0 ? family->head_width : std::max<std::int64_t>(1, shape.hidden / shape.heads);
  shape.head_width = TRY(size_of(json, "head_dim", width));
  TRY(read_mlp(json, *family, shape));
  shape.vocabulary = TRY(size_of(json, "vocab_size"));
  if (const auto at = json.find("tie_word_embeddings"); at != json.end() && at->is_boolean())
    shape.tied = at->get<bool>();
  const auto cap = json.find("attn_logit_softcapping");  // Gemma 2 has it unless it says no
  shape.soft_capped = cap == json.end() ? family->name == "gemma2" : cap->is_number();
  read_window(json, *family, shape);
  return shape;
}

Result<Tensors> parse_tensors(std::string_view header) {
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object()) return Error(Errc::malformed, "safetensors: the header is no JSON object");
  double all = 0;
  Tensors tensors;
  for (const auto& [name, tensor] : json.items()) {
    if (name == "__metadata__") continue;
    const auto values = values_of(tensor);
    const auto end = end_of(tensor);
    if (!values || !end)
      return Error(Errc::malformed,
                   fmt::format("safetensors: {} has no shape or place", base::harmless(name)));
    all += *values;
    tensors.bytes = std::max(tensors.bytes, *end);
  }
  if (all > 1e15) return Error(Errc::malformed, "safetensors: more parameters than any model has");
  tensors.parameters = static_cast<std::int64_t>(all);
  return tensors;
}

Result<std::vector<std::string>> parse_weight_index(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  std::set<std::string> files;
  if (json.is_object() && map != json.end() && map->is_object()) {
    for (const auto& [tensor, file] : map->items()) {
      if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos)
        return Error(Errc::malformed,
                     fmt::format("weight_map: {} is in no file of this directory", base::harmless(tensor)));
      files.insert(file.get<std::string>());
    }
  }
  if (files.empty()) return Error(Errc::malformed, "expected a weight_map with the files of the model");
  return std::vector<std::string>(files.begin(), files.end());
}

}  // namespace bringup::stacks
