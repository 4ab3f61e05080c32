// SPDX-License-Identifier: Apache-2.0
// Environments that compile an extension: the toolkit and the torch that are chosen for it, and the smallest
// set where there are none.
#include <bringup/resolve/why.hpp>

#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <algorithm>
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kDebian = "glibc = \"2.36\"\ngcc = \"12\"\n";
const std::string kCompiles = "--compiles dl\n";
const std::string kTorch = "[[env]]\nname = \"dl\"\npackages = [\"torch\"]\n";
const std::string kBoth = "--compiles dl\n--compiles other\n";
const std::string kTwo = kTorch + "[[env]]\nname = \"other\"\npackages = [\"torch==2.8.0\"]\n";

std::string loaded(const std::string& version, const std::string& flavour = "open") {
  return kDebian + "driver = { version = \"" + version + "\", flavour = \"" + flavour + "\" }";
}

Row asked(std::string name, std::string gpus, std::string reachable, std::string more, std::string goal,
          std::string expected) {
  return {std::move(name), std::move(gpus), "debian-12",        std::move(reachable),
          std::move(more), std::move(goal), std::move(expected)};
}

INSTANTIATE_TEST_SUITE_P(
    Extension, Cases,
    testing::Values(
        asked("NvidiasToolkitIsOfTorchsCuda", "2x RTX 3090", "all", kDebian, kCompiles,
              "toolkit install 13.0 nvidia | torch 2.14.1+cu130 pypi"),
        asked("VoltaIsCompiledForByCuda12", "V100", "all", kDebian, kCompiles,
              "toolkit install 12.6 nvidia | torch 2.11.0+cu126 pytorch"),
        // Without an extension the distribution's toolkit is taken, whatever it compiles for.
        asked("TheDistributionsWithoutAnExtension", "2x RTX 3090", "distro pypi", loaded("580.159.04"), "",
              "toolkit install 11.8 distro | torch 2.14.1+cu130 pypi"),
        asked("PypisWhereTheDistributionsIsOfAnotherCuda", "2x RTX 3090", "distro pypi", loaded("580.159.04"),
              kCompiles, "driver keep 580 open keep | toolkit install 13.0 pypi | torch 2.14.1+cu130 pypi"),
        asked("ATorchForTheDistributionsToolkit", "2x RTX 3090", "distro pypi pytorch", kDebian, kCompiles,
              "driver install 535 proprietary distro | toolkit install 11.8 distro | torch 2.7.1+cu118 "
              "pytorch"),
        asked("AnotherVariantOfTheSameRelease", "2x RTX 3090", "all", kDebian,
              kCompiles + "toolkit = \"12.8\"\n[[env]]\nname = \"dl\"\npackages = [\"torch==2.11.0\"]",
              "toolkit install 12.8 nvidia | torch 2.11.0+cu128 pytorch"),
        asked("TheGoalsToolkitIsThatOfAnOlderTorch", "2x RTX 3090", "all", "gcc = \"11\"\n",
              kCompiles + "toolkit = \"11.8\"", "toolkit install 11.8 nvidia | torch 2.7.1+cu118 pytorch"),
        asked("OneToolkitForTwo", "2x RTX 3090", "all", kDebian, kBoth + kTwo,
              "toolkit install 12.8 nvidia | torch 2.11.0+cu128 pytorch | torch 2.8.0+cu128 pypi"),
        asked("NoGpuIsNoReasonForTheCpusTorch", "", "all", kDebian, kCompiles,
              "driver none | toolkit install 13.0 nvidia | torch 2.14.1+cu130 pypi"),
        asked("WithoutRootItIsPypis", "2x RTX 3090", "all", kDebian, "--user-only\n" + kCompiles,
              "toolkit install 13.0 pypi | torch 2.14.1+cu130 pypi"),
        asked(
            "NothingOfTorchsCuda", "2x RTX 3090", "distro pypi", kDebian, kCompiles,
            "conflict: GPU 0000 | environment dl: its extension dl_ext | NVIDIA's repository (nvidia) | the "
            "PyTorch index (pytorch)"),
        asked("NobodyAnswersIsNoMatterOfExtensions", "2x RTX 3090", "nvidia distro", kDebian,
              kCompiles + kTorch,
              "conflict: environment dl: torch | PyPI (pypi) | the PyTorch index (pytorch)"),
        asked(
            "ThePinIsOfNoCudaOfThisTorch", "2x RTX 3090", "all", "gcc = \"11\"\n",
            kCompiles + "toolkit = \"11.8\"\n[[env]]\nname = \"dl\"\npackages = [\"torch==2.11.0\"]",
            "conflict: environment dl: its extension dl_ext | environment dl: torch==2.11.0 | goal: toolkit "
            "= \"11.8\""),
        asked("ThePinIsOfNoCudaThatServesTheGpu", "RTX 5090", "all", kDebian,
              kCompiles + "toolkit = \"11.8\"", "conflict: GPU 0000 | goal: toolkit = \"11.8\""),
        asked("NoToolkitIsWanted", "2x RTX 3090", "all", kDebian, kCompiles + "toolkit = \"none\"",
              "conflict: environment dl: its extension dl_ext is compiled here: torch | goal: toolkit = "
              "\"none\""),
        asked("NoneIsWantedAndNothingIsCompiled", "2x RTX 3090", "all", kDebian, "toolkit = \"none\"",
              "toolkit none"),
        asked("NoneOfPypisIsForVolta", "V100", "all", kDebian, "--user-only\n" + kCompiles,
              "conflict: GPU 0000 | its extension dl_ext | --user-only"),
        Row{"NoNvccTakesThisCompiler", "2x RTX 3090", "ubuntu-24.04", "all", "gcc = \"17\"\n", kCompiles,
            "conflict: gcc 17 | its extension dl_ext is compiled here: torch"},
        Row{"TheNearestThatTakesThisCompiler", "2x RTX 3090", "ubuntu-24.04", "all", "gcc = \"16\"\n",
            kCompiles, "toolkit install 13.4 nvidia"},
        asked(
            "OneToolkitForTwoOfWhichNoCudaHasBoth", "2x RTX 3090", "all", kDebian,
            kBoth + "toolkit = \"13.0\"\n" + kTwo,
            "conflict: environment other: its extension | environment other: torch==2.8.0 | goal: toolkit")),
    name_of);

