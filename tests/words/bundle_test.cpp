// SPDX-License-Identifier: Apache-2.0
// Bundles, as a person meets them.
#include <bringup/base/digest.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Bundles : public InAHome {
 protected:
  static std::string manifest(const std::string& gpus) {
    return R"({"schema": "bringup.bundle/1", "made_at": "x", "version": "0", "os": "plan9-4", "arch": "x86_64",
 "kernel": "", "gpus": [)" +
           gpus + R"(], "keyring": "", "archive": [], "uv": "", "files": []})";
  }
  Ran use() const { return bringup_program({"bundle", "use", at("b"), "--yes", "--state", at("state")}); }
};

TEST_F(Bundles, WordsThatAreMissingOrWrong) {
  EXPECT_EQ(bringup_program({"bundle"}).code, 64);
  EXPECT_THAT(bringup_program({"bundle", "creat", at("b")}).err, HasSubstr("create DIR or use DIR"));
  EXPECT_THAT(bringup_program({"bundle", "use"}).err, HasSubstr("bundle create|use DIR"));
  EXPECT_THAT(bringup_program({"bundle", "create", at("a b")}).err, HasSubstr("letters, digits"));
  const Ran ran = use();
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("no bundle there"));
}

TEST_F(Bundles, OneForAnotherMachineIsRefusedWithTheDifference) {
  file("b/manifest.json", manifest(R"("10de:2684")"));
  const Ran ran = use();
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("plan9-4"), HasSubstr("10de:2684"), Not(HasSubstr("checking"))));
}

// What is to be had is a model alone, and it comes out of the bundle; nobody is asked.
class BundledModel : public Bundles {
 protected:
  std::map<std::string, std::string> files_{{"config.json", "{}"}, {"w.safetensors", "weights of a model"}};

  void SetUp() override {
    Bundles::SetUp();
    const std::string env = "prefix/envs/own/";
    file(env + "pyvenv.cfg", "version = 3.11.2\n");
    std::filesystem::permissions(file(env + "bin/python", "#!/bin/sh\nexit 1\n"),
                                 std::filesystem::perms(0755));
    for (const char* one : {"RECORD", "METADATA"})
      file(env + "lib/python3.11/site-packages/numpy-2.3.5.dist-info/" + one, "");
    for (const auto& [name, text] : files_) file("b/models/org/m/" + name, text);
    file("b/goal/bringup.toml",
         "driver = \"none\"\ntoolkit = \"none\"\n[python]\nprefix = \"" + at("prefix") +
             "\"\n[[env]]\nname = \"own\"\npackages = [\"numpy\"]\n[[model]]\nname = \"org/m\"\n");
    file("b/manifest.json", manifest(""));
    system_ = here("system: made for plan9-4, here ");
    architecture_ = here("architecture: made for x86_64, here ");
    if (architecture_.empty()) architecture_ = "x86_64";
    describe();
  }
  // What this machine is, as the refusal of a bundle for another one says.
  std::string here(const std::string& start) const {
    const std::string said = use().err;
    const std::size_t at = said.find(start);
    if (at == std::string::npos) return "";
    return said.substr(at + start.size(), said.find_first_of(";)", at) - at - start.size());
  }
  void describe() const {
    std::string list;
    for (const auto& [name, text] : files_)
      list += (list.empty() ? "" : ", ") +
              ("{\"path\": \"models/org/m/" + name + "\", \"size\": " + std::to_string(text.size()) +
               ", \"sha256\": \"" + bringup::base::sha256_hex(text) + "\"}");
    file("b/manifest.json",
         R"({"schema": "bringup.bundle/1", "made_at": "x", "version": "0", "os": ")" + system_ +
             R"(", "arch": ")" + architecture_ +
             R"(", "kernel": "", "gpus": [], "keyring": "", "archive": [], "vendor": false, "uv": "",
 "models": [{"name": "org/m", "commit": "c1"}], "files": [)" +
             list + "]}");
  }
  std::string model(const std::string& name) const { return at("prefix/models/m/" + name); }

  std::string system_;
  std::string architecture_;
};

