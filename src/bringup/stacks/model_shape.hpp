// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model's own files say about it: its shape from config.json, its parameters from safetensors headers.

#include <bringup/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::stacks {

struct ModelShape {
  std::string architecture;  // "LlamaForCausalLM"; "" when it is not said
  std::string model_type;    // "llama"
  bool known = false;        // of a family whose memory is understood; all below is 0 otherwise
  std::int64_t hidden = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_width = 0;
  std::int64_t intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t context_limit = 0;  // 0: not said
  bool tied = false;               // the embedding is the head as well
  std::string rope_scaling;        // "llama3 x8"; "" for none
  std::string quantization;        // "gptq"; "" for none
  std::optional<std::int64_t> sliding_window;
  std::int64_t windowed_layers = 0;  // that see no further back than the window
  // How its layers differ from Llama's.
  bool head_norms = false;   // queries and keys have a norm each (Qwen3, Gemma 3)
  bool gemma = false;        // a norm behind attention and MLP as well, all of them in fp32
  bool joined = false;       // one matrix for queries, keys and values, one for gate and up (Phi-3)
  bool soft_capped = false;  // the scores of attention are kept between bounds (Gemma 2)
  std::int64_t experts = 0;  // MLPs a layer, of which a token takes experts_used; 0: one for all
  std::int64_t experts_used = 0;
};

// Errc::malformed for what is no configuration, or for a known family whose sizes are missing or absurd.
Result<ModelShape> parse_model_config(std::string_view json);

// What a safetensors header (without its length) lists. Errc::malformed for a tensor without shape or place.
struct Tensors {
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;  // that must follow the header
};
Result<Tensors> parse_tensors(std::string_view header);

// The files that model.safetensors.index.json says the model is in, sorted. Errc::malformed when it names
// none, or one outside its own directory.
Result<std::vector<std::string>> parse_weight_index(std::string_view json);

}  // namespace bringup::stacks
