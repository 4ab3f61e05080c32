// SPDX-License-Identifier: Apache-2.0
// The chain of reasons behind a part of the choice, its nearest alternatives, and companions of torch.
#include <bringup/resolve/why.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <algorithm>
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

facts::Machine debian(const std::string& gpus, const std::string& reachable = "all",
                      const std::string& more = "") {
  return machine_of({"machine", gpus, "debian-12", reachable, "gcc = \"12\"\n" + more, "", ""});
}

resolve::Why why_of(const facts::Machine& machine, std::string_view about, const std::string& goal = "") {
  auto why = resolve::why(machine, goal_of(goal), catalog::built_in(), kToday, about);
  EXPECT_TRUE(why) << (why ? "" : why.error().message());
  return why ? std::move(why).take() : resolve::Why{};
}

std::vector<std::string> told(const resolve::Why& why) {
  std::vector<std::string> out;
  for (const resolve::Alternative& one : why.alternatives) out.push_back(one.what + ": " + one.ruled_out);
  return out;
}

std::vector<std::string> abouts(const resolve::Why& why) {
  std::vector<std::string> out;
  for (const resolve::Reason& reason : why.chain) out.push_back(reason.about);
  return out;
}

TEST(Why, TorchRestsOnGpusDriverAndPythonAndNamesWhatRuledTheNewerOneOut) {
  const resolve::Why why = why_of(debian("8x H200"), "torch");
  EXPECT_EQ(why.chosen, "torch 2.14.1 (cu130)");
  EXPECT_THAT(abouts(why), ElementsAre("gpus", "driver", "python", "torch", "torch", "driver"));
  EXPECT_THAT(why.chain[0].text, HasSubstr("8x H200 (9.0)"));
  EXPECT_THAT(why.chain.back().text, HasSubstr("need driver 580.65.06 or later"));
  ASSERT_EQ(why.alternatives.size(), 2U);
  EXPECT_THAT(told(why)[0], AllOf(HasSubstr("torch 2.15.0"), HasSubstr("no torchaudio works with")));
  EXPECT_THAT(told(why)[1], HasSubstr("it would do, and is older"));
}

TEST(Why, AGpuThatRulesANewerTorchOutIsNamed) {
  const resolve::Why why = why_of(debian("V100"), "torch");
  ASSERT_EQ(why.alternatives.size(), 2U);
  EXPECT_THAT(why.alternatives[0].ruled_out,
              testing::AnyOf(HasSubstr("has no code for it"), HasSubstr("only inferred")));
}

TEST(Why, ADriverThatIsHereIsKeptBeforeANewerOne) {
  const resolve::Why why =
      why_of(debian("RTX 4090", "all", "driver = { version = \"580.95.05\", flavour = \"open\" }"), "driver");
  EXPECT_THAT(why.chosen, HasSubstr("580.95.05 that is there"));
  ASSERT_FALSE(why.alternatives.empty());
  EXPECT_THAT(told(why)[0], AllOf(HasSubstr("branch 595"), HasSubstr("needs no change")));
}

TEST(Why, ABranchThatWouldDoSaysWhyItStandsBehind) {
  const auto texts = told(why_of(debian("RTX 4090"), "driver"));
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], AllOf(HasSubstr("branch 580"), HasSubstr("is older than 595")));
  EXPECT_THAT(texts[1], AllOf(HasSubstr("branch 615"), HasSubstr("branch for new features")));
}

TEST(Why, TheBestDriversThatWerePassedOverAreNamed) {
  const auto texts = told(why_of(debian("RTX 4090", "distro pypi"), "driver"));
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], AllOf(HasSubstr("branch 595"), HasSubstr("repository does not answer")));
  EXPECT_THAT(texts[1], AllOf(HasSubstr("branch 580"), HasSubstr("repository does not answer")));
}

TEST(Why, TheOtherFlavourIsRuledOutByTheGpuThatCannotUseIt) {
  EXPECT_THAT(told(why_of(debian("RTX 5090"), "flavour")),
              ElementsAre(HasSubstr("Blackwell needs the open kernel modules")));
  EXPECT_THAT(told(why_of(debian("V100"), "flavour")),
              ElementsAre(HasSubstr("Volta needs the proprietary kernel modules")));
}