const goal::Goal kGoal = goal_of(kCompiles + kTorch);

resolve::Resolution answer(const facts::Machine& machine, const goal::Goal& goal = kGoal) {
  return resolve::resolve(machine, goal, catalog::built_in(), kToday);
}

facts::Machine machine(const std::string& reachable = "all", const std::string& more = kDebian) {
  return machine_of(asked("machine", "2x RTX 3090", reachable, more, "", ""));
}

// Its archive has no toolkit, and with it no g++ of an nvcc's own.
facts::Machine ubuntu(const std::string& more) {
  return machine_of({"machine", "2x RTX 3090", "ubuntu-24.04", "all", more, "", ""});
}

std::string conflict_text(const resolve::Resolution& resolution) {
  std::string out;
  if (const auto* conflict = std::get_if<resolve::Conflict>(&resolution)) {
    for (const resolve::ConflictMember& member : conflict->set) out += member.what + ": " + member.why + "\n";
    for (const std::string& change : conflict->could_change) out += change + "\n";
  }
  return out;
}

TEST(Extension, SaysWhichDriverAndToolkitsStandAgainstIt) {
  const std::string text = conflict_text(answer(machine("distro pypi")));
  EXPECT_THAT(text,
              HasSubstr("driver 535.261.03 from the distribution's archive runs programs for CUDA 12 at "
                        "most, and torch 2.10.0 (cu128) from PyPI compiles extensions with a toolkit of "
                        "CUDA 12 alone: NVIDIA's repository, which has one, does not answer (not listed "
                        "as reachable), the distribution's archive has 11.8, and PyPI has 13.0 to 13.4"));
  EXPECT_THAT(text, HasSubstr("leave environment dl out of the goal"));
  goal::Goal stack = kGoal;
  stack.envs[0].name = "stack-exllamav2";
  stack.envs[0].own = true;
  EXPECT_THAT(conflict_text(answer(machine("distro pypi"), stack)),
              HasSubstr("leave the stack exllamav2 out of the goal"));
}

