// SPDX-License-Identifier: Apache-2.0
// The verb stack as a person types it. The Python that trains is a script here; tests/system/stacks runs the
// real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;
using testing::Not;

class StackVerb : public InAHome {
 protected:
  // With a prefix and a journal of its own: nothing of this machine plays a part.
  Ran stack(std::vector<std::string> words) const {
    words.insert(words.begin(), "stack");
    words.insert(words.end(),
                 {"--goal", file("bringup.toml", "[python]\nprefix = \"" + at("prefix") + "\"\n"), "--state",
                  at("state")});
    return bringup_program(words);
  }
  // A Python that trains six steps with these losses: first when it begins, then when it resumes.
  std::string python(const std::string& first, const std::string& then, const std::string& last = "") const {
    const std::string path = file(
        "python",
        "#!/bin/sh\necho noise\nfrom=1\nlosses='" + first +
            "'\ncase \"$5\" in *'\"resume\":true'*) from=4; losses='" + then + "';; esac\nmkdir -p " +
            at("asked") + "\necho \"$5\" > " + at("asked") +
            "/$from\n"
            "echo '{\"event\": \"begin\", \"torch\": \"2.11.0+cpu\", \"processes\": 1, \"gpus\": []}'\n"
            "for loss in $losses; do\n"
            "  echo \"{\\\"event\\\": \\\"step\\\", \\\"step\\\": $from, \\\"of\\\": 6, \\\"loss\\\": $loss, "
            "\\\"seconds\\\": 1.0, \\\"tokens_per_second\\\": 50.0}\"\n"
            "  from=$((from + 1))\ndone\n"
            "echo '{\"event\": \"checkpoint\", \"path\": \"/o/checkpoint-6\"}'\n" +
            (last.empty() ? "echo '{\"event\": \"end\"}'\n" : last));
    fs::permissions(path, fs::perms(0755));
    return path;
  }
  void model() const {
    file("m/config.json", R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512})");
    const std::string header = R"({"w": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}})";
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    file("m/model.safetensors", length + header + "wwwwwwww");
    file("m/tokenizer.json", "{}");
  }
};

TEST_F(StackVerb, ListsWhatThereIs) {
  const Ran ran = stack({});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("trl          not installed"));
  EXPECT_THAT(ran.out, HasSubstr("no longer maintained"));
  const auto json = nlohmann::json::parse(stack({"list", "--json"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["schema"], "bringup.stacks/1");
  EXPECT_EQ(json["stacks"][1]["name"], "trl");
  EXPECT_EQ(json["stacks"][1]["path"], at("prefix") + "/envs/stack-trl");
  EXPECT_EQ(json["stacks"][1]["installed"], false);
}

TEST_F(StackVerb, RefusesWhatItCannotMean) {
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* error;
  };
  file("bad.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"a\"}\n");
  model();
  const std::string fake = python("7 6 5", "4 3 2");
  for (const auto& [words, code, error] :
       {Case{{"instal", "trl"}, 64, "did you mean 'install'?"},
        {{"install"}, 64, "needs the name of a stack"},
        {{"install", "trll"}, 64, "did you mean 'trl'?"},
        {{"install", "trl", "full"}, 64, "takes no more words"},
        {{"remove", "trl"}, 1, "the stack trl is not installed"},
        {{"run", "trl"}, 64, "needs full or lora"},
        {{"run", "trl", "half", "--smoke"}, 64, "needs full or lora"},
        {{"run", "trl", "full"}, 64, "which model?"},
        {{"run", "trl", "full", at("m")}, 64, "--data is missing"},
        {{"run", "trl", "full", at("m"), "--smoke"}, 64, "--smoke makes its own model"},
        {{"run", "trl", "full", "--smoke"}, 1, "'bringup stack install trl' does it"},
        {{"run", "trl", "full", "--smoke", "--python", "/nowhere"}, 64, "there is no such program"},
        {{"run", "trl", "full", "--smoke", "--steps", "-3", "--python", fake}, 64, "--steps '-3'"},
        {{"run", "trl", "full", "--smoke", "--learning-rate", "2", "--python", fake}, 64, "between 0 and 1"},
        {{"run", "trl", "full", at("none"), "--data", at("bad.jsonl"), "--python", fake},
         1,
         "bad.jsonl: line 2"},
        {{"run", "trl", "full", at("m"), "--data", at("no.jsonl"), "--python", fake}, 1, "no.jsonl"}}) {
    const Ran ran = stack(words);
    EXPECT_EQ(ran.code, code) << error << "\n" << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(error));
  }
  EXPECT_FALSE(fs::exists(at("asked"))) << "it was run all the same";
}