TEST(Why, AToolkitThatDoesNotCompileForAGpuSaysSo) {
  const resolve::Why why = why_of(debian("V100"), "toolkit");
  for (const std::string& text : told(why))
    EXPECT_THAT(text, Not(HasSubstr("CUDA toolkit 13.0: it would do")));
  EXPECT_EQ(why.alternatives.size(), 2U);
}

TEST(Why, ASilentPlaceIsWhatRuledItOut) {
  const auto texts = told(why_of(debian("RTX 4090", "distro pypi pytorch"), "source"));
  EXPECT_THAT(texts, Contains(HasSubstr("NVIDIA's repository does not answer")));
}

TEST(Why, AnEnvironmentIsAskedForByItsName) {
  const std::string goal =
      "[[env]]\nname = \"old\"\npackages = [\"torch==2.6.0\"]\n[[env]]\nname = \"new\"\npackages = "
      "[\"torch==2.10.0\"]";
  EXPECT_EQ(why_of(debian("RTX 4090"), "new", goal).chosen, "torch 2.10.0 (cu128)");
  EXPECT_THAT(why_of(debian("RTX 4090"), "new", goal).chain[3].text, HasSubstr("2.10.0"));
  EXPECT_EQ(why_of(debian("RTX 4090"), "old", goal).chosen, "torch 2.6.0 (cu124)");
}

TEST(Why, AnUnknownPartNamesTheNearest) {
  const auto why = resolve::why(debian("RTX 4090"), goal_of(""), catalog::built_in(), kToday, "tolkit");
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().code(), Errc::usage);
  EXPECT_THAT(why.error().message(), HasSubstr("did you mean 'toolkit'?"));
}

TEST(Why, WithoutAChoiceThereIsNothingToExplain) {
  const auto why = resolve::why(debian("V100 + RTX 5090"), goal_of(""), catalog::built_in(), kToday, "torch");
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().code(), Errc::absent);
}

