// SPDX-License-Identifier: Apache-2.0
// Compiling an extension: with what, when it counts as done, what a failure says, and taking it back.
#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::step_of;
using testing::HasSubstr;
using testing::Not;

const std::string kEnv = "/home/somebody/own";
const std::string kSite = kEnv + "/lib/python3.11/site-packages/";

steps::BuildExtension extension() {
  return {.env = kEnv,
          .module = "exllamav2_ext",
          .imports = "exllamav2.ext",
          .torch = "2.11.0",
          .cuda_home = "/usr/local/cuda-13.0",
          .compiler = "/usr/bin/g++-12",
          .architectures = {"8.6", "9.0"},
          .jobs = 3};
}

class Extension : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fake::make_venv(machine.world, kEnv, true).success()); }
  Result<bringup::apply::Run> go(const steps::BuildExtension& step) {
    fake::Silent silent;
    return apply(fake::plan_of(machine, {step_of("extension", step, true)}), machine, fake::kClock,
                 machine.settings(), silent);
  }
  bool pending(const steps::BuildExtension& step) {
    const auto ids =
        apply::pending(fake::plan_of(machine, {step_of("extension", step, true)}), machine.view());
    EXPECT_TRUE(ids) << ids.error().message();
    return ids && !ids->empty();
  }
  std::string text(const std::string& path) const { return fake::slurp(machine.world.at(path)); }
  Machine machine;
};

TEST_F(Extension, IsCompiledForTheseGpusWithTheCompilersThatAreNamed) {
  EXPECT_TRUE(pending(extension()));
  const auto run = go(extension());
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(text(kSite + "exllamav2_ext.so"), "library for 8.6;9.0");
  EXPECT_EQ(text(kSite + "exllamav2_ext.built-by-bringup"), "torch 2.11.0\narchitectures 8.6 9.0\n");
  EXPECT_FALSE(machine.view().exists(kEnv + "/.bringup-extensions"));
  const auto& given = machine.world.environment;
  EXPECT_EQ(given.at("CUDA_HOME"), "/usr/local/cuda-13.0");
  EXPECT_EQ(given.at("CC"), "/usr/bin/gcc-12");
  EXPECT_EQ(given.at("CXX"), "/usr/bin/g++-12");
  EXPECT_EQ(given.at("MAX_JOBS"), "3");
  EXPECT_THAT(given.at("PATH"), HasSubstr(kEnv + "/bin:/usr/local/cuda-13.0/bin:/usr/local/sbin"));
  EXPECT_FALSE(pending(extension()));
}

TEST_F(Extension, HoldsForFewerGpusAndNotForOthersOrAnotherTorch) {
  ASSERT_TRUE(go(extension()));
  auto other = extension();
  other.architectures = {"9.0"};
  EXPECT_FALSE(pending(other));
  other.architectures = {"9.0", "12.0"};
  EXPECT_TRUE(pending(other));
  other = extension();
  other.torch = "2.12.0";
  EXPECT_TRUE(pending(other));
  fake::put(machine.world.at(kSite + "exllamav2_ext.so"), "of another torch");
  EXPECT_TRUE(pending(extension())) << "it cannot be imported any more";
}

TEST_F(Extension, OfSomebodyElseDoesWhenItCanBeImported) {
  fake::put(machine.world.at(kSite + "exllamav2_ext.so"), "from a wheel");
  EXPECT_FALSE(pending(extension()));
  fake::put(machine.world.at(kSite + "exllamav2_ext.so"), "of another torch");
  EXPECT_TRUE(pending(extension()));
}

TEST_F(Extension, ThatDoesNotCompileSaysWhatTheCompilerSays) {
  machine.world.compiles = false;
  const auto run = go(extension());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::failed);
  EXPECT_THAT(run.error().message(), HasSubstr("exllamav2_ext does not compile"));
  EXPECT_THAT(run.error().message(), HasSubstr("identifier \"x\" is undefined"));
  EXPECT_THAT(run.error().message(), Not(HasSubstr("[1/2]")));
  EXPECT_FALSE(machine.view().exists(kSite + "exllamav2_ext.so"));
  machine.world.compiles = true;
  fake::Silent silent;
  const auto again = resume(machine, fake::kClock, machine.settings(), silent);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_FALSE(pending(extension())) << "the lock of the attempt that failed is gone";
}

TEST_F(Extension, IsCompiledAnewWhereAnAttemptLeftSomethingSpoiled) {
  fake::put(machine.world.at(kEnv + "/.bringup-extensions/exllamav2_ext/two.o"), "hal");
  machine.world.spoils = "two.o";
  const auto run = go(extension());
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_FALSE(pending(extension()));
}

TEST_F(Extension, IsTakenBackUnlessOneWasThereBefore) {
  const auto before = machine.tree();
  ASSERT_TRUE(go(extension()));
  fake::Silent silent;
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), silent));
  EXPECT_EQ(fake::difference(machine.tree(), before), "");
  fake::put(machine.world.at(kSite + "exllamav2_ext.so"), "of another torch");
  ASSERT_TRUE(go(extension()));
  const auto undone = undo("", machine, fake::kClock, machine.settings(), silent);
  ASSERT_TRUE(undone) << undone.error().message();
  EXPECT_EQ(undone->failed_step, "extension");
  EXPECT_TRUE(machine.view().exists(kSite + "exllamav2_ext.so"));
}

}  // namespace
}  // namespace bringup::apply