TEST(Extension, TakesAnyCompilerThatNvccAccepts) {
  facts::Machine there = ubuntu("gcc = \"17\"\n");
  ASSERT_THAT(conflict_text(answer(there)), HasSubstr("nvcc 13.4 accepts g++ up to 16, and here is g++ 17"));
  there.compilers.push_back({.path = "/usr/bin/g++-13", .major = 13});
  EXPECT_THAT(told(answer(there)), Contains("toolkit install 13.2 nvidia"));
  // What compiles nothing for PyTorch is held against the default one.
  EXPECT_THAT(told(answer(there, goal_of(kTorch))), Contains("toolkit none"));
}

// The default gcc cannot be told, and every g++ that is here is too new.
TEST(Extension, NamesACompilerWithoutAGcc) {
  facts::Machine there = ubuntu("");
  there.compilers = {{.path = "/usr/bin/g++-17", .major = 17}};
  EXPECT_THAT(conflict_text(answer(there)), StartsWith("g++ 17: "));
}

TEST(Extension, SaysWhyNoNewerTorchIsTaken) {
  const auto resolution = answer(machine("distro pypi pytorch"));
  const auto& reasons = std::get<resolve::Choice>(resolution).reasons;
  const auto torch = std::ranges::find(reasons, "torch", &resolve::Reason::about);
  EXPECT_THAT(torch->text, HasSubstr("compiles extensions with a toolkit of CUDA 12 alone: NVIDIA's"));
}

TEST(Extension, SaysWhyNoToolkitOfAnotherCudaIsTaken) {
  goal::Goal goal = kGoal;
  goal.toolkit = "11.8";
  const auto why =
      resolve::why(machine("all", "gcc = \"11\"\n"), goal, catalog::built_in(), kToday, "toolkit");
  ASSERT_TRUE(why);
  ASSERT_FALSE(why->alternatives.empty());
  EXPECT_EQ(why->alternatives[0].what, "CUDA toolkit 12.0");
  EXPECT_EQ(why->alternatives[0].ruled_out,
            "PyTorch compiles extensions of a torch for CUDA 11 with none of CUDA 12");
}

// The environment of a goal, as a probe sees it.
facts::PythonEnv env(const std::string& variant) {
  const std::string path = "/home/user/.local/share/bringup/envs/dl";
  return {.path = path,
          .python = path + "/bin/python",
          .version = "3.11.2",
          .kind = "uv",
          .packages = {{"torch", "2.11.0+" + variant}},
          .torch = "2.11.0+" + variant,
          .variant = variant};
}

TEST(Extension, ThatIsCompiledWantsNoToolkit) {
  goal::Goal goal = kGoal;
  goal.toolkit = "none";
  facts::Machine there = machine();
  there.envs = {env("cu130")};
  EXPECT_THAT(conflict_text(answer(there, goal)),
              HasSubstr("torch 2.11.0+cu130 in /home/user/.local/share/bringup/envs/dl compiles extensions "
                        "with a toolkit of CUDA 13 alone: the goal asks for no toolkit"));
  there.envs[0].built = {{.module = "dl_ext", .torch = "2.11.0", .architectures = {"8.6"}}};
  EXPECT_THAT(told(answer(there, goal)), Contains(StartsWith("env dl keep ")));
  there.envs[0].built[0].architectures = {"9.0"};
  EXPECT_THAT(conflict_text(answer(there, goal)), HasSubstr("the goal asks for no toolkit"));
  there.envs[0].built[0] = {.module = "dl_ext", .torch = "2.10.0", .architectures = {"8.6"}};
  EXPECT_THAT(conflict_text(answer(there, goal)), HasSubstr("the goal asks for no toolkit"));
}

