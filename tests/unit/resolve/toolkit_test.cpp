// SPDX-License-Identifier: Apache-2.0
// The toolkit that PyPI has: when it is taken, when one that is there counts, and what a conflict says of it.
#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <algorithm>
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kGcc13 = "gcc = \"13\"\nglibc = \"2.39\"";
const std::string kUser = "--user-only\n";

// A driver is loaded where the archive has none, so that the toolkit alone is in question.
std::string loaded(const std::string& version, const std::string& more = kGcc13) {
  return more + "\ndriver = { version = \"" + version + "\", flavour = \"open\" }";
}

Row asked(std::string name, std::string gpus, std::string reachable, std::string more, std::string goal,
          std::string expected) {
  return {std::move(name), std::move(gpus), "ubuntu-24.04",     std::move(reachable),
          std::move(more), std::move(goal), std::move(expected)};
}

INSTANTIATE_TEST_SUITE_P(
    PypiToolkit, Cases,
    testing::Values(
        asked("WithoutRootItIsPypis", "RTX 4090", "all", kGcc13, kUser,
              "driver install 595 open nvidia | toolkit install 13.0 pypi | torch 2.14.1+cu130 pypi | notice "
              "toolkit"),
        asked("WithRootItIsNvidias", "RTX 4090", "all", kGcc13, "", "toolkit install 13.0 nvidia"),
        asked("NoRepositoryThatAnswers", "RTX 4090", "distro pypi", loaded("580.159.04"), "",
              "driver keep 580 open keep | toolkit install 13.0 pypi"),
        Row{"TheDistributionComesBeforeIt", "RTX 4090", "debian-13", "distro pypi",
            loaded("580.159.04", "gcc = \"14\"\nglibc = \"2.41\""), "", "toolkit install 12.4 distro"},
        Row{"TheDistributionNeedsRootToo", "RTX 4090", "debian-13", "distro pypi",
            loaded("580.159.04", "gcc = \"14\"\nglibc = \"2.41\""), kUser, "toolkit install 13.0 pypi"},
        asked("PypiIsSilent", "RTX 4090", "distro pytorch", loaded("580.159.04"), "",
              "toolkit none | notice toolkit"),
        // PyPI's nvcc begins with CUDA 13, which is not torch's here, and which neither of the two knows.
        asked("NoneForCuda12", "RTX 4090", "distro pypi", loaded("570.211.01"), "",
              "torch 2.10.0+cu128 pypi | toolkit none"),
        asked("NoneForVolta", "V100", "distro pypi",
              std::string(kGcc13) + "\ndriver = { version = \"580.159.04\", flavour = \"proprietary\" }", "",
              "driver keep 580 proprietary keep | toolkit none"),
        asked("NoneIsWanted", "RTX 4090", "all", kGcc13, kUser + "toolkit = \"none\"", "toolkit none"),
        asked("WithoutGpuNoneIsNeeded", "", "all", kGcc13, kUser, "toolkit none"),
        asked("PinnedWithoutGpu", "", "pypi distro", kGcc13, "toolkit = \"13.2\"",
              "toolkit install 13.2 pypi | driver none"),
        asked("ThePinIsKept", "RTX 4090", "all", kGcc13, kUser + "toolkit = \"13.4\"",
              "toolkit install 13.4 pypi"),
        // nvcc 13.0 takes gcc 15 at most, 13.4 takes 16.
        asked("TheNearestThatTakesThisCompiler", "RTX 4090", "all", "gcc = \"16\"", kUser,
              "toolkit install 13.4 pypi"),
        asked("NoneTakesThisCompiler", "RTX 4090", "all", "gcc = \"17\"", kUser, "toolkit none"),
        // Nobody has a driver: what needs no root is done all the same.
        asked("TheDriverIsLeftToRoot", "RTX 4090", "distro pypi", kGcc13, kUser,
              "driver none | toolkit install 13.0 pypi | torch 2.14.1+cu130 pypi | notice driver-left"),
        asked("TheDriverIsLeftToRootInItsBranch", "RTX 4090", "distro pypi", kGcc13,
              kUser + "driver = \"570\"",
              "driver none | torch 2.10.0+cu128 pypi | toolkit none | notice driver-left"),
        asked("TheDriverThatIsLeftServesTheGpu", "V100", "distro pypi pytorch", kGcc13, kUser,
              "driver none | torch 2.11.0+cu126 pytorch | notice driver-left"),
        asked("RootNeedsADriver", "RTX 4090", "distro pypi", kGcc13, "",
              "conflict: RTX 4090 | NVIDIA's repository (nvidia)"),
        asked("WhatCanBeHadIsNotLeft", "RTX 4090", "nvidia distro pypi", kGcc13, kUser,
              "driver install 595 open nvidia | without notice driver-left"),
        asked("NoBranchServesBoth", "K80 + RTX 5090", "distro pypi", kGcc13, kUser,
              "conflict: K80 | RTX 5090"),
        asked("PinnedAndNotThere", "RTX 4090", "all", kGcc13, kUser + "toolkit = \"12.8\"",
              "conflict: needs root; PyPI has 13.0 to 13.4 | --user-only"),
        asked("PinnedAndNoRepository", "RTX 4090", "distro pypi", loaded("580.159.04"), "toolkit = \"12.8\"",
              "conflict: which does not answer: not listed as reachable; PyPI has 13.0 to 13.4 | NVIDIA's "
              "repository (nvidia)"),
        asked("PinnedAndNothingAnswers", "RTX 4090", "distro pytorch", loaded("580.159.04"),
              "toolkit = \"13.0\"",
              "conflict: PyPI has it, and does not answer | NVIDIA's repository (nvidia) | PyPI (pypi)"),
        asked("TheDriverIsTooOldForThePin", "RTX 4090", "distro pypi", loaded("570.211.01"),
              "toolkit = \"13.0\"", "conflict: toolkit = \"13.0\" | NVIDIA's repository (nvidia) | GPU ")),
    name_of);

