// SPDX-License-Identifier: Apache-2.0
// What a conflict says: the text, word for word, of those that people will meet.
#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

resolve::Conflict conflict_of(const Row& row) {
  auto answer = resolve::resolve(machine_of(row), goal_of(row.goal), catalog::built_in(), kToday);
  const auto* conflict = std::get_if<resolve::Conflict>(&answer);
  EXPECT_NE(conflict, nullptr);
  return conflict == nullptr ? resolve::Conflict{} : *conflict;
}

TEST(Conflict, TellsTwoGenerationsThatNoDriverServesInTwoLines) {
  const resolve::Conflict conflict =
      conflict_of({"mix", "V100 SXM2 32GB + RTX 5090", "ubuntu-24.04", "all", "gcc = \"13\"", "", ""});
  EXPECT_THAT(
      told(conflict),
      ElementsAre("GPU 0000:01:00.0 Tesla V100 SXM2 32GB (7.0): driver branch 595 from NVIDIA's repository "
                  "serves Turing and later, not Volta",
                  "GPU 0000:02:00.0 GeForce RTX 5090 (12.0): Blackwell needs the open kernel modules, not "
                  "the proprietary ones"));
  EXPECT_THAT(conflict.could_change, ElementsAre("move the GPU at 0000:01:00.0 to another machine",
                                                 "move the GPU at 0000:02:00.0 to another machine"));
}

TEST(Conflict, SaysWhatWouldBeChosenWithoutEachMember) {
  const resolve::Conflict conflict =
      conflict_of({"mix", "V100 + RTX 5090", "ubuntu-24.04", "all", "gcc = \"13\"", "", ""});
  std::vector<std::string> texts;
  for (const resolve::Reason& reason : conflict.reasons) texts.push_back(reason.text);
  EXPECT_THAT(texts,
              Contains(HasSubstr("driver branch 595 from NVIDIA's repository (open), toolkit 13.0, torch "
                                 "2.14.1+cu130")));
  EXPECT_THAT(texts,
              Contains(HasSubstr("driver branch 580 from NVIDIA's repository (proprietary), toolkit 12.6, "
                                 "torch 2.11.0+cu126")));
}

TEST(Conflict, NamesTheManagerThatTheGoalAsksForAndNoOther) {
  const resolve::Conflict conflict = conflict_of(
      {"venv", "RTX 4090", "debian-12", "all", "", "[python]\nmanager = \"venv\"\nversion = \"3.13\"", ""});
  EXPECT_THAT(told(conflict), Contains(HasSubstr("Python 3.13 with venv cannot be had here")));
}

TEST(Conflict, AnUnknownGpuIsNamedAndNotGuessed) {
  const Row row{"unknown", "RTX 4090", "ubuntu-24.04", "all", "gcc = \"13\"", "", ""};
  facts::Machine machine = machine_of(row);
  machine.pci.push_back(machine.pci.front());
  machine.pci.back().address = "0000:41:00.0";
  machine.pci.back().device_id = 0xfffe;
  machine.pci.back().name = "";
  const auto answer = resolve::resolve(machine, goal_of(""), catalog::built_in(), kToday);
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(answer));
  EXPECT_THAT(
      told(answer),
      ElementsAre("GPU 0000:41:00.0 10de:fffe: the catalog does not know the PCI id 10de:fffe of the GPU at "
                  "0000:41:00.0, and what serves it is not guessed"));
}

TEST(Conflict, AnUnknownSystemIsAMember) {
  facts::Machine machine = machine_of({"gentoo", "RTX 4090", "ubuntu-24.04", "all", "gcc = \"13\"", "", ""});
  machine.os = {.id = "gentoo", .version = "2.17", .codename = "", .name = "Gentoo", .like = {}};
  machine.pythons = {{.path = "/usr/bin/python3.11", .version = "3.11.9", .venv = true}};
  const auto answer = resolve::resolve(machine, goal_of(""), catalog::built_in(), kToday);
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(answer));
  EXPECT_THAT(told(answer), Contains(HasSubstr("system gentoo-2.17: NVIDIA's repository has no driver for "
                                               "gentoo-2.17 in the catalog")));
  EXPECT_EQ(std::get<resolve::Conflict>(answer).set.size(), 2U);
}

