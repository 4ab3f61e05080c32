// SPDX-License-Identifier: Apache-2.0
// The script runs in a real Python with modules that are made up: what it imports, counts and multiplies.
#include <bringup/measure/measure.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_torch.hpp"

namespace bringup::measure::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::Variable;

TEST_F(Env, ImportsCountsAndMultiplies) {
  module("torch", kTorch);
  module("torchaudio", "__version__ = '2.10.0+cu128'\nprint('bringup-proof: {}')");
  const Variable visible("CUDA_VISIBLE_DEVICES", "0");
  const auto proof = prove({"torch", "torchaudio"});
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->path, "/env");
  EXPECT_THAT(proof->imports,
              ElementsAre(facts::ImportProof{"torch", std::string("2.10.0+cu130"), "13.0"},
                          facts::ImportProof{"torchaudio", std::string("2.10.0+cu128"), "12.8"}));
  EXPECT_EQ(proof->device_count, facts::Reading<int>(1));
  ASSERT_EQ(proof->devices.size(), 2U);
  EXPECT_EQ(proof->devices[0].index, -1);
  ASSERT_TRUE(proof->devices[0].seconds) << proof->devices[0].seconds.error().message();
  EXPECT_GT(*proof->devices[0].seconds, 0);
  EXPECT_EQ(proof->devices[1].index, 0);
  EXPECT_TRUE(proof->devices[1].seconds) << proof->devices[1].seconds.error().message();
}

TEST_F(Env, KeepsEachGpusErrorApart) {
  module("torch", kTorch);
  const Variable visible("CUDA_VISIBLE_DEVICES", "0,1,2,3");
  const auto proof = prove({"torch"});
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->devices.size(), 5U);
  EXPECT_TRUE(proof->devices[1].seconds);
  // not a number is not near enough, and neither is what TF32 would give
  EXPECT_EQ(proof->devices[2].seconds.error().message(),
            "ArithmeticError: wrong result: off by nan, at most 0.002048 is rounding");
  EXPECT_EQ(proof->devices[3].seconds.error().message(),
            "RuntimeError: CUDA error: no such thing\nsecond line \\udc80");
  EXPECT_EQ(proof->devices[4].seconds.error().message(),
            "ArithmeticError: wrong result: off by 0.01, at most 0.002048 is rounding");
}

TEST_F(Env, ReadsTheCudaThatAModuleGivesAsANumber) {
  module("torchvision",
         "import types\n__version__ = '0.29.1+cu130'\nversion = types.SimpleNamespace(cuda=13000)\n");
  module("torchaudio", "import types\n__version__ = '2.8.0'\nversion = types.SimpleNamespace(cuda=12060)\n");
  const auto proof = prove({"torchvision", "torchaudio"});
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->imports[0].cuda, "13.0");
  EXPECT_EQ(proof->imports[1].cuda, "12.6");
}

TEST_F(Env, WithoutTheGpuVariableOfTheUserSeesNone) {
  module("torch", kTorch);
  const auto proof = prove({"torch"});
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->device_count, facts::Reading<int>(0));
  ASSERT_EQ(proof->devices.size(), 1U);
}

TEST_F(Env, KeepsTheErrorOfAModuleThatCannotBeImported) {
  module("torch", kTorch);
  module("torchaudio", "raise OSError('libcudart.so.12: cannot open shared object file')");
  module("torchvision", "import sys\nsys.exit('no')");
  const auto proof = prove({"torch", "torchaudio", "torchvision", "nowhere"});
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->imports.size(), 4U);
  EXPECT_TRUE(proof->imports[0].version);
  EXPECT_EQ(proof->imports[1].version.error(),
            Error(Errc::failed, "OSError: libcudart.so.12: cannot open shared object file"));
  EXPECT_EQ(proof->imports[2].version.error().message(), "SystemExit: no");
  EXPECT_EQ(proof->imports[3].version.error().message(), "ModuleNotFoundError: No module named 'nowhere'");
  EXPECT_TRUE(proof->device_count) << "torch itself was fine";
}

TEST_F(Env, WithoutTorchCountsNothing) {
  const auto proof = prove({"torch"});
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->device_count.error(), Error(Errc::failed, "torch could not be imported"));
  EXPECT_TRUE(proof->devices.empty());
}

TEST_F(Env, KeepsTheErrorOfCounting) {
  module("torch", std::string(kTorch) +
                      "\ndef refuse(): raise RuntimeError('no driver')\ncuda.device_count = refuse\n");
  const auto proof = prove({"torch"});
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->device_count.error(), Error(Errc::failed, "RuntimeError: no driver"));
}

