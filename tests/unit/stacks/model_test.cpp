// SPDX-License-Identifier: Apache-2.0
// Shapes from config.json, and memory held against storages that were counted as PyTorch made them.
#include <bringup/stacks/model_memory.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace {

using namespace bringup;
using namespace bringup::stacks;
using testing::HasSubstr;

constexpr const char* kConfig =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
        "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
        "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 4096,
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0}})";

TEST(ModelConfig, GivesTheShape) {
  const auto shape = parse_model_config(kConfig);
  ASSERT_TRUE(shape) << shape.error().message();
  EXPECT_TRUE(shape->known);
  EXPECT_EQ(shape->kv_heads, 4);
  EXPECT_EQ(shape->head_width, 64);
  EXPECT_EQ(shape->context_limit, 4096);
  EXPECT_EQ(shape->rope_scaling, "llama3 x8");
  EXPECT_FALSE(shape->tied);
}

TEST(ModelConfig, OfAnUnknownFamilyGuessesNothing) {
  const auto shape = parse_model_config(R"({"model_type": "mamba9", "hidden_size": 8})");
  ASSERT_TRUE(shape);
  EXPECT_FALSE(shape->known);
  EXPECT_TRUE(memory_needs(*shape, {.parameters = 8, .context = 8}).empty());
}

TEST(ModelConfig, NamesTheSizeThatIsMissingOrAbsurd) {
  for (const char* text : {R"({"model_type": "llama"})", R"({"model_type": "llama", "hidden_size": -1})"}) {
    const auto shape = parse_model_config(text);
    ASSERT_FALSE(shape);
    EXPECT_THAT(shape.error().message(), HasSubstr("hidden_size"));
  }
  EXPECT_FALSE(parse_model_config("[1"));
}

TEST(Safetensors, HeaderGivesParametersAndBytes) {
  const auto tensors = parse_tensors(
      R"({"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]},
          "b": {"shape": [], "data_offsets": [24, 26]}})");
  ASSERT_TRUE(tensors);
  EXPECT_EQ(tensors->parameters, 13);
  EXPECT_EQ(tensors->bytes, 26U);
  for (const char* wrong : {R"({"a": {"shape": [-1], "data_offsets": [0, 2]}})", R"({"a": 1})",
                            R"({"a": {"shape": [1]}})", R"({"a": {"shape": [1], "data_offsets": [0, -2]}})",
                            R"({"a": {"shape": [1000000000, 1000000000], "data_offsets": [0, 2]}})", "[]"})
    EXPECT_FALSE(parse_tensors(wrong)) << wrong;
}

// Measured on an H100 with PyTorch 2.11.0+cu130 by tests/gpu/model_memory.py, 2026-11-25: MiB at the fullest
// moment.
struct Measured {
  const char* name;
  const char* config;
  MemoryAsk ask;
  std::array<double, 5> mebibytes;  // inference, LoRA, checkpointed, full, checkpointed
};
const std::array kMeasured{Measured{"TiedSharedHeads",
                                    R"({"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
                 "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
                 "vocab_size": 128256, "tie_word_embeddings": true})",
                                    {.parameters = 1235814400, .context = 2048, .batch = 2},
                                    {2726, 14762, 8723, 19943, 13406}},
                           Measured{"UntiedSharedHeads",
                                    kConfig,
                                    {.parameters = 1100048384, .context = 4096, .batch = 1},
                                    {2369, 10481, 4058, 15353, 8673}},
                           Measured{"OwnHeads",
                                    R"({"model_type": "llama", "hidden_size": 1536, "intermediate_size": 4096,
                 "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 50304})",
                                    {.parameters = 494310912, .context = 1024, .batch = 4},
                                    {1364, 6324, 3503, 8503, 5380}}};

class ModelMemory : public testing::TestWithParam<Measured> {};

TEST_P(ModelMemory, IsWithinOnePercentOfWhatPyTorchTook) {
  const auto shape = parse_model_config(GetParam().config);
  ASSERT_TRUE(shape);
  const auto needs = memory_needs(*shape, GetParam().ask);
  ASSERT_EQ(needs.size(), GetParam().mebibytes.size());
  for (std::size_t i = 0; i < needs.size(); ++i)
    EXPECT_NEAR(needs[i].allocated_bytes / (1024.0 * 1024.0) / GetParam().mebibytes[i], 1.0, 0.01)
        << needs[i].use;
}

INSTANTIATE_TEST_SUITE_P(Measured, ModelMemory, testing::ValuesIn(kMeasured),
                         [](const auto& about) { return std::string(about.param.name); });