// An environment that is there stays when its torch can be compiled for, and gets another torch when it
// cannot.
TEST(Extension, KeepsATorchThatCanBeCompiledFor) {
  facts::Machine there = machine("all", loaded("580.159.04"));
  there.envs = {env("cu128")};
  auto said = told(answer(there));
  EXPECT_THAT(said, Contains(StartsWith("env dl keep ")));
  EXPECT_THAT(said, Contains("toolkit install 12.8 nvidia"));
  there = machine("distro pypi", loaded("580.159.04"));
  there.envs = {env("cu128")};
  said = told(answer(there));
  EXPECT_THAT(said, Contains(StartsWith("env dl upgrade ")));
  EXPECT_THAT(said, Contains("torch 2.15.0+cu132 pypi"));
  EXPECT_THAT(said, Contains("toolkit install 13.2 pypi"));
  EXPECT_THAT(said, Not(Contains("toolkit install 11.8 distro")));
}

// The first environment's torch is for another CUDA than the one that compiles.
TEST(Extension, AimsTheToolkitAtTheTorchThatCompiles) {
  const goal::Goal goal =
      goal_of("--compiles other\n" + kTorch + "[[env]]\nname = \"other\"\npackages = [\"torch==2.8.0\"]\n");
  const auto said = told(answer(machine(), goal));
  EXPECT_THAT(said, Contains("torch 2.15.0+cu132 pypi"));
  EXPECT_THAT(said, Contains("torch 2.8.0+cu128 pypi"));
  EXPECT_THAT(said, Contains("toolkit install 12.8 nvidia"));
}

// Debian's toolkit is too old for it, so that no torch of its CUDA is taken.
TEST(Extension, IsForAnOldestCuda) {
  const goal::Goal goal = goal_of("--compiles other\n[[env]]\nname = \"other\"\npackages = [\"torch\"]\n");
  facts::Machine there = machine("distro pytorch pypi");
  const auto reject = answer(there, goal);
  EXPECT_THAT(conflict_text(reject), HasSubstr("environment other: its extension other_ext"));
  goal::Goal any = goal;
  any.envs[0].extension->min_cuda.reset();
  EXPECT_THAT(told(answer(there, any)), Contains("torch 2.7.1+cu118 pytorch"));
  // What is there and too old is replaced.
  there = machine("all", loaded("580.159.04"));
  there.envs = {env("cu121")};
  there.envs[0].path = "/home/user/.local/share/bringup/envs/other";
  there.toolkits = {{.path = "/usr/local/cuda-12.1", .version = "12.1", .origin = "nvidia"}};
  EXPECT_THAT(told(answer(there, any)), Contains(StartsWith("env other keep ")));
  EXPECT_THAT(told(answer(there, goal)), Contains(StartsWith("env other upgrade ")));
}

TEST(Extension, TakesAToolkitThatIsThereAndAcceptsACompiler) {
  facts::Machine there = machine();
  there.toolkits = {{.path = "/usr/local/cuda-12.4", .version = "12.4", .origin = "nvidia"},
                    {.path = "/usr/local/cuda-13.2", .version = "13.2", .origin = "nvidia"}};
  EXPECT_THAT(told(answer(there)), Contains("toolkit keep 13.2 keep"));
  // Debian's nvcc has a g++ of its own, which is not here: its package brings it.
  there = machine("distro pytorch pypi");
  there.toolkits = {{.path = "/usr", .version = "11.8", .origin = "distro"}};
  EXPECT_THAT(told(answer(there)), Contains("toolkit install 11.8 distro"));
  there.compilers.push_back({.path = "/usr/bin/g++-11", .major = 11});
  EXPECT_THAT(told(answer(there)), Contains("toolkit keep 11.8 keep"));
}

}  // namespace
}  // namespace bringup::testing_support
