// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/options.hpp>
#include <bringup/cli/progress.hpp>

#include <gtest/gtest.h>

using namespace bringup;

namespace {

TEST(AptProgress, SaysNothingBeforeAptSaidHowMuchThereIs) {
  cli::AptProgress progress;
  progress.read("Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]");
  EXPECT_EQ(progress.part(), std::nullopt);
}

TEST(AptProgress, CountsThreePassesAndForgetsTheIndexFilesBefore) {
  cli::AptProgress progress;
  progress.read("Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]");
  progress.read("0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.");
  EXPECT_EQ(progress.part(), 0.0);
  for (const char* line : {"Get:1 http://x a [1 kB]", "Get:2 http://x b [1 kB]", "Unpacking a (1) ..."})
    progress.read(line);
  EXPECT_DOUBLE_EQ(*progress.part(), 0.5);
  for (const char* line :
       {"Unpacking b (1) ...", "Setting up a (1) ...", "Setting up b (1) ...", "Setting up b (1) ..."})
    progress.read(line);
  EXPECT_EQ(progress.part(), 1.0);
}

TEST(SecondsLeft, IsSilentWhileThereIsTooLittleToTell) {
  EXPECT_EQ(cli::seconds_left(0.01, 60), std::nullopt);
  EXPECT_EQ(cli::seconds_left(0.5, 1), std::nullopt);
  EXPECT_EQ(cli::seconds_left(std::nullopt, 60), std::nullopt);
  EXPECT_DOUBLE_EQ(*cli::seconds_left(0.25, 10), 30.0);
}

TEST(Going, OneStepTellsWhatItsProgramSaidLast) {
  cli::Going going;
  const cli::Going::Time start{};
  going.begin("driver-packages", "[3/9] driver-packages", start);
  EXPECT_EQ(going.line(start + std::chrono::seconds(12), 79), "[3/9] driver-packages  12 s");
  going.says("driver-packages", " Setting up dkms (3.0)\x1b[2J ...");
  going.says("nobody", "else");
  EXPECT_EQ(going.line(start + std::chrono::seconds(12), 79),
            "[3/9] driver-packages  12 s  Setting up dkms (3.0)\\x1b[2J ...");
  EXPECT_EQ(going.end("driver-packages"), "[3/9] driver-packages");
  EXPECT_EQ(going.end("driver-packages"), "");
  EXPECT_EQ(going.line(start, 79), "");
}

TEST(Going, SeveralStepsShareOneLine) {
  cli::Going going;
  const cli::Going::Time start{};
  going.begin("driver-packages", "[3/9] driver-packages", start);
  going.begin("wheels-dl", "[8/9] wheels-dl", start + std::chrono::seconds(60));
  EXPECT_TRUE(going.several());
  going.says("driver-packages", "Building for 6.1.0");
  const std::string line = going.line(start + std::chrono::seconds(80), 79);
  EXPECT_EQ(line, "[3/9] driver-packages  1 min 20 s  |  [8/9] wheels-dl  20 s");
  EXPECT_LE(going.line(start + std::chrono::seconds(80), 40).size(), 42U);  // its ellipsis takes three bytes
  EXPECT_EQ(going.end("driver-packages"), "[3/9] driver-packages");
  EXPECT_FALSE(going.several());
  EXPECT_EQ(going.line(start + std::chrono::seconds(80), 79), "[8/9] wheels-dl  20 s");
}

TEST(Options, WordsAndSwitchesGoWhereTheyBelong) {
  const auto options = cli::parse({"doctor", "count-pci-driver", "--json"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_TRUE(options->json);
  EXPECT_EQ(options->words, std::vector<std::string>{"count-pci-driver"});
}

TEST(Options, ForTakesAShapeWithBlanks) {
  const auto options = cli::parse({"up", "--for", "4x RTX 4090", "--yes"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->shape, "4x RTX 4090");
  EXPECT_TRUE(options->yes);
}

TEST(Options, RefusesWhatExcludesEachOther) {
  const auto options = cli::parse({"plan", "--for", "H200", "--root", "x"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().code(), Errc::usage);
}

}  // namespace
