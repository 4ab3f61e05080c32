// SPDX-License-Identifier: Apache-2.0
// A user's token and the password of his proxy, in the environment and in their file, while each verb runs:
// nothing that is said or written has them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;
using testing::Not;

class Canary : public InAHome {
 protected:
  Ran say(std::vector<std::string> words) const {
    return bringup_program(std::move(words), {{"HOME", home_.string()},
                                              {"HF_HOME", at("hf")},
                                              {"HF_TOKEN", "hf_environment0canary"},
                                              {"HTTPS_PROXY", "http://me:0canary0@127.0.0.1:9"},
                                              {"https_proxy", "http://me:0canary0@127.0.0.1:9"}});
  }
};

TEST_F(Canary, IsInNothingThatAnyVerbSaysOrWrites) {
  file("hf/token", "hf_file0canary\n");
  const std::string goal = file("bringup.toml", "driver = \"none\"\n[python]\nprefix = \"" + at("prefix") +
                                                    "\"\n[[stack]]\nname = \"trl\"\nmodel = \"o/m\"\n");
  const std::string python = file("python",
                                  "#!/bin/sh\necho '{\"event\": \"error\", \"text\": \"told\"}'\n"
                                  "exit 1\n");
  fs::permissions(python, fs::perms(0755));
  const std::vector<std::vector<std::string>> all{
      {"stack", "--goal", goal},
      {"stack", "list", "--json", "--goal", goal},
      {"stack", "run", "trl", "full", "--smoke", "--python", python, "--goal", goal},
      {"stack", "run", "exllamav3", "--smoke", "--json", "--python", python, "--goal", goal},
      {"stack", "install", "trl", "--dry-run", "--yes", "--goal", goal, "--state", at("state")},
      {"stack", "remove", "trl", "--yes", "--goal", goal, "--state", at("state")},
      {"model", "plan", "o/m"},
      {"model", "get", "o/m", "--yes", "--to", at("m"), "--state", at("state")},
      {"bundle", "create", at("bundle"), "--dry-run", "--goal", goal},
      {"record", at("recording")},
      {"facts", "--json"},
      {"plan", "--goal", goal, "--json"},
      {"env", "--goal", goal, "--json"},
      {"history", "--state", at("state")}};
  for (const auto& words : all) {
    const Ran ran = say(words);
    EXPECT_NE(ran.code, 70) << words[0] << ": " << ran.err;
    EXPECT_FALSE(ran.out.empty() && ran.err.empty()) << words[0];
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("canary"))) << words[0] << " " << words[1];
  }
  ASSERT_TRUE(fs::exists(at("recording/recording.toml")));
  for (const auto& entry : fs::recursive_directory_iterator(home_)) {
    if (!entry.is_regular_file() || entry.path() == at("hf/token")) continue;
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    EXPECT_THAT(text.str(), Not(HasSubstr("canary"))) << entry.path();
  }
}

}  // namespace
