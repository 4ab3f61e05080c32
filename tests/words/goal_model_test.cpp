// SPDX-License-Identifier: Apache-2.0
// A [[stack]] with a model in bringup.toml: 'up' fetches it when all else is there, goes on with what was
// killed, and asks no hub when it is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <support/hub.hpp>
#include <thread>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFirst = "model-00001-of-00002.safetensors";

class GoalModel : public WithAHub {
 protected:
  void environment(const std::string& name, const std::vector<std::string>& packages) const {
    const std::string env = "prefix/envs/" + name + "/";
    file(env + "pyvenv.cfg", "version = 3.11.2\n");
    fs::permissions(file(env + "bin/python", "#!/bin/sh\nexit 1\n"), fs::perms(0755));
    for (const std::string& package : packages) {
      const std::string info = env + "lib/python3.11/site-packages/" + package + ".dist-info/";
      file(info + "RECORD", "");
      file(info + "METADATA", "");
    }
  }
  // Environments as the goal and the stack's row want them, so that models are all that is left to do.
  void goal(const std::string& repository) const {
    environment("own", {"numpy-2.3.5"});
    environment("stack-trl",
                {"torch-2.11.0", "trl-1.16.0", "peft-0.21.2", "accelerate-1.15.0", "transformers-5.24.0",
                 "datasets-5.2.0", "tokenizers-0.23.3", "safetensors-0.8.0"});
    file("prefix/envs/stack-trl/lib/python3.11/site-packages/torch/version.py",
         "__version__ = '2.11.0+cu130'\n");
    file("bringup.toml",
         "driver = \"none\"\n[python]\nprefix = \"" + at("prefix") +
             "\"\n[[env]]\nname = \"own\"\npackages = [\"numpy\"]\n[[stack]]\nname = \"trl\"\nmodel = \"" +
             repository + "\"\n");
  }
  std::vector<std::string> words() const {
    return {"up", "--yes", "--offline", "--goal", at("bringup.toml"), "--state", at("state")};
  }
  Ran up(const std::string& token = "") const { return bringup_program(words(), surroundings(token)); }
  // `up`, killed when the store is asked for this file.
  void killed_when_asked_for(const std::string& weights) const {
    std::vector<std::string> argv = words();
    const char* tested = std::getenv("BRINGUP_TESTED_PROGRAM");
    argv.insert(argv.begin(), tested != nullptr ? tested : BRINGUP_PROGRAM);
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (const auto& [name, value] : surroundings()) ::setenv(name.c_str(), value.c_str(), 1);
      ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
      std::vector<char*> pointers;
      for (std::string& word : argv) pointers.push_back(word.data());
      pointers.push_back(nullptr);
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, 1);
      ::dup2(null, 2);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (asked({"\"Store\"", weights}) == 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::string model(const std::string& name) const { return at("prefix/models/model/" + name); }
};

TEST_F(GoalModel, IsFetchedOnceAndTheHubIsAskedNoMore) {
  goal("ok/model");
  Ran ran = up();
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(fs::exists(model(kFirst)));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\n1 model, as a run of its own\n"),
                             HasSubstr("  ok/model, its safetensors files\n    " + at("prefix/models/model")),
                             Not(HasSubstr("Nothing to do"))));
  EXPECT_THAT(ran.err,
              HasSubstr("'bringup stack run trl full|lora " + at("prefix/models/model") + " --data FILE'"));
  const std::string before = log();
  ran = up();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(log(), before);
  EXPECT_THAT(ran.out, HasSubstr("\nNothing to do\n"));
}

// `plan` tells them, too, and that is a change.
TEST_F(GoalModel, StandsInThePlan) {
  goal("ok/model");
  const Ran ran = bringup_program(
      {"plan", "--json", "--detailed-exitcode", "--offline", "--goal", at("bringup.toml")}, surroundings());
  EXPECT_EQ(ran.code, 2) << ran.out << ran.err;
  const auto document = nlohmann::json::parse(ran.out);
  EXPECT_TRUE(document["steps"].empty()) << ran.out;
  EXPECT_EQ(document["models"], nlohmann::json::array({{{"repository", "ok/model"},
                                                        {"layout", "safetensors"},
                                                        {"directory", at("prefix/models/model")}}}));
}

// `apply` fetches none, and says so even where it has nothing else to do.
TEST_F(GoalModel, IsNamedByApplyAndNotFetched) {
  goal("ok/model");
  std::vector<std::string> apply = words();
  apply.front() = "apply";
  const Ran ran = bringup_program(apply, surroundings());
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("the goal wants the model ok/model besides: 'bringup up' fetches it"));
  EXPECT_FALSE(fs::exists(at("prefix/models")));
}

// What is here says nothing of a machine that is described.
TEST_F(GoalModel, OfADescribedMachineIsItsUsers) {
  file("bringup.toml",
       "driver = \"none\"\n[[env]]\nname = \"own\"\npackages = [\"numpy\"]\n"
       "[[model]]\nname = \"ok/model\"\n");
  file("there.toml", "gpus = []\nos = \"debian-12\"\nreachable = [\"distro\", \"pypi\"]\n");
  const Ran ran = bringup_program({"plan", "--json", "--for", at("there.toml"), "--goal", at("bringup.toml")},
                                  surroundings());
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)["models"][0]["directory"],
            "/home/user/.local/share/bringup/models/model");
}

