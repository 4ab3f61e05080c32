// SPDX-License-Identifier: Apache-2.0
// The verb model as a person types it, on a directory made for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;

class ModelVerb : public InAHome {
 protected:
  void config(const std::string& family) const {
    file("config.json", R"({"model_type": ")" + family +
                            R"(", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
          "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512})");
  }
  void weights(const std::string& name, int parameters) const {
    const std::string header = R"({"w": {"dtype": "BF16", "shape": [)" + std::to_string(parameters) +
                               R"(], "data_offsets": [0, )" + std::to_string(2 * parameters) + "]}}";
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    file(name, length + header + std::string(static_cast<std::size_t>(2 * parameters), 'w'));
  }
  Ran plan(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"model", "plan", home_.string(), "--for", "1x RTX 4090"});
    return bringup_program(more);
  }
  int parameters() const {
    const auto document = nlohmann::json::parse(plan({"--json"}).out, nullptr, false);
    return document.is_object() ? document.value("parameters", 0) : -1;
  }
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
  EXPECT_EQ(document["memory"].size(), 12U);
}

TEST_F(ModelVerb, ReadsTheLinksOfTheHubsCache) {
  config("llama");
  weights("blobs/1f2e", 1000);
  fs::create_symlink("blobs/1f2e", home_ / "model.safetensors");
  EXPECT_EQ(parameters(), 1000);
}

TEST_F(ModelVerb, OfADownloadThatIsNotWholeTellsNothing) {
  config("llama");
  weights("model.safetensors", 1000);
  fs::resize_file(home_ / "model.safetensors", fs::file_size(home_ / "model.safetensors") - 1);
  EXPECT_THAT(plan().err, HasSubstr("cut off"));
  weights("model.safetensors", 1000);
  EXPECT_EQ(parameters(), 1000);
  file("model.safetensors.index.json",
       R"({"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}})");
  const Ran ran = plan();
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("model-2.safetensors: No such file"));
}

TEST_F(ModelVerb, CountsTheFilesThatTheIndexNames) {
  config("llama");
  weights("model.safetensors", 1000);
  weights("other.safetensors", 50);
  file("model.safetensors.index.json", R"({"weight_map": {"a": "model.safetensors"}})");
  EXPECT_EQ(parameters(), 1000);
  file("model.safetensors.index.json", R"({"weight_map": {"a": "../model.safetensors"}})");
  EXPECT_THAT(plan().err, HasSubstr("no file of this directory"));
}

TEST_F(ModelVerb, ShowsNothingThatSteersTheTerminal) {
  config("ll\\u001b[31mama");
  weights("model.safetensors", 10);
  EXPECT_EQ(plan().out.find('\x1b'), std::string::npos);
  EXPECT_THAT(plan({"--json"}).out, testing::Not(HasSubstr("\x1b")));
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
