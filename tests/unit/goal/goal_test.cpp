// SPDX-License-Identifier: Apache-2.0
#include <bringup/goal/goal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::goal {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  const auto goal = parse_goal(text, "bringup.toml");
  if (goal) return "accepted";
  EXPECT_EQ(goal.error().code(), Errc::usage);
  return goal.error().message();
}

TEST(GoalMirrors, AreAProfileOrAddressesOfOnesOwn) {
  EXPECT_EQ(parse_goal("", "g")->mirrors, "none");
  EXPECT_EQ(parse_goal("[mirrors]\nprofile = \"auto\"\n", "g")->mirrors, "auto");
  EXPECT_EQ(parse_goal("[mirrors]\nprofile = \"tuna\"\n", "g")->mirrors, "tuna");
  const auto own = parse_goal("[mirrors]\nprofile = { pypi = \"https://m.example/simple\" }\n", "g");
  ASSERT_TRUE(own) << own.error().message();
  EXPECT_EQ(own->mirrors, "");
  ASSERT_EQ(own->mirror_urls.size(), 1U);
  EXPECT_EQ(own->mirror_urls[0].what, "pypi");
  EXPECT_EQ(own->mirror_urls[0].url, "https://m.example/simple/");
}

TEST(GoalMirrors, CanBeOfAHub) {
  const auto own = parse_goal("[mirrors]\nprofile = { huggingface = \"https://h.example\" }\n", "g");
  ASSERT_TRUE(own) << own.error().message();
  ASSERT_EQ(own->mirror_urls.size(), 1U);
  EXPECT_EQ(own->mirror_urls[0].what, "huggingface");
  EXPECT_EQ(own->mirror_urls[0].url, "https://h.example/");
}

TEST(GoalPython, NamesTheChannelsOfACondaAlone) {
  EXPECT_EQ(parse_goal("", "g")->channels, "conda-forge");
  const std::string conda = "[python]\nmanager = \"miniforge\"\n";
  EXPECT_EQ(parse_goal(conda + "channels = \"defaults\"\n", "g")->channels, "defaults");
  EXPECT_THAT(refusal(conda + "channels = \"default\"\n"), HasSubstr("did you mean 'defaults'"));
  EXPECT_THAT(refusal("[python]\nmanager = \"uv\"\nchannels = \"defaults\"\n"),
              HasSubstr("bringup.toml:3: python.channels: channels belong to"));
  EXPECT_NE(canonical(*parse_goal(conda, "g")),
            canonical(*parse_goal(conda + "channels = \"defaults\"\n", "g")));
}

TEST(GoalMirrors, CanBeOfConda) {
  const auto own = parse_goal(
      "[mirrors]\nprofile = { conda = \"https://h.example/anaconda\", miniforge = \"https://h.example/f/\" "
      "}\n",
      "g");
  ASSERT_TRUE(own) << own.error().message();
  ASSERT_EQ(own->mirror_urls.size(), 2U);
  EXPECT_EQ(own->mirror_urls[0].what, "conda");
  EXPECT_EQ(own->mirror_urls[1].url, "https://h.example/f/");
}

TEST(GoalMirrors, ThatCannotBeAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal("\n[mirrors]\nprofile = \"tsinghua\"\n"), HasSubstr("bringup.toml:3: mirrors.profile"));
  EXPECT_THAT(refusal("[mirrors]\nprofil = \"tuna\"\n"), HasSubstr("did you mean 'profile'"));
  EXPECT_THAT(refusal("[mirrors]\nprofile = { pip = \"https://m.example/\" }\n"),
              HasSubstr("unknown key 'mirrors.profile.pip'"));
  for (const char* url : {"http://m.example/", "https://", "m.example", "https://me:secret@m.example/",
                          "https://m.example/ x", "https://m.example/\\\"'"}) {
    const std::string said = refusal(std::string("[mirrors]\nprofile = { pypi = \"") + url + "\" }\n");
    EXPECT_THAT(said, HasSubstr("expected an address that begins with https://")) << url;
  }
}

