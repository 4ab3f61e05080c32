// SPDX-License-Identifier: Apache-2.0
// Locks beside a goal, as a person meets them: what does not fit is refused with what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/home.hpp>
#include <support/program.hpp>

namespace {

using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;

const std::string kRecorded = std::string(BRINGUP_SOURCE_DIR) + "/tests/machines/nogpu-debian12";

std::string lock_text(const std::string& version, const std::string& python, const std::string& variant,
                      const std::string& platform = "x86_64") {
  return "lock-version = \"1.0\"\n[[packages]]\nname = \"torch\"\nversion = \"" + version +
         "\"\nwheels = [{ url = \"https://f.org/torch.whl\", hashes = { sha256 = \"" + std::string(64, 'a') +
         "\" } }]\n[tool.bringup]\npython = \"" + python + "\"\nplatform = \"" + platform +
         "\"\nvariant = \"" + variant + "\"\nasked = [\"torch==" + version + "\"]\n";
}

class Locks : public InAHome {
 protected:
  Ran plan(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"plan", "--root", kRecorded, "--goal", at("bringup.toml")});
    return bringup_program(std::move(more));
  }
  void goal(const std::string& packages) const {
    file("bringup.toml", "[[env]]\nname = \"dl\"\npackages = [" + packages + "]\n");
  }
  void lock(const std::string& text) const { file("pylock.dl.toml", text); }
};

TEST_F(Locks, OneForOtherPackagesIsRefused) {
  goal("\"torch\", \"numpy\"");
  lock(lock_text("2.10.0", "3.11", "cu128"));
  const Ran ran = plan();
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("pylock.dl.toml"), HasSubstr("numpy"), HasSubstr("remove it")));
  std::filesystem::remove(at("pylock.dl.toml"));
  EXPECT_EQ(plan().code, 0);
}

TEST_F(Locks, OneThatTheGoalPinsOtherwiseIsRefused) {
  goal("\"torch==2.9.1\"");
  lock(lock_text("2.10.0", "3.11", "cu128"));
  const Ran ran = plan();
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("2.10.0"), HasSubstr("2.9.1")));
}

TEST_F(Locks, OneForAnotherVariantOrPlatformIsRefused) {
  goal("\"torch\"");
  lock(lock_text("2.10.0", "3.11", "cu999"));
  Ran ran = plan();
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("cu999"), HasSubstr("remove it")));
  lock(lock_text("2.10.0", "3.11", "cu128", "aarch64"));
  ran = plan();
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("aarch64"), HasSubstr("x86_64")));
}

// PyPI has another torch of that version.
TEST_F(Locks, OneOfPyTorchsOwnIndexKeepsItsVariant) {
  goal("\"torch==2.11.0+cu126\"");
  lock(lock_text("2.11.0+cu126", "3.11", "cu126"));
  file("box.toml",
       "gpus = [\"1x V100 SXM2 32GB\"]\nos = \"debian-12\"\nkernel = \"6.1.0-25-amd64\"\nglibc = "
       "\"2.36\"\narch = \"x86_64\"\ngcc = \"12\"\nreachable = [\"distro\", \"pypi\", \"pytorch\"]\n");
  const Ran ran = bringup_program({"plan", "--for", at("box.toml"), "--goal", at("bringup.toml")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("torch 2.11.0 (cu126)"), HasSubstr("PyTorch index")));
}

TEST_F(Locks, OneForAPythonThatIsNotToBeHadLeavesNoChoice) {
  goal("\"torch\"");
  lock(lock_text("2.10.0", "3.7", "cu128"));
  const Ran ran = plan();
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.out + ran.err, AllOf(HasSubstr("3.7"), HasSubstr("pins versions")));
}

TEST_F(Locks, OneThatIsDamagedNamesItsLine) {
  goal("\"torch\"");
  std::string text = lock_text("2.10.0", "3.11", "cu128");
  text.replace(text.find("aaaa"), 1, "\\n");
  lock(text);
  const Ran ran = plan();
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("pylock.dl.toml:5"), HasSubstr("sha256"), HasSubstr("remove it")));
}

}  // namespace