resolve::Choice choice_of(const facts::Machine& machine, const std::string& goal) {
  auto answer = resolve::resolve(machine, goal_of(goal), catalog::built_in(), kToday);
  EXPECT_TRUE(std::holds_alternative<resolve::Choice>(answer));
  return std::holds_alternative<resolve::Choice>(answer) ? std::get<resolve::Choice>(answer)
                                                         : resolve::Choice{};
}

facts::Machine machine(const std::string& more = kGcc13) {
  return machine_of({"machine", "RTX 4090", "ubuntu-24.04", "all", more, "", ""});
}

const std::string kHome = "/home/user/.local/share/bringup/toolkits/cuda-13.0";
const std::string kSite = kHome + "/lib/python3.12/site-packages";

// The toolkit in the environment `path`, as a probe sees it.
void put(facts::Machine& machine, const std::string& path, const std::string& nvvm) {
  const std::string site = path + "/lib/python3.12/site-packages";
  machine.envs.push_back({.path = path,
                          .python = path + "/bin/python",
                          .version = "3.12.3",
                          .kind = "uv",
                          .site_packages = site,
                          .packages = {{"cuda-toolkit", "13.0.2"},
                                       {"nvidia-cuda-nvcc", "13.0.88"},
                                       {"nvidia-cuda-crt", "13.0.88"},
                                       {"nvidia-nvvm", nvvm}},
                          .torch = std::nullopt,
                          .variant = std::nullopt});
  machine.toolkits.push_back({.path = site + "/nvidia/cu13", .version = "13.0", .origin = "pypi"});
}