TEST(GoalMirrors, ArePartOfTheGoalsDigest) {
  const auto text = [](const char* goal) { return canonical(*parse_goal(goal, "g")); };
  EXPECT_NE(text(""), text("[mirrors]\nprofile = \"tuna\"\n"));
  EXPECT_NE(text("[mirrors]\nprofile = { pypi = \"https://a.example/\" }\n"),
            text("[mirrors]\nprofile = { pypi = \"https://b.example/\" }\n"));
}

TEST(GoalStacks, AreReadWithTheirModels) {
  const auto goal = parse_goal(
      "[[stack]]\nname = \"trl\"\n[[stack]]\nname = \"exllamav2\"\nmodel = \"org/name-1\"\n"
      "[[stack]]\nname = \"x\"\nmodel = \"/models/m\"\n",
      "g");
  ASSERT_TRUE(goal) << goal.error().message();
  ASSERT_EQ(goal->stacks.size(), 3U);
  EXPECT_EQ(goal->stacks[0].name, "trl");
  EXPECT_EQ(goal->stacks[1].model, "org/name-1");
  EXPECT_EQ(goal->stacks[1].where, "g:3");
  EXPECT_EQ(goal->stacks[2].model, "/models/m");
  EXPECT_NE(canonical(*goal), canonical(Goal{}));
  EXPECT_EQ(canonical(*parse_goal("[[stack]]\nname = \"trl\"", "a")),
            canonical(*parse_goal("\n\n[[stack]]\nname = \"trl\"", "b")))
      << "the line is no part of the goal";
}

TEST(GoalStacks, RefuseWhatTheyCannotBe) {
  for (const auto& [text, error] :
       {std::pair{"stack = \"trl\"\n", "expected tables that begin with [[stack]]"},
        {"[[stack]]\nmodel = \"o/m\"\n", "g:1: stack.name is missing"},
        {"[[stack]]\nname = \"../x\"\n", "expected the name of a stack"},
        {"[[stack]]\nname = 3\n", "stack.name"},
        {"[[stack]]\nnam = \"trl\"\n", "unknown key 'stack.nam' (did you mean 'name'?)"},
        {"[[stack]]\nname = \"a\"\n[[stack]]\nname = \"a\"\n", "stands there twice"},
        {"[[env]]\nname = \"a\"\n[[env]]\nname = \"a\"\n", ":3: env.name: 'a' stands there twice"},
        {"[[stack]]\nname = \"a\"\nmodel = \"m\"\n", "\"org/name\" or an absolute path"},
        {"[[stack]]\nname = \"a\"\nmodel = \"/a/../b\"\n", "without '..'"},
        {"[[stack]]\nname = \"a\"\nmodel = \"../b\"\n", "without '..'"}}) {
    const auto goal = parse_goal(text, "g");
    ASSERT_FALSE(goal) << text;
    EXPECT_EQ(goal.error().code(), Errc::usage);
    EXPECT_THAT(goal.error().message(), HasSubstr(error));
  }
}

TEST(GoalModels, AreReadAndArePartOfTheDigest) {
  const auto goal = parse_goal(
      "[[model]]\nname = \"org/a\"\n\n[[model]]\nname = \"org/b\"\nlayout = \"original\"\n"
      "directory = \"/data/b\"\n",
      "g");
  ASSERT_TRUE(goal) << goal.error().message();
  EXPECT_EQ(goal->models, (std::vector<ModelGoal>{
                              {.name = "org/a", .layout = "", .directory = "", .where = ""},
                              {.name = "org/b", .layout = "original", .directory = "/data/b", .where = ""}}));
  EXPECT_EQ(goal->models[1].where, "g:4");
  EXPECT_NE(canonical(*goal), canonical(Goal{}));
}

