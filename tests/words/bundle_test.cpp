// SPDX-License-Identifier: Apache-2.0
// Bundles, as a person meets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST_F(Bundles, ADirectoryWithOtherThingsIsNotFilled) {
  file("b/thesis.tex", "years of work");
  const Ran ran = bringup_program({"bundle", "create", at("b"), "--yes"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.err, HasSubstr("thesis.tex"));
}

}  // namespace