TEST(Conflict, APinThatNoTorchHasNamesTheNewest) {
  const resolve::Conflict conflict = conflict_of({"pin", "RTX 4090", "ubuntu-24.04", "all", "gcc = \"13\"",
                                                  "[[env]]\npackages = [\"torch==2.51.0\"]", ""});
  EXPECT_THAT(
      told(conflict),
      ElementsAre("environment dl: torch==2.51.0: the catalog knows no torch 2.51.0; its newest is 2.15.0"));
  EXPECT_THAT(conflict.could_change, ElementsAre("drop the pin ==2.51.0 of torch in environment dl"));
}

TEST(Conflict, APinThatNoTorchvisionHasNamesWhatGoesWithTheTorch) {
  const auto of = [](const std::string& packages) {
    return told(conflict_of({"pin", "RTX 4090", "ubuntu-24.04", "all", "gcc = \"13\"",
                             "[[env]]\npackages = [" + packages + "]", ""}));
  };
  EXPECT_THAT(
      of("\"torch\", \"torchvision==0.1.0\""),
      ElementsAre("environment dl: torchvision==0.1.0: the catalog knows no torchvision 0.1.0; its newest is "
                  "0.29.2"));
  // Each is known, and never beside the other.
  EXPECT_THAT(of("\"torch==2.11.0\", \"torchvision==0.25.0\""),
              Contains(HasSubstr(
                  "torchvision 0.25.0 does not go with torch 2.11.0: torchvision 0.26.0 goes with torch "
                  "2.11.0")));
}

TEST(Conflict, OfSeveralGpusAlikeAllAreToBeMoved) {
  const resolve::Conflict conflict =
      conflict_of({"mix", "4x V100 SXM2 32GB + 2x RTX 5090", "ubuntu-24.04", "all", "gcc = \"13\"", "", ""});
  EXPECT_EQ(conflict.set.size(), 2U);
  EXPECT_THAT(conflict.could_change,
              ElementsAre("move the GPU at 0000:01:00.0 and the 3 others like it to another machine",
                          "move the GPU at 0000:05:00.0 and the other one like it to another machine"));
  std::vector<std::string> texts;
  for (const resolve::Reason& reason : conflict.reasons) texts.push_back(reason.text);
  EXPECT_THAT(texts,
              ElementsAre(HasSubstr("without 'GPU 0000:01:00.0 Tesla V100 SXM2 32GB (7.0)' and 3 like it the "
                                    "choice would be: driver branch 595"),
                          HasSubstr("' and 1 like it the choice would be: driver branch 580")));
}

TEST(Conflict, APinnedTorchWithoutCodeForTheGpuSaysSo) {
  const resolve::Conflict conflict = conflict_of({"pin", "RTX 5090", "ubuntu-24.04", "all", "gcc = \"13\"",
                                                  "[[env]]\npackages = [\"torch==2.6.0\"]", ""});
  EXPECT_THAT(
      told(conflict),
      ElementsAre(
          "GPU 0000:01:00.0 GeForce RTX 5090 (12.0): torch 2.6.0 (cu124) from PyPI has no code for it",
          HasSubstr("torch==2.6.0: GPU 0000:01:00.0 GeForce RTX 5090 (12.0): torch 2.6.0")));
}

TEST(Conflict, ASilentPlaceIsToldOnce) {
  const resolve::Conflict conflict =
      conflict_of({"silent", "RTX 5090", "debian-12", "distro pypi", "gcc = \"12\"", "", ""});
  EXPECT_THAT(
      told(conflict),
      ElementsAre(
          "GPU 0000:01:00.0 GeForce RTX 5090 (12.0): driver 535.261.03 from the distribution's archive "
          "serves up to Hopper, not Blackwell",
          "NVIDIA's repository (nvidia) does not answer: not listed as reachable"));
  EXPECT_THAT(conflict.could_change,
              Contains("make NVIDIA's repository reachable (a route, a proxy or a mirror)"));
}

// "none" asks for less: leaving it out cannot make a choice possible.
TEST(Conflict, IsNeverBlamedOnAGoalOfNone) {
  const resolve::Conflict conflict = conflict_of({"none", "RTX 4090", "ubuntu-24.04", "distro pypi", "",
                                                  "driver = \"none\"\n[python]\nversion = \"3.7\"", ""});
  for (const std::string& member : told(conflict)) EXPECT_THAT(member, testing::Not(HasSubstr("none")));
  EXPECT_THAT(told(conflict), Contains(HasSubstr("python.version = \"3.7\"")));
}

}  // namespace
}  // namespace bringup::testing_support
