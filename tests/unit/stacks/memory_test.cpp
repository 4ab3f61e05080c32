// SPDX-License-Identifier: Apache-2.0
// The memory of quantized weights, and of one of several GPUs.
#include <bringup/stacks/model_memory.hpp>

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace bringup::stacks {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

constexpr const char* kTied = R"({"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
  "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
  "tie_word_embeddings": true})";
constexpr const char* kUntied = R"({"model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632,
  "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000})";
constexpr const char* kOwnHeads = R"({"model_type": "llama", "hidden_size": 1536, "intermediate_size": 4096,
  "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 50304})";
constexpr const char* kFewTokens = R"({"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
  "num_hidden_layers": 8, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 8192})";

// MiB at the fullest moment, on an H200 by tests/gpu/quantized_memory.py, 2026-11-29: PyTorch 2.11.0+cu130,
// transformers 5.24.0, peft 0.21.2, bitsandbytes 0.50.2.
struct Quantized {
  const char* config;
  MemoryAsk ask;
  std::array<double, 3> mebibytes;  // int8, nf4, QLoRA
};
const std::array kQuantized{
    Quantized{kTied, {.parameters = 1'235'814'400, .context = 512, .batch = 1}, {1496.6, 1095.2, 1908.4}},
    Quantized{kTied, {.parameters = 1'235'814'400, .context = 2048, .batch = 2}, {1952.3, 1407.7, 7388.4}},
    Quantized{kUntied, {.parameters = 1'100'048'384, .context = 1024, .batch = 1}, {1276.9, 871.2, 1335.6}},
    Quantized{kUntied, {.parameters = 1'100'048'384, .context = 4096, .batch = 1}, {1562.9, 1074.1, 2746.4}},
    Quantized{kOwnHeads, {.parameters = 494'310'912, .context = 512, .batch = 2}, {751.8, 597.1, 1146.8}},
    Quantized{kOwnHeads, {.parameters = 494'310'912, .context = 1024, .batch = 4}, {1127.9, 915.2, 3041.6}},
    Quantized{kFewTokens, {.parameters = 520'128'512, .context = 2048, .batch = 2}, {985.4, 645.6, 1023.5}},
    Quantized{R"({"model_type": "mistral", "hidden_size": 2048, "intermediate_size": 7168,
      "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 32768,
      "sliding_window": 1024})",
              {.parameters = 788'580'352, .context = 2048, .batch = 2},
              {1334.2, 952.2, 2429.3}},
    Quantized{R"({"model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960,
      "num_hidden_layers": 14, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936,
      "tie_word_embeddings": true})",
              {.parameters = 888'544'768, .context = 2048, .batch = 2},
              {1537.9, 1117.0, 8169.3}},
    Quantized{R"({"model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
      "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 151936,
      "head_dim": 128, "tie_word_embeddings": true})",
              {.parameters = 596'049'920, .context = 2048, .batch = 2},
              {1349.2, 1086.2, 7954.2}},
    Quantized{R"({"model_type": "gemma3_text", "hidden_size": 1152, "intermediate_size": 6912,
      "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "vocab_size": 65536,
      "head_dim": 256, "sliding_window": 512})",
              {.parameters = 558'656'640, .context = 2048, .batch = 2},
              {1007.4, 684.9, 3716.0}},
    Quantized{R"({"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
      "num_hidden_layers": 10, "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 32064})",
              {.parameters = 1'203'698'688, .context = 2048, .batch = 2},
              {2118.5, 1436.9, 2752.2}}};

void expect_near(const MemoryNeed& need, double mebibytes, double allowed, const char* config) {
  EXPECT_NEAR(need.allocated_bytes / kMib / mebibytes, 1.0, allowed) << config << " " << need.use;
  double sum = 0;
  for (const MemoryPart& part : need.parts) sum += part.bytes;
  EXPECT_DOUBLE_EQ(need.allocated_bytes, sum) << need.use;
}

TEST(QuantizedMemory, IsWithinThreePercentOfWhatBitsandbytesTook) {
  for (const Quantized& measured : kQuantized) {
    const auto shape = parse_model_config(measured.config);
    ASSERT_TRUE(shape) << measured.config;
    const auto needs = quantized_needs(*shape, measured.ask);
    ASSERT_EQ(needs.size(), measured.mebibytes.size()) << measured.config;
    EXPECT_EQ(needs[0].use, "inference-int8");
    EXPECT_EQ(needs[1].use, "inference-int4");
    EXPECT_EQ(needs[2].use, "qlora-checkpointed");
    for (std::size_t i = 0; i < needs.size(); ++i) {
      expect_near(needs[i], measured.mebibytes.at(i), 0.03, measured.config);
      EXPECT_FALSE(needs[i].estimate);
      EXPECT_EQ(needs[i].gpus, 1);
    }
  }
}

double part_of(const MemoryNeed& need, std::string_view what) {
  for (const MemoryPart& part : need.parts) {
    if (part.what == what) return part.bytes;
  }
  return 0;
}

// Llama-3-8B: 8,030,261,248 parameters, of which 32 x 218,103,808 stand in the blocks' matrices.
TEST(QuantizedMemory, CountsBitsOfTheBlocksMatricesAlone) {
  const auto shape = parse_model_config(R"({"model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 128256})");
  ASSERT_TRUE(shape);
  constexpr double kLinear = 32.0 * 218'103'808;
  constexpr double kRest = 8'030'261'248.0 - kLinear;
  const auto needs = quantized_needs(*shape, {.parameters = 8'030'261'248, .context = 8192, .batch = 1});
  ASSERT_EQ(needs.size(), 3U);
  EXPECT_DOUBLE_EQ(part_of(needs[0], "weights"), kLinear + 2 * kRest);
  EXPECT_DOUBLE_EQ(part_of(needs[1], "weights"), kLinear * 4.5 / 8 + 2 * kRest);
  EXPECT_DOUBLE_EQ(part_of(needs[2], "weights"), kLinear * 4.5 / 8 + 2 * kRest);
  // with so few tokens that a matrix in bf16 is larger than what a layer makes
  const auto few = quantized_needs(*shape, {.parameters = 8'030'261'248, .context = 128, .batch = 1});
  EXPECT_DOUBLE_EQ(part_of(few[1], "one matrix in bf16"), 2.0 * 4096 * 14336);
  EXPECT_DOUBLE_EQ(part_of(needs[1], "one matrix in bf16"), 0);
}

TEST(QuantizedMemory, OfOtherKindsIsNotGuessed) {
  ModelShape shape;
  EXPECT_TRUE(quantized_needs(shape, {.parameters = 9, .context = 8}).empty());
  const auto capped = parse_model_config(R"({"model_type": "gemma2", "hidden_size": 2304,
    "intermediate_size": 9216, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
    "vocab_size": 65536})");
  ASSERT_TRUE(capped);
  const auto needs = quantized_needs(*capped, {.parameters = 773'925'120, .context = 2048, .batch = 2});
  ASSERT_EQ(needs.size(), 2U) << "not trained, as without quantization";
  EXPECT_TRUE(needs[0].estimate) << "its attention was not measured so";
  EXPECT_TRUE(needs[1].estimate);
}

// MiB of rank 0 on an H200 by tests/gpu/sharded_memory.py, 2026-11-29, PyTorch 2.11.0+cu130.
struct Sharded {
  const char* config;
  MemoryAsk ask;
  std::array<double, 4> mebibytes;  // LoRA, full of two; LoRA, full of eight
};
const std::array kSharded{
    Sharded{kTied, {.parameters = 1'235'814'400, .context = 2048, .batch = 2}, {8045, 10370, 7105, 7719}},
    Sharded{kUntied, {.parameters = 1'100'048'384, .context = 4096, .batch = 1}, {3245, 5339, 2409, 2958}},
    Sharded{kOwnHeads, {.parameters = 494'310'912, .context = 1024, .batch = 4}, {3313, 4269, 2950, 3206}},
    Sharded{kFewTokens, {.parameters = 520'128'512, .context = 2048, .batch = 2}, {1478, 2913, 1094, 1544}}};

TEST(ShardedMemory, IsWithinTwoPercentOfWhatOneRankTook) {
  for (const Sharded& measured : kSharded) {
    const auto shape = parse_model_config(measured.config);
    ASSERT_TRUE(shape) << measured.config;
    for (const std::size_t first : {0U, 2U}) {
      const std::int64_t gpus = first == 0 ? 2 : 8;
      const auto needs = memory_estimates(*shape, measured.ask, gpus);
      ASSERT_EQ(needs.size(), 3U);
      expect_near(needs[1], measured.mebibytes.at(first), 0.02, measured.config);
      expect_near(needs[2], measured.mebibytes.at(first + 1), 0.02, measured.config);
      EXPECT_EQ(needs[2].gpus, gpus);
    }
  }
}

}  // namespace
}  // namespace bringup::stacks
