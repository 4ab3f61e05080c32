// SPDX-License-Identifier: Apache-2.0
// What a hub says about a repository, the hostile included, and which files are wanted.
#include <bringup/stacks/model_repo.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace bringup;
using namespace bringup::stacks;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

std::string answer(const std::string& siblings, const std::string& more = "") {
  return std::string(R"({"id": "o/m", "sha": ")") + kCommit + "\"," + more + R"("siblings": [)" + siblings +
         "]}";
}
std::string git_file(const std::string& name) {
  return R"({"rfilename": ")" + name + R"(", "size": 7, "blobId": ")" + kCommit + "\"}";
}
std::vector<std::string> wanted(const std::vector<std::string>& names, Layout layout) {
  std::string siblings;
  for (const std::string& name : names) siblings += (siblings.empty() ? "" : ",") + git_file(name);
  const auto repo = parse_repo(answer(siblings));
  EXPECT_TRUE(repo) << repo.error().message();
  std::vector<std::string> paths;
  if (!repo) return paths;
  for (const RepoFile& file : wanted_files(*repo, layout)) paths.push_back(file.path);
  return paths;
}

TEST(Repo, GivesFilesLicenceAndGate) {
  const std::string hash(64, 'a');
  const auto repo = parse_repo(answer(
      git_file("config.json") + R"(,{"rfilename": "m.safetensors", "size": 130, "blobId": "x",
        "lfs": {"size": 5000000000, "sha256": ")" +
          hash + "\"}}",
      R"("gated": "manual", "private": false, "cardData": {"license": "other", "license_name": "llama9"},)"));
  ASSERT_TRUE(repo) << repo.error().message();
  EXPECT_TRUE(repo->gated);
  EXPECT_FALSE(repo->secret);
  EXPECT_EQ(repo->licence, "llama9");
  ASSERT_EQ(repo->files.size(), 2U);
  EXPECT_EQ(repo->files[0].git_sha, kCommit);
  EXPECT_EQ(repo->files[1].size, 5000000000U);
  EXPECT_EQ(repo->files[1].sha256, hash);
  EXPECT_EQ(bytes_of(repo->files), 5000000007U);
  EXPECT_FALSE(parse_repo(answer("", R"("gated": false,)"))->gated);
}

TEST(Repo, RefusesNamesThatMustNotBeMade) {
  for (const char* name : {"../x", "/etc/x", "a/../../x", "a//b", "", ".", "a/.", ".cache/huggingface/x",
                           "a\\\\b", "a\\u0000b", "a\\nb"}) {
    const auto repo = parse_repo(answer(git_file(name)));
    ASSERT_FALSE(repo) << name;
    EXPECT_EQ(repo.error().code(), Errc::malformed);
  }
  EXPECT_TRUE(parse_repo(answer(git_file("..a/b..c"))));
}

TEST(Repo, RefusesWhatCouldNotBeChecked) {
  for (const char* file :
       {R"({"rfilename": "a"})", R"({"rfilename": "a", "size": 1})",
        R"({"rfilename": "a", "size": 1, "blobId": "XYZ"})",
        R"({"rfilename": "a", "size": -1, "blobId": "0123456789abcdef0123456789abcdef01234567"})",
        R"({"rfilename": "a", "size": 9e30, "blobId": "0123456789abcdef0123456789abcdef01234567"})",
        R"({"rfilename": "a", "size": 1, "lfs": {"size": 1, "sha256": "12"}})", "1", "null"})
    EXPECT_FALSE(parse_repo(answer(file))) << file;
  EXPECT_THAT(parse_repo(answer(git_file("a") + "," + git_file("a"))).error().message(), HasSubstr("twice"));
  for (const char* text : {"", "[]", "{}", R"({"siblings": []})", R"({"sha": "main", "siblings": []})",
                           R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": 1})"})
    EXPECT_FALSE(parse_repo(text)) << text;
}

TEST(Repo, LeavesTheSameWeightsInOtherFormatsOut) {
  const std::vector<std::string> all{
      "config.json",         "model.safetensors",        "pytorch_model.bin",
      "onnx/model.onnx",     "consolidated.safetensors", "m.gguf",
      "tokenizer.model",     ".gitattributes",           "original/consolidated.00.pth",
      "original/params.json"};
  EXPECT_THAT(wanted(all, Layout::both),
              ElementsAre("config.json", "model.safetensors", "original/consolidated.00.pth",
                          "original/params.json", "tokenizer.model"));
  EXPECT_THAT(wanted(all, Layout::safetensors),
              ElementsAre("config.json", "model.safetensors", "tokenizer.model"));
  EXPECT_THAT(wanted(all, Layout::original),
              ElementsAre("original/consolidated.00.pth", "original/params.json"));
  EXPECT_THAT(wanted({"pytorch_model.bin", "config.json"}, Layout::both),
              ElementsAre("config.json", "pytorch_model.bin"));
  EXPECT_THAT(wanted({"consolidated.safetensors", "params.json"}, Layout::both),
              ElementsAre("consolidated.safetensors", "params.json"));
}

TEST(Repo, IsNamedAsHubsName) {
  const auto name = parse_repo_name("meta-llama/Meta-Llama-3-8B@refs/pr/1");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->repo, "meta-llama/Meta-Llama-3-8B");
  EXPECT_EQ(name->revision, "refs/pr/1");
  EXPECT_EQ(parse_repo_name("gpt2")->revision, "main");
  for (const char* text :
       {"", "a/b/c", "a b", "-a/b", "a/..", "a/b@", "@main", "a/b@x y", "a/b?x", "a/", "/b", "a..b/c"})
    EXPECT_FALSE(parse_repo_name(text)) << text;
}

}  // namespace