// Other families beside transformers 5.17's own modules and peft, on an H200 with PyTorch 2.11.0+cu130 by
// tests/gpu/families.py, 2026-11-29: context 2048, batch 2. Of those without figures training is not told.
struct MeasuredFamily {
  const char* config;
  std::int64_t parameters;
  std::vector<double> mebibytes;
};
const std::array kFamiliesMeasured{
    MeasuredFamily{R"({"model_type": "mistral", "hidden_size": 2048, "intermediate_size": 7168,
      "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 32768,
      "sliding_window": 1024})",
                   788580352,
                   {1837, 7932, 3314, 11301, 6394}},
    MeasuredFamily{R"({"model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960,
      "num_hidden_layers": 14, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936,
      "tie_word_embeddings": true, "sliding_window": 1024, "use_sliding_window": false})",
                   888544768,
                   {2012, 14207, 9065, 17934, 12425}},
    MeasuredFamily{R"({"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
      "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 151936,
      "tie_word_embeddings": true})",
                   596049920,
                   {1690, 15081, 8558, 18425, 10790}},
    MeasuredFamily{R"({"model_type": "gemma3_text", "hidden_size": 1152, "intermediate_size": 6912,
      "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "vocab_size": 65536,
      "sliding_window": 512})",
                   558656640,
                   {1383, 10729, 4412, 14539, 6521}},
    MeasuredFamily{R"({"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
      "num_hidden_layers": 10, "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 32064,
      "sliding_window": null})",
                   1203698688,
                   {2809, 9054, 4132, 14176, 9598}},
    MeasuredFamily{R"({"model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216,
      "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 65536,
      "sliding_window": 1024})",
                   773925120,
                   {1898}},
    MeasuredFamily{R"({"model_type": "mixtral", "hidden_size": 2048, "intermediate_size": 4096,
      "num_hidden_layers": 8, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 32000,
      "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": null})",
                   1825736704,
                   {3902}},
    MeasuredFamily{R"({"model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
      "moe_intermediate_size": 768, "num_hidden_layers": 8, "num_attention_heads": 32,
      "num_key_value_heads": 4, "vocab_size": 65536, "num_experts": 64, "num_experts_per_tok": 8})",
                   2836434944,
                   {6053}}};

TEST(FamilyMemory, IsWithinFivePercentOfWhatTransformersTook) {
  for (const MeasuredFamily& family : kFamiliesMeasured) {
    const auto shape = parse_model_config(family.config);
    ASSERT_TRUE(shape) << family.config;
    const auto needs = memory_needs(*shape, {.parameters = family.parameters, .context = 2048, .batch = 2});
    ASSERT_EQ(needs.size(), family.mebibytes.size()) << family.config;
    for (std::size_t i = 0; i < needs.size(); ++i)
      EXPECT_NEAR(needs[i].allocated_bytes / (1024.0 * 1024.0) / family.mebibytes[i], 1.0, 0.05)
          << shape->model_type << " " << needs[i].use;
    EXPECT_EQ(stack_needs(*shape, {}).empty(), needs.size() == 1) << shape->model_type;
  }
}

TEST(ModelConfig, KnowsWhichLayersSeeAWindow) {
  const auto layers = [](const std::string& more) {
    const auto shape = parse_model_config(R"({"hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 12, "num_attention_heads": 4, "vocab_size": 100, "sliding_window": 32, )" +
                                          more + "}");
    return shape ? shape->windowed_layers : -1;
  };
  EXPECT_EQ(layers(R"("model_type": "llama")"), 0);
  EXPECT_EQ(layers(R"("model_type": "mistral")"), 12);
  EXPECT_EQ(layers(R"("model_type": "qwen3")"), 0);
  EXPECT_EQ(layers(R"("model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 8)"), 4);
  EXPECT_EQ(layers(R"("model_type": "gemma2")"), 6);
  EXPECT_EQ(layers(R"("model_type": "gemma3_text")"), 10);
  EXPECT_EQ(layers(R"("model_type": "gemma3_text", "sliding_window_pattern": 3)"), 8);
  EXPECT_EQ(layers(R"("model_type": "mistral", "layer_types": ["sliding_attention", 7, "full_attention"])"),
            1);
}

