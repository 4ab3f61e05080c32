// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/doctor.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::cli {
namespace {

using diagnose::Diagnosis;
using diagnose::Finding;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Finding hot(const std::string& gpu, const std::string& degrees) {
  return {.id = "gpu-hot",
          .severity = diagnose::Severity::warn,
          .title = "a GPU is hot",
          .why = "",
          .evidence = {{.source = "NVML", .text = degrees}},
          .fix = {},
          .gpus = {gpu}};
}

TEST(Watch, TellsWhatComesAndGoesAndNothingElse) {
  const Diagnosis none;
  Diagnosis one;
  one.findings = {hot("0000:06:00.0", "91")};
  Diagnosis hotter;
  hotter.findings = {hot("0000:06:00.0", "93")};
  Diagnosis other;
  other.findings = {hot("0000:0a:00.0", "90")};
  EXPECT_THAT(differences(none, none), IsEmpty());
  EXPECT_THAT(differences(none, one),
              ElementsAre("+ warn  gpu-hot (0000:06:00.0): a GPU is hot", "        NVML: 91"));
  EXPECT_THAT(differences(one, hotter), IsEmpty());
  EXPECT_THAT(differences(one, none), ElementsAre("- gone  gpu-hot (0000:06:00.0)"));
  EXPECT_THAT(differences(one, other), ElementsAre("- gone  gpu-hot (0000:06:00.0)",
                                                   HasSubstr("gpu-hot (0000:0a:00.0)"), "        NVML: 90"));
}

TEST(Watch, DoesNotCallGoneWhatCannotBeSeenAnyMore) {
  Diagnosis one;
  one.findings = {hot("0000:06:00.0", "91")};
  Diagnosis blind;
  blind.not_run = {{.id = "gpu-hot", .why = "NVML could not be read"}};
  EXPECT_THAT(differences(one, blind),
              ElementsAre("? unseen  gpu-hot (0000:06:00.0): NVML could not be read"));
}

TEST(Watch, ReadsSecondsAndRules) {
  const auto plain = watching_of({});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->seconds, 5);
  const auto both = watching_of({"10", "gpu-hot"});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->seconds, 10);
  EXPECT_THAT(both->rules, ElementsAre("gpu-hot"));
  for (const char* wrong : {"0", "86401", "5s", "1e3", "99999999999999999999"}) {
    const auto watching = watching_of({wrong});
    ASSERT_FALSE(watching) << wrong;
    EXPECT_EQ(watching.error().code(), Errc::usage);
  }
}

TEST(DoctorWatch, FoldsItsLinesAtATerminal) {
  const std::string line =
      "21:14:05Z  + info  stack-end-of-life: an environment has a package that nobody keeps";
  EXPECT_THAT(folded(line, 19, 0), ElementsAre(line));
  EXPECT_THAT(folded(line, 19, 120), ElementsAre(line));
  EXPECT_THAT(folded(line, 19, 60), ElementsAre("21:14:05Z  + info  stack-end-of-life: an environment has a",
                                                "                   package that nobody keeps"));
  const std::string path =
      "21:14:05Z          /a/path/without/any/blank/that/is/longer/than/the/terminal/has";
  EXPECT_THAT(folded(path, 19, 60), ElementsAre(path));
}

}  // namespace
}  // namespace bringup::cli
