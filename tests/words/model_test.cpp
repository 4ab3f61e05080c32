// SPDX-License-Identifier: Apache-2.0
// The verb model as a person types it, on a directory made for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;

class ModelVerb : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(home_); }
  void TearDown() override { fs::remove_all(home_); }
  void file(const std::string& name, const std::string& text) const {
    std::ofstream(home_ / name, std::ios::binary) << text;
  }
  void config(const std::string& family) const {
    file("config.json", R"({"model_type": ")" + family +
                            R"(", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
          "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512})");
  }
  // Header and no contents: only the header is read.
  void weights(const std::string& name, int parameters) const {
    const std::string header = R"({"w": {"dtype": "BF16", "shape": [)" + std::to_string(parameters) + "]}}";
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    file(name, length + header);
  }
  Ran plan(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"model", "plan", home_.string(), "--for", "1x RTX 4090"});
    return bringup_program(more);
  }
  fs::path home_ = fs::temp_directory_path() / ("bringup-model-" + std::to_string(::getpid()));
};

TEST_F(ModelVerb, CountsAModelOnceThoughItIsThereTwice) {
  config("llama");
  weights("model-00001-of-00002.safetensors", 1000);
  weights("model-00002-of-00002.safetensors", 234);
  weights("consolidated.safetensors", 1234);
  const Ran ran = plan({"--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << ran.out;
  EXPECT_EQ(document.value("schema", ""), "bringup.model-plan/1");
  EXPECT_EQ(document.value("parameters", 0), 1234);
  EXPECT_EQ(document["memory"].size(), 5U);
}

TEST_F(ModelVerb, TellsNoMemoryOfAFamilyThatItDoesNotKnow) {
  config("mamba9");
  weights("model.safetensors", 10);
  const Ran ran = plan();
  EXPECT_EQ(ran.code, 7) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("mamba9"));
}

TEST_F(ModelVerb, SaysWhatIsWrongWithADirectory) {
  EXPECT_THAT(plan().err, HasSubstr("no directory with a config.json"));
  config("llama");
  EXPECT_THAT(plan().err, HasSubstr("no *.safetensors file"));
  file("model.safetensors", "<html>");
  EXPECT_THAT(plan().err, HasSubstr("no safetensors file, or one that is cut off"));
  EXPECT_NE(plan().code, 0);
}

}  // namespace