TEST(GoalModels, RefuseWhatTheyCannotBe) {
  for (const auto& [text, error] :
       {std::pair{"model = \"org/a\"\n", "expected tables that begin with [[model]]"},
        {"[[model]]\nlayout = \"original\"\n", "g:1: model.name is missing"},
        {"[[model]]\nname = \"a\"\n", "expected \"org/name\" of a hub"},
        {"[[model]]\nname = \"../a\"\n", "expected \"org/name\" of a hub"},
        {"[[model]]\nname = \"o/a/b\"\n", "expected \"org/name\" of a hub"},
        {"[[model]]\nnam = \"o/a\"\n", "unknown key 'model.nam' (did you mean 'name'?)"},
        {"[[model]]\nname = \"o/a\"\nlayout = \"gguf\"\n", "model.layout"},
        {"[[model]]\nname = \"o/a\"\ndirectory = \"a\"\n", "an absolute path"},
        {"[[model]]\nname = \"o/a\"\n[[model]]\nname = \"o/a\"\n", "stands there twice"}}) {
    const auto goal = parse_goal(text, "g");
    ASSERT_FALSE(goal) << text;
    EXPECT_EQ(goal.error().code(), Errc::usage);
    EXPECT_THAT(goal.error().message(), HasSubstr(error));
  }
}

// A name that is one slip away from a known one is no package that anybody meant.
TEST(GoalPackages, ThatAreASlipOfAKnownOneNameIt) {
  for (const auto& [written, meant] : {std::pair("torhc", "torch"),
                                       {"troch", "torch"},
                                       {"tprch", "torch"},
                                       {"torchh", "torch"},
                                       {"orch", "torch"},
                                       {"torchvison", "torchvision"},
                                       {"TorchAduio", "torchaudio"},
                                       {"exlamav2", "exllamav2"},
                                       {"transfomers", "transformers"}}) {
    const std::string said = refusal(std::string("\n[[env]]\npackages = [\"") + written + "\"]\n");
    EXPECT_THAT(said, HasSubstr(std::string("(did you mean '") + meant + "'?)")) << written;
    EXPECT_THAT(said, HasSubstr("bringup.toml:3: env.packages: the catalog knows no package")) << written;
  }
}

TEST(GoalPackages, MayHaveAnyOtherName) {
  for (const char* name :
       {"torch", "torchao", "exllamav3", "numpy", "torchdata", "tprchh", "t", "torchx==0.7.0"})
    EXPECT_EQ(refusal(std::string("[[env]]\npackages = [\"") + name + "\"]\n"), "accepted") << name;
}

TEST(GoalToolkit, MayComeFromARepositoryFile) {
  const auto goal =
      parse_goal("toolkit = { local = \"cuda-repo-ubuntu2204-12-1-local_12.1.0-1_amd64.deb\" }", "g");
  ASSERT_TRUE(goal) << goal.error().message();
  EXPECT_EQ(goal->toolkit_file, "cuda-repo-ubuntu2204-12-1-local_12.1.0-1_amd64.deb");
  EXPECT_EQ(goal->toolkit, "auto");
  EXPECT_NE(canonical(*goal), canonical(Goal{}));
  for (const auto& [text, error] :
       {std::pair{"toolkit = { local = \"a.rpm\" }", "expected the path of a repository"},
        {"toolkit = { local = 3 }", "toolkit.local"},
        {"toolkit = {}", "expected the path of a repository"},
        {"toolkit = { lokal = \"a.deb\" }", "unknown key 'toolkit.lokal' (did you mean 'local'?)"}}) {
    const auto wrong = parse_goal(text, "g");
    ASSERT_FALSE(wrong) << text;
    EXPECT_EQ(wrong.error().code(), Errc::usage);
    EXPECT_THAT(wrong.error().message(), HasSubstr(error));
  }
}

}  // namespace
}  // namespace bringup::goal
