// SPDX-License-Identifier: Apache-2.0
#include <bringup/goal/goal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::goal {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  const auto goal = parse_goal(text, "bringup.toml");
  if (goal) return "accepted";
  EXPECT_EQ(goal.error().code(), Errc::usage);
  return goal.error().message();
}

TEST(GoalMirrors, AreAProfileOrAddressesOfOnesOwn) {
  EXPECT_EQ(parse_goal("", "g")->mirrors, "none");
  EXPECT_EQ(parse_goal("[mirrors]\nprofile = \"auto\"\n", "g")->mirrors, "auto");
  EXPECT_EQ(parse_goal("[mirrors]\nprofile = \"tuna\"\n", "g")->mirrors, "tuna");
  const auto own = parse_goal("[mirrors]\nprofile = { pypi = \"https://m.example/simple\" }\n", "g");
  ASSERT_TRUE(own) << own.error().message();
  EXPECT_EQ(own->mirrors, "");
  ASSERT_EQ(own->mirror_urls.size(), 1U);
  EXPECT_EQ(own->mirror_urls[0].what, "pypi");
  EXPECT_EQ(own->mirror_urls[0].url, "https://m.example/simple/");
}

TEST(GoalMirrors, ThatCannotBeAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal("\n[mirrors]\nprofile = \"tsinghua\"\n"), HasSubstr("bringup.toml:3: mirrors.profile"));
  EXPECT_THAT(refusal("[mirrors]\nprofil = \"tuna\"\n"), HasSubstr("did you mean 'profile'"));
  EXPECT_THAT(refusal("[mirrors]\nprofile = { pip = \"https://m.example/\" }\n"),
              HasSubstr("unknown key 'mirrors.profile.pip'"));
  for (const char* url : {"http://m.example/", "https://", "m.example", "https://me:secret@m.example/",
                          "https://m.example/ x", "https://m.example/\\\"'"}) {
    const std::string said = refusal(std::string("[mirrors]\nprofile = { pypi = \"") + url + "\" }\n");
    EXPECT_THAT(said, HasSubstr("expected an address that begins with https://")) << url;
  }
}

TEST(GoalMirrors, ArePartOfTheGoalsDigest) {
  const auto text = [](const char* goal) { return canonical(*parse_goal(goal, "g")); };
  EXPECT_NE(text(""), text("[mirrors]\nprofile = \"tuna\"\n"));
  EXPECT_NE(text("[mirrors]\nprofile = { pypi = \"https://a.example/\" }\n"),
            text("[mirrors]\nprofile = { pypi = \"https://b.example/\" }\n"));
}

}  // namespace
}  // namespace bringup::goal
