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
using testing::AllOf;
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
    std::string path = file(
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
  EXPECT_EQ(json["stacks"][3]["name"], "trl");
  EXPECT_EQ(json["stacks"][3]["path"], at("prefix") + "/envs/stack-trl");
  EXPECT_EQ(json["stacks"][3]["installed"], false);
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
        {{"run", "trl", "full", at("m"), "--data", at("no.jsonl"), "--python", fake}, 1, "no.jsonl"},
        {{"run", "trl", "full", at("m"), "--prompt", "x"}, 64, "takes no --prompt"},
        {{"run", "exllamav2"}, 64, "which model?"},
        {{"run", "exllamav2", at("m")}, 64, "--prompt is missing"},
        {{"run", "exllamav2", "full", at("m"), "--prompt", "x"}, 64, "takes one model"},
        {{"run", "exllamav2", at("m"), "--smoke"}, 64, "--smoke makes its own model and prompt"},
        {{"run", "exllamav2", "--smoke", "--data", "x"}, 64, "are for stacks that train"},
        {{"run", "exllamav2", "--smoke", "--tokens", "0", "--python", fake}, 64, "--tokens '0'"},
        {{"run", "exllamav2", at("none"), "--prompt", "x", "--python", fake},
         1,
         "no directory with a config.json"},
        {{"install", "exllamav2", "--for", "GTX 980"}, 1, "runs on GPUs from compute capability 6.0 on"}}) {
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

TEST_F(StackVerb, GeneratesAndPrintsTheTextAlone) {
  model();
  const std::string path = file(
      "generates",
      "#!/bin/sh\nmkdir -p " + at("asked") + "\necho \"$5\" > " + at("asked") +
          "/generate\n"
          "echo '{\"event\": \"begin\", \"torch\": \"2.11.0\", \"processes\": 1, \"gpus\": [\"A\", \"B\"]}'\n"
          "echo '{\"event\": \"text\", \"text\": \" there \\u001b[2Jwas\"}'\n"
          "echo '{\"event\": \"text\", \"text\": \" a fox\"}'\n"
          "echo '{\"event\": \"generated\", \"prompt_tokens\": 3, \"tokens\": 41, \"prompt_seconds\": 0.25, "
          "\"seconds\": 2.0}'\n"
          "echo '{\"event\": \"memory\", \"gpu\": 1, \"peak_bytes\": 2147483648}'\n"
          "echo '{\"event\": \"end\"}'\n");
  fs::permissions(path, fs::perms(0755));
  Ran ran = stack({"run", "exllamav2", at("m"), "--prompt", "Once", "--tokens", "41", "--python", path});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, " there [2Jwas a fox\n");
  EXPECT_THAT(ran.err, HasSubstr("41 tokens after a prompt of 3, 20.0 tokens/s; the first after 0.25 s"));
  EXPECT_THAT(ran.err, HasSubstr("GPU 1: 2.00 GiB at the most"));
  const auto asked = nlohmann::json::parse(std::ifstream(at("asked/generate")), nullptr, false);
  ASSERT_TRUE(asked.is_object());
  EXPECT_EQ(asked["method"], "generate");
  EXPECT_EQ(asked["model"], at("m"));
  EXPECT_EQ(asked["prompt"], "Once");
  EXPECT_EQ(asked["tokens"], 41);
  ran = stack({"run", "exllamav2", at("m"), "--prompt", "Once", "--json", "--python", path});
  const auto json = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << ran.out;
  EXPECT_EQ(json["schema"], "bringup.stack-generate/1");
  EXPECT_EQ(json["tokens_per_second"], 20.0);
  EXPECT_EQ(json["text"], " there \u001b[2Jwas a fox");
  EXPECT_EQ(json["peak_memory"][0]["gpu"], 1);
  ran = stack({"run", "exllamav2", "--smoke", "--python", path});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("passed: exllamav2 made 41 tokens of a small model, twice the same, its "
                                 "layers spread over 2 GPUs"));
}

// 30 GB of weights, of which the disk holds the header.
TEST_F(StackVerb, SaysBeforeItLoadsThatAModelIsTooLargeForTheseGpus) {
  model();
  const std::string header =
      R"({"w": {"dtype": "BF16", "shape": [15000000000], "data_offsets": [0, 30000000000]}})";
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  fs::resize_file(file("m/model.safetensors", length + header), 8 + header.size() + 30'000'000'000);
  file("d.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"}\n");
  const std::string fake = python("7 6 5", "4 3 2");
  Ran ran = stack(
      {"run", "trl", "full", at("m"), "--data", at("d.jsonl"), "--python", fake, "--for", "1x RTX 3090"});
  EXPECT_EQ(ran.code, 1) << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("to train it (full) takes"),
                             HasSubstr("the smallest here has 24.0 GiB"), HasSubstr("lora takes less")));
  ran = stack({"run", "exllamav2", at("m"), "--prompt", "x", "--python", fake, "--for", "1x RTX 3090"});
  EXPECT_EQ(ran.code, 1) << ran.err;
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr("to generate with it takes"), HasSubstr("quantized weights take less")));
  EXPECT_FALSE(fs::exists(at("asked"))) << "it was run all the same";
}

TEST_F(StackVerb, OfAnInstallThatWasCutOffIsNotRunAndNotCalledInstalled) {
  const std::string env = "prefix/envs/stack-exllamav2/";
  const std::string site = env + "lib/python3.11/site-packages/";
  file(env + "bin/python", "");
  fs::create_directories(at(site));
  Ran ran = stack({"run", "exllamav2", "--smoke"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("is not whole, torch is missing: 'bringup stack install exllamav2'"));
  for (const char* package : {"torch-2.11.0", "exllamav2-0.3.2", "tokenizers-0.23.3", "safetensors-0.8.0"})
    file(site + package + ".dist-info/RECORD", "");
  file(site + "numpy-1.26.4.dist-info/METADATA", "");  // RECORD comes last
  const auto of_stack = [this] {
    const auto json = nlohmann::json::parse(stack({"list", "--json"}).out, nullptr, false);
    return json.is_object() ? json["stacks"][0] : nlohmann::json::object();
  };
  EXPECT_EQ(of_stack()["incomplete"], "numpy is missing");
  EXPECT_EQ(of_stack()["installed"], false);
  file(site + "numpy-1.26.4.dist-info/RECORD", "");
  EXPECT_THAT(stack({}).out, AllOf(HasSubstr("not whole, its extension is not compiled:"),
                                   HasSubstr("'bringup stack install exllamav2' goes on with it")));
  file(site + "exllamav2_ext.cpython-311-x86_64-linux-gnu.so", "");
  EXPECT_EQ(of_stack()["installed"], true);
  EXPECT_EQ(of_stack()["incomplete"], nullptr);
}

TEST_F(StackVerb, PlansWhatIsCompiledForGpusThatComeLater) {
  const std::string hardware = file("hw.toml",
                                    "gpus = [\"2x RTX 3090\"]\nos = \"ubuntu-24.04\"\ngcc = \"13\"\n"
                                    "kernel = \"6.8.0-45-generic\"\nglibc = \"2.39\"\n");
  Ran ran = stack({"install", "exllamav2", "--for", hardware, "--dry-run"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("exllamav2_ext is compiled once, for compute capability 8.6 alone"));
  EXPECT_THAT(ran.err, HasSubstr("successor is exllamav3"));
  ran = stack({"install", "exllamav2", "--for", hardware, "--yes"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("nothing can be installed on it"));
}

}  // namespace