TEST(PypiToolkit, IsMadeByThePythonOfTheEnvironments) {
  const resolve::Choice choice = choice_of(machine(), kUser);
  EXPECT_EQ(choice.toolkit.env, kHome);
  EXPECT_EQ(choice.toolkit.bin,
            kHome + "/lib/python" + choice.python.version + "/site-packages/nvidia/cu13/bin");
  EXPECT_THAT(choice.toolkit.packages,
              ElementsAre(StartsWith("cuda-toolkit[nvcc,"), StartsWith("nvidia-nvvm==13.0."),
                          StartsWith("nvidia-cuda-crt==13.0.")));
}

TEST(PypiToolkit, SaysWhatItIsNot) {
  const auto text = [](const resolve::Choice& choice) {
    const auto at = std::ranges::find(choice.notices, "toolkit", &resolve::Notice::id);
    return at == choice.notices.end() ? "" : at->text;
  };
  EXPECT_THAT(text(choice_of(machine(), kUser)),
              StartsWith("PyPI's CUDA toolkit is nvcc, cudart and cccl alone: no profiler, no debugger"));
  EXPECT_THAT(text(choice_of(machine(), kUser)), Not(HasSubstr("no gcc was seen")));
  EXPECT_THAT(text(choice_of(machine(""), kUser)), HasSubstr("no gcc was seen"));
}

TEST(PypiToolkit, OfOursThatIsThereStays) {
  facts::Machine there = machine();
  put(there, kHome, "13.0.88");
  const resolve::Choice choice = choice_of(there, kUser);
  EXPECT_THAT(told(choice), Contains("toolkit keep 13.0 keep"));
  EXPECT_EQ(choice.toolkit.bin, kSite + "/nvidia/cu13/bin");
  EXPECT_EQ(choice.toolkit.env, "");
  // Root, too, leaves what works.
  EXPECT_THAT(told(choice_of(there, "")), Contains("toolkit keep 13.0 keep"));
  // One of the system's own comes before it.
  there.toolkits.insert(there.toolkits.begin(),
                        {.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"});
  EXPECT_EQ(choice_of(there, "").toolkit.bin, "/usr/local/cuda-13.0/bin");
}

// nvcc 13.0 beside nvvm 13.5 resolves, is there, and compiles nothing.
TEST(PypiToolkit, ThatIsNotWholeDoesNotCount) {
  facts::Machine there = machine();
  put(there, kHome, "13.5.37");
  EXPECT_THAT(told(choice_of(there, kUser)), Contains("toolkit install 13.0 pypi"));
  // It is filled up, by the Python that it has.
  there.envs.back().version = "3.10.4";
  EXPECT_THAT(choice_of(there, kUser).toolkit.bin, HasSubstr("/lib/python3.10/"));
  there = machine();
  put(there, kHome, "13.0.88");
  there.envs.back().packages.pop_back();
  EXPECT_THAT(told(choice_of(there, kUser)), Contains("toolkit install 13.0 pypi"));
}

TEST(PypiToolkit, OfAnotherEnvironmentIsNotTheMachines) {
  facts::Machine there = machine();
  put(there, "/home/user/work/venv", "13.0.88");
  EXPECT_THAT(told(choice_of(there, kUser)), Contains("toolkit install 13.0 pypi"));
}

// Every environment is there: the toolkit's still wants a Python that makes one.
TEST(PypiToolkit, BringsItsOwnPythonWhereNothingElseIsMade) {
  facts::Machine there = machine();
  const std::string env = "/home/user/.local/share/bringup/envs/dl";
  there.envs = {{.path = env,
                 .python = env + "/bin/python",
                 .version = "3.13.1",
                 .kind = "venv",
                 .site_packages = "",
                 .packages = {{"torch", "2.14.1+cu130"},
                              {"torchvision", "0.29.1+cu130"},
                              {"torchaudio", "2.11.0+cu130"}},
                 .torch = "2.14.1+cu130",
                 .variant = "cu130"}};
  there.pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = true}};
  const resolve::Choice choice = choice_of(there, kUser);
  EXPECT_THAT(told(choice), Contains("env dl keep " + env));
  EXPECT_EQ(choice.python.interpreter, "/usr/bin/python3.12");
  EXPECT_THAT(choice.toolkit.bin, HasSubstr("/lib/python3.12/"));
  // Without one there is no toolkit, and that is no conflict.
  there.pythons.clear();
  std::erase_if(there.sources, [](const facts::Source& one) { return one.name == "distro"; });
  there.packages.archive_uris.clear();
  EXPECT_THAT(told(choice_of(there, kUser)), Contains("toolkit none"));
}