// One that no stack wants, in the layout that nothing here can weigh.
TEST_F(GoalModel, WithoutAStackIsFetchedOnceToo) {
  environment("own", {"numpy-2.3.5"});
  file("bringup.toml", "driver = \"none\"\n[python]\nprefix = \"" + at("prefix") +
                           "\"\n[[env]]\nname = \"own\"\npackages = [\"numpy\"]\n[[model]]\nname = "
                           "\"ok/model\"\nlayout = \"original\"\ndirectory = \"" +
                           at("m") + "\"\n");
  Ran ran = up();
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(fs::exists(at("m/original/params.json")));
  EXPECT_FALSE(fs::exists(at("m") + "/" + kFirst));
  const std::string before = log();
  ran = up();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(log(), before);
}

// resume ends what was killed and names what the goal wants besides; up fetches that, and then asks no hub.
TEST_F(GoalModel, KilledOnTheWayIsGoneOnWith) {
  goal("slow/model");
  killed_when_asked_for(kFirst);
  EXPECT_FALSE(fs::exists(model(kFirst))) << "it was too late to kill anything";
  goal("ok/second");  // it wants another one by now
  const fs::path before_that = fs::current_path();
  fs::current_path(home_);
  const Ran resumed = bringup_program({"resume", "--yes", "--state", at("state")}, surroundings());
  fs::current_path(before_that);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("the goal wants the model ok/second besides: 'bringup up' fetches it"));
  EXPECT_EQ(up().code, 0);
  EXPECT_TRUE(fs::exists(at("prefix/models/second/tokenizer.json")));
  EXPECT_TRUE(fs::exists(model(kFirst)) && fs::exists(model("tokenizer.json")));
  const std::string before = log();
  EXPECT_EQ(up().code, 0);
  EXPECT_EQ(log(), before);
}

// What went wrong with a model leaves all else, and says whose it is and what to do.
TEST_F(GoalModel, ThatTheHubDoesNotGiveSaysWhy) {
  goal("gated/model");
  const Ran ran = up();
  EXPECT_EQ(ran.code, 77) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("gated/model"), HasSubstr("accept"), HasSubstr("HF_TOKEN")));
  EXPECT_FALSE(fs::exists(at("prefix/models")));
  EXPECT_EQ(up(kGood).code, 0);
}

class GoalModelBehindTls : public GoalModel {
 protected:
  void SetUp() override {
    certificate_ = "good.pem";
    GoalModel::SetUp();
  }
};

// The licence is asked for before anything is changed, and not when gigabytes of packages are there.
TEST_F(GoalModelBehindTls, IsAskedForBeforeAnEnvironmentIsMade) {
  goal("gated/model");
  fs::remove_all(at("prefix/envs/own"));
  std::ofstream(at("bringup.toml"), std::ios::app)
      << "[mirrors]\nprofile = { pypi = \"" << endpoint_
      << "/api/models/ok/model\" }\n";  // which answers, and is no index
  auto variables = surroundings(kOther);
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
    variables.emplace_back(name, BRINGUP_SOURCE_DIR "/tests/support/certificates/ca.pem");
  const Ran ran =
      bringup_program({"up", "--yes", "--goal", at("bringup.toml"), "--state", at("state")}, variables);
  if (ran.out.find("install wheels") == std::string::npos)
    GTEST_SKIP() << "no environment can be planned here: " << ran.out << ran.err;
  EXPECT_EQ(ran.code, 77) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("bringup.toml:"), HasSubstr("gated/model"), HasSubstr("accept"),
                             HasSubstr("nothing was changed")));
  EXPECT_FALSE(fs::exists(at("prefix/envs/own")));
  EXPECT_FALSE(fs::exists(at("prefix/uv")));
  EXPECT_THAT(bringup_program({"history", "--json", "--state", at("state")}, {}).out,
              HasSubstr("\"runs\": []"));
}

TEST_F(GoalModel, ThatNoDiskHoldsIsRefusedBefore) {
  goal("vast/model");
  const Ran ran = up();
  EXPECT_EQ(ran.code, 74) << ran.out << ran.err;
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr("vast/model: 90.9 TiB to come"), HasSubstr("are needed for the goal's models"),
                    HasSubstr("nothing was changed")));
  EXPECT_FALSE(fs::exists(at("prefix/models")));
}

// Two layouts that come to one place are asked for once, and counted once.
TEST_F(GoalModel, WithBothLayoutsIsCountedOnce) {
  goal("ok/model");
  std::ofstream(at("bringup.toml"), std::ios::app) << "[[model]]\nname = \"ok/model\"\n";
  const Ran ran = up();
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(ran.err.find(" to come, "), ran.err.rfind(" to come, ")) << ran.err;
  EXPECT_TRUE(fs::exists(model(kFirst)));
  EXPECT_TRUE(fs::exists(model("original/params.json")));
}

// A hub that is away is told of; it is asked again at the end, and then it is an error.
TEST_F(GoalModel, OfAHubThatIsAwayIsAskedForAgainAtTheEnd) {
  goal("ok/model");
  auto nowhere = surroundings();
  nowhere.front().second = "http://127.0.0.1:1";
  const Ran ran = bringup_program(words(), nowhere);
  EXPECT_EQ(ran.code, 69) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("the hub is asked again when all else is there"));
}

}  // namespace