TEST_F(BundledModel, IsCopiedOnceAndTakenBack) {
  if (use().err.find("GPUs: made for") != std::string::npos) GTEST_SKIP() << "there are GPUs here";
  EXPECT_TRUE(std::filesystem::exists(model("w.safetensors")));
  std::ostringstream text;
  text << std::ifstream(model("w.safetensors")).rdbuf();
  EXPECT_EQ(text.str(), "weights of a model");
  const Ran again = use();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("all 2 files are there"));
  EXPECT_EQ(bringup_program({"undo", "--yes", "--state", at("state")}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(at("prefix/models")));
}

TEST_F(BundledModel, ThatIsNotAsTheManifestSaysIsNamed) {
  file("b/models/org/m/w.safetensors", "weights of a MODEL");
  const Ran ran = use();
  if (ran.err.find("GPUs: made for") != std::string::npos) GTEST_SKIP() << "there are GPUs here";
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("models/org/m/w.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(at("prefix/models")));
}

// A torch of PyTorch's own index, where PyPI has another of that version, and a package of PyPI's.
class BundledTorch : public BundledModel {
 protected:
  const std::string wheel_ = "wheels/cu126/torch-2.11.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl";

  void SetUp() override {
    files_.clear();
    BundledModel::SetUp();
    put("goal/bringup.toml", "driver = \"none\"\ntoolkit = \"none\"\n[python]\nprefix = \"" + at("prefix") +
                                 "\"\n[[env]]\nname = \"dl\"\npackages = [\"torch\"]\n");
    const std::string bytes = "a torch";
    put("goal/pylock.dl.toml",
        "lock-version = \"1.0\"\n[[packages]]\nname = \"torch\"\nversion = \"2.11.0+cu126\"\nwheels = [{ url "
        "= "
        "\"https://f.org/torch-2.11.0%2Bcu126-cp311-cp311-manylinux_2_28_x86_64.whl\", hashes = { sha256 = "
        "\"" +
            bringup::base::sha256_hex(bytes) +
            "\" } }]\n[tool.bringup]\npython = \"3.11\"\nplatform = \"x86_64\"\nvariant = \"cu126\"\nasked = "
            "[\"torch==2.11.0\"]\n");
    put(wheel_, bytes);
    put("wheels/uv-0.13.9-py3-none-any.whl", "uv");
    write("0.13.9");
  }
  void put(const std::string& path, const std::string& text) {
    inside_[path] = text;
    file("b/" + path, text);
  }
  void write(const std::string& uv) const {
    std::string list;
    for (const auto& [path, text] : inside_)
      list += (list.empty() ? "" : ", ") +
              ("{\"path\": \"" + path + "\", \"size\": " + std::to_string(text.size()) + ", \"sha256\": \"" +
               bringup::base::sha256_hex(text) + "\"}");
    file("b/manifest.json", R"({"schema": "bringup.bundle/1", "made_at": "x", "version": "0", "os": ")" +
                                system_ + R"(", "arch": ")" + architecture_ +
                                R"(", "kernel": "", "gpus": [], "keyring": "", "archive": [], "uv": ")" + uv +
                                R"(", "files": [)" + list + "]}");
  }
  Ran look() const {
    return bringup_program({"bundle", "use", at("b"), "--dry-run", "--state", at("state")},
                           {{"COLUMNS", "200"}});
  }
  static bool cannot(const Ran& ran) {
    return ran.err.find("GPUs: made for") != std::string::npos ||
           (ran.out + ran.err).find("3.11") == std::string::npos ||
           ran.err.find("the bundle has none") != std::string::npos;
  }
  std::map<std::string, std::string> inside_;
};

TEST_F(BundledTorch, ComesFromTheBundleAndIsNotCalledPyPIs) {
  const Ran ran = look();
  if (cannot(ran)) GTEST_SKIP() << "no Python 3.11 here, or GPUs: " << ran.err;
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("torch 2.11.0 (cu126) out of the bundle"), HasSubstr("  the bundle\n"),
                             Not(HasSubstr("PyPI"))));
}

TEST_F(BundledTorch, ThatIsDamagedIsNamed) {
  file("b/" + wheel_, "a T0rch");
  const Ran ran = look();
  if (ran.err.find("GPUs: made for") != std::string::npos) GTEST_SKIP() << "there are GPUs here";
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr(wheel_));
}

TEST_F(Bundles, ADirectoryWithOtherThingsIsNotFilled) {
  file("b/thesis.tex", "years of work");
  const Ran ran = bringup_program({"bundle", "create", at("b"), "--yes"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("thesis.tex"));
}

}  // namespace
