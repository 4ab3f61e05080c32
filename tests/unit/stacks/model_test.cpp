// SPDX-License-Identifier: Apache-2.0
// Shapes from config.json, and memory held against storages that were counted as PyTorch made them.
#include <bringup/stacks/model_memory.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(Safetensors, HeaderGivesTheNumberOfParameters) {
  const auto count = count_parameters(
      R"({"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [3, 4]}, "b": {"shape": []}})");
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 13);
  EXPECT_FALSE(count_parameters(R"({"a": {"shape": [-1]}})"));
  EXPECT_FALSE(count_parameters(R"({"a": 1})"));
  EXPECT_FALSE(count_parameters(R"({"a": {"shape": [1000000000, 1000000000]}})"));
}

// Counted by tests/gpu/model_memory.py --meta: MiB at the fullest moment, one sequence of 4096.
TEST(ModelMemory, IsWithinOnePercentOfWhatPyTorchMakes) {
  const auto shape = parse_model_config(kConfig);
  const auto needs = memory_needs(*shape, {.parameters = 1'100'048'384, .context = 4096, .batch = 1});
  const std::vector<std::pair<std::string, double>> counted{{"inference-bf16", 2367},
                                                            {"lora", 10478},
                                                            {"lora-checkpointed", 4055},
                                                            {"full", 15351},
                                                            {"full-checkpointed", 8667}};
  ASSERT_EQ(needs.size(), counted.size());
  for (std::size_t i = 0; i < needs.size(); ++i) {
    EXPECT_EQ(needs[i].use, counted[i].first);
    EXPECT_NEAR(needs[i].allocated_bytes / (1024.0 * 1024.0) / counted[i].second, 1.0, 0.01) << needs[i].use;
  }
}

}  // namespace