TEST(ModelConfig, OfAMixtureWithDenseLayersGuessesNothing) {
  const std::string sizes = R"({"model_type": "qwen3_moe", "hidden_size": 64, "moe_intermediate_size": 16,
      "num_hidden_layers": 4, "num_attention_heads": 4, "vocab_size": 100, "num_experts_per_tok": 9, )";
  const auto known = parse_model_config(sizes + R"("num_local_experts": 8, "mlp_only_layers": []})");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->experts, 8);
  EXPECT_EQ(known->experts_used, 8) << "no more than there are";
  EXPECT_EQ(memory_estimates(*known, {.parameters = 9, .context = 8}, 2).size(), 1U);
  const auto dense = parse_model_config(sizes + R"("num_experts": 8, "mlp_only_layers": [0]})");
  ASSERT_TRUE(dense);
  EXPECT_FALSE(dense->known);
  EXPECT_FALSE(parse_model_config(sizes + R"("num_experts": 0})"));
}

// Llama-3-8B: 8,030,261,248 parameters.
const ModelShape& llama3() {
  static const ModelShape kShape =
      parse_model_config(R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256})")
          .value_or({});
  return kShape;
}
constexpr MemoryAsk kAsk{.parameters = 8'030'261'248, .context = 8192, .batch = 1};

double part_of(const std::vector<MemoryNeed>& needs, std::string_view use, std::string_view what) {
  for (const MemoryNeed& need : needs) {
    for (const MemoryPart& part : need.parts) {
      if (need.use == use && part.what == what) return part.bytes;
    }
  }
  return -1;
}

TEST(MemoryEstimates, ShareWhatLastsAmongTheGpus) {
  const auto two = memory_estimates(llama3(), kAsk, 2);
  ASSERT_EQ(two.size(), 3U);
  for (const MemoryNeed& need : two) EXPECT_TRUE(need.estimate);
  EXPECT_TRUE(memory_estimates(llama3(), kAsk, 1).empty());
  EXPECT_DOUBLE_EQ(part_of(two, "inference-bf16", "weights"),
                   2 * (16.0 * (218'103'808 + 8192) + 128256.0 * 4096));
  EXPECT_DOUBLE_EQ(part_of(two, "inference-bf16", "key and value cache"), 2.0 * 16 * 1024 * 8192 * 2);
  EXPECT_DOUBLE_EQ(part_of(two, "full-checkpointed", "weights"), 8'030'261'248.0);
  EXPECT_DOUBLE_EQ(part_of(two, "full-checkpointed", "AdamW's states"), 2 * 8'030'261'248.0);
  const auto eight = memory_estimates(llama3(), kAsk, 8);
  EXPECT_DOUBLE_EQ(part_of(eight, "full-checkpointed", "AdamW's states"), 8'030'261'248.0 / 2);
  // what is computed with is not shared
  EXPECT_DOUBLE_EQ(part_of(eight, "full-checkpointed", "gathered ends"),
                   part_of(two, "full-checkpointed", "gathered ends"));
}

// Measured on an H200 by tests/gpu/real_size.py, 2026-11-29: torchtune 0.6.1, trl 1.16.0 with peft 0.21.2.
TEST(StackMemory, IsWithinOnePercentOfWhatTheStacksTookFor8B) {
  const auto needs = stack_needs(llama3(), {.parameters = 8'030'261'248, .context = 2048, .batch = 1});
  const std::array<std::pair<const char*, double>, 4> measured{
      {{"torchtune-lora", 17.51}, {"torchtune-full", 59.91}, {"trl-lora", 16.65}, {"trl-full", 59.91}}};
  ASSERT_EQ(needs.size(), measured.size());
  for (std::size_t i = 0; i < needs.size(); ++i) {
    EXPECT_EQ(needs[i].use, measured.at(i).first);
    EXPECT_NEAR(needs[i].allocated_bytes / 1073741824.0 / measured.at(i).second, 1.0, 0.01) << needs[i].use;
  }
}

TEST(MemoryEstimates, NameTheFewestGpus) {
  constexpr std::uint64_t kGib = std::uint64_t{1} << 30U;
  EXPECT_EQ(fewest_gpus(llama3(), kAsk, "inference-bf16", 24 * kGib), 1);
  EXPECT_EQ(fewest_gpus(llama3(), kAsk, "inference-bf16", 16 * kGib), 2);
  EXPECT_EQ(fewest_gpus(llama3(), kAsk, "full-checkpointed", 80 * kGib), 1);
  const auto many = fewest_gpus(llama3(), kAsk, "full-checkpointed", 40 * kGib);
  ASSERT_TRUE(many);
  EXPECT_EQ(*many, 4);
  EXPECT_EQ(fewest_gpus(llama3(), kAsk, "full-checkpointed", 1 * kGib), std::nullopt);
  EXPECT_TRUE(memory_estimates({}, kAsk, 8).empty());
}

}  // namespace