TEST_F(Env, ThatCrashesNamesTheSignalAndTheDeed) {
  module("torch",
         "import os, signal, sys\nprint('last words', file=sys.stderr, flush=True)\nos.kill(os.getpid(), "
         "signal.SIGSEGV)");
  const auto proof = prove({"torch", "torchaudio"});
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::failed);
  EXPECT_THAT(proof.error().message(),
              HasSubstr("was killed by signal 11 (SIGSEGV) while importing torch: last words"));
}

TEST_F(Env, KeepsAllElseWhenAModuleCrashes) {
  torch();
  module("torchaudio",
         "import os, signal, sys\nprint('last words', file=sys.stderr, flush=True)\nos.kill(os.getpid(), "
         "signal.SIGSEGV)");
  const auto proof = prove({"torch", "torchaudio", "json"});
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->imports.size(), 3U);
  EXPECT_EQ(proof->imports[1].version.error(),
            Error(Errc::failed, "was killed by signal 11 (SIGSEGV): last words"));
  EXPECT_TRUE(proof->imports[2].version);
  EXPECT_EQ(proof->device_count, facts::Reading<int>(0));
  EXPECT_FALSE(proof->cut_short);
}

TEST_F(Env, KeepsAllElseWhenAModuleHangs) {
  torch();
  module("torchaudio", "import time\ntime.sleep(600)");
  const auto proof = prove({"torch", "torchaudio"}, 4s);
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->imports.size(), 2U);
  EXPECT_EQ(proof->imports[1].version.error().code(), Errc::timeout);
  EXPECT_THAT(proof->imports[1].version.error().message(), HasSubstr("did not end within"));
  EXPECT_EQ(proof->device_count, facts::Reading<int>(0));
  EXPECT_FALSE(proof->cut_short);
}

TEST_F(Env, ThatHangsIsATimeoutWithTheDeed) {
  module("torch", "import time\ntime.sleep(60)");
  const auto began = std::chrono::steady_clock::now();
  const auto proof = prove({"torch"}, 1500ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::timeout);
  EXPECT_THAT(proof.error().message(), HasSubstr("while importing torch"));
}

TEST_F(Env, ThatLeavesWithoutAnAnswerIsNoPass) {
  module("torch", "import os\nos._exit(0)");
  const auto proof = prove({"torch"});
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::malformed);
  EXPECT_THAT(proof.error().message(), HasSubstr("ended without an answer while importing torch"));
}

TEST_F(Env, WhosePythonIsNotThereIsAbsent) {
  const auto proof = prove_env({.path = "/env", .python = "/no/such/python"}, {"torch"}, {}, 10s);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::absent);
}

// Without the launcher above: what is said of a Python that has no torch at all.
TEST_F(Env, RunsTheSystemsPython) {
  const auto proof = prove_env({.path = "/usr", .python = kPython}, {"json", "module_of_nobody"}, {}, 60s);
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->imports.size(), 2U);
  EXPECT_TRUE(proof->imports[0].version);
  EXPECT_THAT(proof->imports[1].version.error().message(), StartsWith("ModuleNotFoundError: "));
}

// Programs that only pretend to be Python.
class Impostor : public Env, public ::testing::WithParamInterface<const char*> {};
TEST_P(Impostor, ProvesNothing) {
  put("python", std::string("#!/bin/sh\n") + GetParam());
  const auto proof = prove({"torch"});
  if (!proof) return;
  EXPECT_TRUE(proof->cut_short);
  EXPECT_FALSE(proof->device_count);
  for (const auto& device : proof->devices) EXPECT_FALSE(device.seconds);
  for (const auto& import : proof->imports) EXPECT_FALSE(import.version && *import.version != "");
}
INSTANTIATE_TEST_SUITE_P(
    Answers, Impostor,
    ::testing::Values("exit 0", "exit 1", "echo", "echo; echo 'bringup-proof: '",
                      "echo; echo 'bringup-proof: {'", "echo; echo 'bringup-proof: 7'",
                      R"(echo; echo 'bringup-proof: {"import": "torch", "begun": true}')",
                      R"(echo 'bringup-proof: {"device": -1, "seconds": 0}')",
                      R"(echo 'bringup-proof: {"counting": true, "count": "2"}'; exit 3)"));

TEST_F(Env, IsRunAsTheUserWhoAskedForIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can run as somebody else";
  module("torch", kTorch);
  module("who", "import os\n__version__ = '%d %d %s' % (os.getuid(), os.getgid(), os.environ['HOME'])");
  fs::permissions(directory_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec |
                                  fs::perms::others_read);
  fs::permissions(directory_ / "python", fs::perms::others_exec | fs::perms::others_read,
                  fs::perm_options::add);
  const auto proof =
      prove_env({.path = "/env", .python = (directory_ / "python").string()}, {"who"},
                {.name = "nobody", .home = "/", .uid = 65534, .gid = 65534, .root = true}, 60s);
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->imports[0].version, facts::Reading<std::string>(std::string("65534 65534 /")));
}

}  // namespace
}  // namespace bringup::measure::testing