TEST_F(StackVerb, RemovesNothingThatItDidNotMake) {
  file("prefix/envs/stack-trl/bin/python", "mine");
  const Ran ran = stack({"remove", "trl", "--yes"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("bringup removes only what it made"));
  EXPECT_TRUE(fs::exists(at("prefix/envs/stack-trl/bin/python")));
}

TEST_F(StackVerb, SmokesInTwoPartsAndSeesTheLossFall) {
  const Ran ran = stack({"run", "trl", "full", "--smoke", "--python", python("7.5 6 5", "4 3 2.5")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("trl full: 6 steps on the CPU (torch 2.11.0+cpu)"));
  EXPECT_THAT(ran.out, HasSubstr("7.5 -> 2.5"));
  EXPECT_THAT(ran.out, HasSubstr("passed"));
  EXPECT_THAT(ran.out, Not(HasSubstr("checkpoint-6"))) << "it is gone with the smoke";
  EXPECT_TRUE(fs::exists(at("asked/1")) && fs::exists(at("asked/4")));
}

TEST_F(StackVerb, FailsASmokeWhoseLossStays) {
  const Ran ran = stack({"run", "trl", "lora", "--smoke", "--json", "--python", python("7 6 5", "7 6 5")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("the loss did not fall"));
  const auto json = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << ran.out;
  EXPECT_EQ(json["schema"], "bringup.stack-run/1");
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["steps"], 6);
  EXPECT_EQ(json["last_loss"], 5.0);
}

TEST_F(StackVerb, TellsWhyAHelperEnded) {
  Ran ran =
      stack({"run", "trl", "full", "--smoke", "--python",
             python("7", "", "echo '{\"event\": \"error\", \"text\": \"OutOfMemoryError: x\"}'; exit 1\n")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("trl full: OutOfMemoryError: x"));
  ran = stack(
      {"run", "trl", "full", "--smoke", "--python", python("7", "", "echo cannot import >&2; exit 3\n")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("exited with 3: cannot import"));
  ran = stack({"run", "trl", "full", "--smoke", "--python", python("7", "", "exit 0\n")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("ended without saying so"));
}

TEST_F(StackVerb, TrainsAModelOnDataAndTellsItsCheckpoint) {
  model();
  file("d.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"}");
  const Ran ran = stack({"run", "torchtune", "lora", at("m"), "--data", at("d.jsonl"), "--output", at("out"),
                         "--steps", "3", "--python", python("7 6 5", "4 3 2")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("checkpoint  /o/checkpoint-6"));
  const auto asked = nlohmann::json::parse(std::ifstream(at("asked/1")), nullptr, false);
  ASSERT_TRUE(asked.is_object());
  EXPECT_EQ(asked["method"], "lora");
  EXPECT_EQ(asked["model"], at("m"));
  EXPECT_EQ(asked["output"], at("out"));
  EXPECT_EQ(asked["learning_rate"], 2e-4);
  fs::remove(at("m/tokenizer.json"));
  EXPECT_THAT(
      stack({"run", "trl", "full", at("m"), "--data", at("d.jsonl"), "--python", python("7", "7")}).err,
      HasSubstr("there is no tokenizer"));
}

}  // namespace