TEST(UserOnly, PrefersAPythonThatNeedsNoRoot) {
  facts::Machine there = machine();
  there.pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = false},
                   {.path = "/usr/bin/python3.10", .version = "3.10.4", .venv = true}};
  EXPECT_EQ(choice_of(there, "").python.version, "3.12");
  const resolve::Choice choice = choice_of(there, kUser);
  EXPECT_EQ(choice.python.version, "3.10");
  EXPECT_TRUE(choice.python.packages.empty());
}

TEST(UserOnly, IsAMemberOfAConflictWithAWayOut) {
  const auto answer =
      resolve::resolve(machine(), goal_of(kUser + "toolkit = \"12.4\""), catalog::built_in(), kToday);
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(answer));
  EXPECT_THAT(std::get<resolve::Conflict>(answer).could_change,
              Contains("let root do it: the same with sudo and without --user-only"));
}

const std::string kFileGoal = "toolkit = { local = \"/root/cuda-repo.deb\" }\n";

facts::Machine machine_with_file(const std::string& system, const std::string& toolkit) {
  facts::Machine out = machine();
  out.repository_file = facts::RepositoryFile{.path = "/root/cuda-repo.deb",
                                              .sha256 = std::string(64, 'a'),
                                              .system = system,
                                              .arch = "amd64",
                                              .toolkit = toolkit};
  return out;
}

TEST(RepositoryFile, GivesItsToolkitWithoutTheMetapackage) {
  const resolve::Choice choice = choice_of(machine_with_file("ubuntu2404", "12.8"), kFileGoal);
  EXPECT_EQ(choice.toolkit.source, "file");
  EXPECT_EQ(choice.toolkit.version, "12.8");
  EXPECT_THAT(choice.toolkit.packages, ElementsAre("cuda-toolkit-12-8"));
  EXPECT_EQ(choice.toolkit.bin, "/usr/local/cuda-12.8/bin");
}

TEST(RepositoryFile, IsNotOpenedWhereItsToolkitIsThere) {
  facts::Machine there = machine_with_file("ubuntu2404", "12.8");
  there.toolkits.push_back({.path = "/usr/local/cuda-12.8", .version = "12.8", .origin = "unknown"});
  EXPECT_THAT(told(choice_of(there, kFileGoal)), Contains("toolkit keep 12.8 keep"));
}

TEST(RepositoryFile, ThatDoesNotFitIsAConflictThatSaysWhy) {
  const auto why = [](const facts::Machine& machine, const std::string& goal) {
    const auto answer = resolve::resolve(machine, goal_of(goal), catalog::built_in(), kToday);
    std::string text;
    if (const auto* conflict = std::get_if<resolve::Conflict>(&answer)) {
      for (const auto& member : conflict->set) text += member.what + ": " + member.why + "\n";
    }
    return text;
  };
  EXPECT_THAT(why(machine_with_file("ubuntu2204", "12.8"), kFileGoal),
              HasSubstr("holds packages for ubuntu2204 on amd64"));
  EXPECT_THAT(why(machine_with_file("ubuntu2404", "11.2"), kFileGoal), HasSubstr("/root/cuda-repo.deb"));
  EXPECT_THAT(why(machine_with_file("ubuntu2404", "12.8"), kUser + kFileGoal), HasSubstr("--user-only"));
}

}  // namespace
}  // namespace bringup::testing_support