TEST(Why, EveryPartOfEveryChoiceHasAChainAndItsAlternativesAreNotTheChoice) {
  for (const char* gpus : {"RTX 4090", "V100 + RTX 4090", "8x H200", "GTX 1080 Ti", "B200", ""}) {
    for (const char* about :
         {"driver", "flavour", "source", "toolkit", "python", "torch", "torchvision", "torchaudio"}) {
      const resolve::Why why = why_of(debian(gpus), about);
      EXPECT_LE(why.alternatives.size(), 2U) << gpus << about;
      for (const resolve::Alternative& one : why.alternatives) {
        EXPECT_FALSE(one.what.empty() || one.ruled_out.empty() || one.source.empty()) << gpus << " " << about;
        EXPECT_NE(one.what, why.chosen) << gpus << " " << about;
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------ companions

const std::string kTune = "[[env]]\npackages = [\"torch\", \"torchvision\", \"torchtune\"]";

catalog::Catalog with_companions() {
  catalog::Catalog out = catalog::built_in();
  const catalog::Provenance tried{.source = "a test", .as_of = "2026-11-25", .known = catalog::Known::tried};
  out.companions = {
      {.package = "torchao", .version = "0.16.0", .works_with = {"2.15.0"}, .note = "", .from = tried},
      {.package = "torchao", .version = "0.15.0", .works_with = {"2.10.0"}, .note = "", .from = tried},
      {.package = "torchtune",
       .version = "0.6.1",
       .works_with = {"2.10.0"},
       .breaks_with = {"2.15.0", "2.14.1"},
       .also = {"torchao==0.15.0"},
       .refuses = {"torchao>0.15.0"},
       .note = "an import fails",
       .from = tried}};
  return out;
}

resolve::Resolution asked(const std::string& goal) {
  return resolve::resolve(debian("RTX 4090"), goal_of(goal), with_companions(), kToday);
}

std::string packages(const resolve::Resolution& answer) {
  std::string out;
  if (const auto* choice = std::get_if<resolve::Choice>(&answer)) {
    for (const resolve::WheelChoice& wheel : choice->envs[0].packages)
      out += fmt::format("{} {};", wheel.name, wheel.version);
  }
  return out;
}

TEST(Companions, DecideWhichTorchIsTaken) {
  EXPECT_EQ(packages(asked(kTune)), "torch 2.10.0;torchvision 0.25.0;torchtune 0.6.1;torchao 0.15.0;");
}

TEST(Companions, AreTakenInTheReleaseThatGoesWithTheTorch) {
  EXPECT_EQ(packages(asked("[[env]]\npackages = [\"torch\", \"torchao\"]")), "torch 2.15.0;torchao 0.16.0;");
  EXPECT_EQ(packages(asked("[[env]]\npackages = [\"torch==2.10.0\", \"torchao\"]")),
            "torch 2.10.0;torchao 0.15.0;");
}

TEST(Companions, AnothersDemandComesBeforeTheirOwnNewestRelease) {
  EXPECT_EQ(packages(asked("[[env]]\npackages = [\"torch\", \"torchao\", \"torchtune\"]")),
            "torch 2.10.0;torchao 0.15.0;torchtune 0.6.1;");
}

TEST(Companions, APinThatBreaksOneIsAConflictThatSaysHow) {
  const auto answer = asked("[[env]]\npackages = [\"torch\", \"torchtune\", \"torchao==0.16.0\"]");
  const auto* conflict = std::get_if<resolve::Conflict>(&answer);
  ASSERT_NE(conflict, nullptr);
  std::string text;
  for (const resolve::ConflictMember& member : conflict->set) text += member.what + ": " + member.why + "\n";
  EXPECT_THAT(text, HasSubstr("torchao==0.16.0"));
  EXPECT_THAT(text, HasSubstr("torchtune 0.6.1 does not work beside torchao 0.16.0: an import fails"));
}

TEST(Companions, ATorchTheyBreakWithIsAConflict) {
  const auto answer = asked("[[env]]\npackages = [\"torch==2.15.0\", \"torchtune\"]");
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(answer));
}

TEST(Companions, BesideATorchThatNobodyTriedAreLeftToPipAndThatIsSaid) {
  const auto answer = asked("[[env]]\npackages = [\"torch==2.9.1\", \"torchtune\"]");
  EXPECT_EQ(packages(answer), "torch 2.9.1;torchtune ;torchao 0.15.0;");
  const auto& choice = std::get<resolve::Choice>(answer);
  const auto reason = std::ranges::find(choice.reasons, "torchtune", &resolve::Reason::about);
  ASSERT_NE(reason, choice.reasons.end());
  EXPECT_EQ(reason->known, catalog::Known::inferred);
  EXPECT_THAT(reason->text, HasSubstr("nobody has tried it beside torch 2.9.1"));
}

TEST(Known, OfOneTorchWhatWasTriedComesBeforeWhatWasRead) {
  catalog::Catalog rows = catalog::built_in();
  for (catalog::WheelSet& set : rows.wheels) {
    if (set.torch.text == "2.10.0")
      set.from.known =
          set.index == "pytorch" && set.variant == "cu126" ? catalog::Known::tried : catalog::Known::read;
  }
  const auto answer =
      resolve::resolve(debian("RTX 4090"), goal_of("[[env]]\npackages = [\"torch==2.10.0\"]"), rows, kToday);
  const auto& torch = std::get<resolve::Choice>(answer).envs[0].packages[0];
  EXPECT_EQ(torch.variant, "cu126");
  EXPECT_EQ(torch.index, "pytorch");
}

TEST(Known, WhatWasOnlyReadIsSaidInANotice) {
  const auto answer = resolve::resolve(debian("RTX 4090"), goal_of(""), catalog::built_in(), kToday);
  const auto& notices = std::get<resolve::Choice>(answer).notices;
  const auto notice = std::ranges::find(notices, "reasons-not-tried", &resolve::Notice::id);
  ASSERT_NE(notice, notices.end());
  EXPECT_THAT(notice->text, AllOf(HasSubstr("read in its source, and not tried: why this driver"),
                                  Not(HasSubstr("torch"))));
}

TEST(Conflict, AChangeThatIsNotEnoughIsSaidOnceWithWhatWouldBe) {
  const auto answer = resolve::resolve(debian("8x H200", ""), goal_of(""), catalog::built_in(), kToday);
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(answer));
  std::vector<std::string> texts;
  for (const resolve::Reason& reason : std::get<resolve::Conflict>(answer).reasons)
    texts.push_back(reason.text);
  EXPECT_THAT(texts, Contains(HasSubstr("alone is not enough")).Times(1));
  EXPECT_THAT(texts, Contains(HasSubstr("if every place answered, the choice would be: driver branch 595")));
}

}  // namespace
}  // namespace bringup::testing_support
