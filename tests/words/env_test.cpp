// SPDX-License-Identifier: Apache-2.0
// The verbs env and run as a person types them, over environments in a directory of their own.
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

class EnvVerb : public InAHome {
 protected:
  void SetUp() override {
    InAHome::SetUp();
    environment("dl");
    environment("stack-trl");
  }
  void environment(const std::string& name) const {
    const std::string path = "prefix/envs/" + name;
    file(path + "/pyvenv.cfg", "version = 3.11.2\n");
    file(path + "/lib/python3.11/site-packages/torch-2.11.0.dist-info/RECORD", "");
    file(path + "/lib/python3.11/site-packages/torch/version.py", "__version__ = '2.11.0+cu130'\n");
    file(path + "/bin/activate", "");
    file(path + "/bin/activate.fish", "");
    for (const char* program : {"python", "tells"})
      fs::permissions(file(path + "/bin/" + program,
                           "#!/bin/sh\necho \"$VIRTUAL_ENV|$PATH|${PYTHONHOME-none}|$MINE|$#|$2\"\nexit 7\n"),
                      fs::perms(0755));
  }
  // What no other environment of the machine that runs the tests could stand in for.
  static constexpr const char* kGoal = "[[env]]\nname = \"dl\"\npackages = [\"torch\", \"in-no-other\"]\n";
  Ran say(std::vector<std::string> words, std::vector<std::string> command = {}) const {
    words.insert(words.end(),
                 {"--goal", file("bringup.toml", "[python]\nprefix = \"" + at("prefix") + "\"\n" + kGoal)});
    if (!command.empty()) words.emplace_back("--");
    words.insert(words.end(), command.begin(), command.end());
    return bringup_program(words, {{"PYTHONHOME", "/wrong"}, {"MINE", "stays"}});
  }
};

TEST_F(EnvVerb, ListsEnvironmentsAndTellsHowToActivateOne) {
  Ran ran = say({"env"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("dl             Python 3.11.2, torch 2.11.0+cu130\n"));
  EXPECT_THAT(ran.out, HasSubstr("trl            Python 3.11.2"));
  ran = say({"env", "dl"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("  bash, zsh  source " + at("prefix/envs/dl/bin/activate") + "\n"));
  EXPECT_THAT(ran.out, HasSubstr("  fish       source " + at("prefix/envs/dl/bin/activate.fish") + "\n"));
  EXPECT_THAT(ran.out, HasSubstr("  any        bringup run dl -- PROGRAM\n"));
  const auto json = nlohmann::json::parse(say({"env", "stack-trl", "--json"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["schema"], "bringup.env/1");
  EXPECT_EQ(json["name"], "trl");
  EXPECT_EQ(json["stack"], true);
  EXPECT_EQ(json["path"], at("prefix/envs/stack-trl"));
  EXPECT_EQ(json["activate"]["zsh"], "source " + at("prefix/envs/stack-trl/bin/activate"));
  EXPECT_FALSE(json["activate"].contains("csh")) << "its file is not there";
  const auto all = nlohmann::json::parse(say({"env", "--json"}).out, nullptr, false);
  EXPECT_EQ(all["schema"], "bringup.envs/1");
}

TEST_F(EnvVerb, RunsAProgramInsideAndPassesItsExitCodeOn) {
  Ran ran = say({"run", "trl"}, {"tells", "--json", "a b; $(exit 3)"});
  EXPECT_EQ(ran.code, 7) << ran.err;
  EXPECT_THAT(ran.out,
              testing::StartsWith(at("prefix/envs/stack-trl") + "|" + at("prefix/envs/stack-trl/bin:")));
  EXPECT_THAT(ran.out, testing::EndsWith("|none|stays|2|a b; $(exit 3)\n"));
  EXPECT_EQ(say({"run", at("prefix/envs/dl")}, {"tells"}).code, 7) << "by its path";
  EXPECT_EQ(say({"run", "dl"}, {"/bin/false"}).code, 1);
}

TEST_F(EnvVerb, RefusesWhatItDoesNotKnow) {
  Ran ran = say({"env", "trll"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("no environment 'trll' is here (did you mean 'trl'?); there are: "));
  ran = say({"run", "nothing-like-it"}, {"tells"});
  EXPECT_EQ(ran.code, 64);
  ran = say({"run", "dl"}, {"no-such-program"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err,
              HasSubstr("no program 'no-such-program' in " + at("prefix/envs/dl/bin") + " or on PATH"));
  ran = say({"run", "dl", "tells"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("stands behind '--': bringup run dl -- tells"));
  ran = say({"run"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("in which environment?"));
}

}  // namespace
