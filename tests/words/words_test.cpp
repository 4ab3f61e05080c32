// SPDX-License-Identifier: Apache-2.0
// What a person types wrong, and what they read then: one line that says what to do, and the right exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;

class Words : public InAHome {};

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(Words, UnknownVerbNamesTheNearest) {
  const Ran ran = bringup_program({"docter"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("did you mean 'doctor'?"));
  EXPECT_EQ(lines_of(ran.err), 1U);
  EXPECT_EQ(ran.out, "");
}

TEST_F(Words, UnknownOptionNamesTheNearest) {
  const Ran ran = bringup_program({"facts", "--jsn"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("did you mean '--json'?"));
}

TEST_F(Words, AnOptionOfAnotherVerbIsToldApartFromAnUnknownOne) {
  const Ran ran = bringup_program({"facts", "--dry-run"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("'facts' does not take --dry-run"));
}

TEST_F(Words, UnknownRuleNamesTheNearest) {
  const Ran ran = bringup_program({"doctor", "count-pci-drivr"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("count-pci-driver"));
}

TEST_F(Words, ARecordingIsNeitherMendedNorWatched) {
  for (const char* way : {"--fix", "--watch"}) {
    const Ran ran = bringup_program({"doctor", way, "--root", BRINGUP_MACHINES_DIR "/nogpu-debian12"});
    EXPECT_EQ(ran.code, 64) << way;
    EXPECT_THAT(ran.err, HasSubstr("a recording cannot change"));
  }
}

TEST_F(Words, AnUnknownRuleIsNotMended) {
  const Ran ran = bringup_program({"doctor", "--fix", "--no-input", "count-pci-drivr"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("count-pci-driver"));
}

TEST_F(Words, WhatBelongsToTheFixIsNotTakenWithoutIt) {
  const Ran ran = bringup_program({"doctor", "--yes"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("belong to 'doctor --fix'"));
  EXPECT_EQ(bringup_program({"doctor", "--fix", "--watch"}).code, 64);
}

TEST_F(Words, TheSecondsOfAWatchAreChecked) {
  for (const char* way : {"--watch=0", "--watch=5m"}) {
    const Ran ran = bringup_program({"doctor", way});
    EXPECT_EQ(ran.code, 64) << way;
    EXPECT_THAT(ran.err, HasSubstr("expected whole seconds"));
  }
}

TEST_F(Words, NobodyIsAskedAboutARunThatIsNotThere) {
  const std::string state = "--state=" + at("state");
  EXPECT_THAT(bringup_program({"resume", state}).err, HasSubstr("nothing to go on with: bringup has done"));
  EXPECT_THAT(bringup_program({"undo", state}).err, HasSubstr("nothing to take back: bringup has done"));
  fs::create_directories(at("state/runs"));
  EXPECT_THAT(bringup_program({"undo", "20260101T000000Z-0000", state}).err, HasSubstr("no run is called"));
  EXPECT_THAT(bringup_program({"undo", state}).err, HasSubstr("no run has anything to take back"));
}

TEST_F(Words, UnknownGoalKeyNamesLineAndNearest) {
  const Ran ran = bringup_program(
      {"plan", "--offline", "--goal", file("bringup.toml", "driver = \"auto\"\ntolkit = \"auto\"\n")});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("bringup.toml:2"));
  EXPECT_THAT(ran.err, HasSubstr("toolkit"));
}

TEST_F(Words, HalfAGoalFileNamesItsLine) {
  const Ran ran = bringup_program(
      {"plan", "--offline", "--goal", file("bringup.toml", "driver = \"auto\"\n[python]\nversion = \"3.1")});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("bringup.toml:3"));
}

TEST_F(Words, AMissingGoalFileIsUsage) {
  const Ran ran = bringup_program({"plan", "--offline", "--goal", (home_ / "none.toml").string()});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("none.toml"));
}

TEST_F(Words, UnknownGpuNamesTheNearest) {
  const Ran ran = bringup_program({"plan", "--offline", "--for", "4x RTX 4099"});
  EXPECT_EQ(ran.code, 64);
  EXPECT_THAT(ran.err, HasSubstr("RTX 40"));
}

TEST_F(Words, AnEmptyValueIsNoMissingOption) {
  for (const char* option : {"--for", "--root", "--goal", "--why"}) {
    const Ran ran = bringup_program({"plan", "--offline", option, ""});
    EXPECT_EQ(ran.code, 64) << option;
    EXPECT_THAT(ran.err, AllOf(HasSubstr(option), HasSubstr("found nothing between the quotes")));
  }
}

TEST_F(Words, APartThatThereIsNotIsSaidWithAndWithoutAChoice) {
  for (const std::string gpus : {"RTX 4090", "V100 + RTX 5090"}) {
    const std::string shape = file("shape.toml", "gpus = [\"" + gpus + "\"]\nos = \"ubuntu-24.04\"\n");
    const Ran ran = bringup_program({"plan", "--for", shape, "--why", "torc"});
    EXPECT_EQ(ran.code, 64);
    EXPECT_THAT(ran.err, HasSubstr("did you mean 'torch'?"));
  }
}

// What is root's stands on standard error, and not among the steps.
TEST_F(Words, UserOnlyNamesWhatIsLeftForRoot) {
  const std::string shape =
      file("shape.toml", "gpus = [\"RTX 4090\"]\nos = \"debian-12\"\nkernel = \"6.1.0-25-amd64\"\n");
  const Ran ran = bringup_program({"plan", "--for", shape, "--user-only"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("left for root, who does it with 'bringup up':\n  vendor-key "));
  EXPECT_THAT(ran.err, HasSubstr("\n  driver-packages   NVIDIA's driver"));
  EXPECT_THAT(ran.out, testing::Not(HasSubstr("driver-packages")));
  EXPECT_THAT(ran.out, HasSubstr("CUDA toolkit   install 13.0"));
}

TEST_F(Words, ARecordingThatIsNotOneIsNamed) {
  const Ran ran = bringup_program({"facts", "--root", home_.string()});
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr(home_.string()));
}

TEST_F(Words, RecordingIntoAFileIsRefusedAndKeepsTheFile) {
  const std::string path = file("taken", "precious");
  const Ran ran = bringup_program({"record", "--offline", path});
  EXPECT_NE(ran.code, 0);
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "precious");
}

TEST_F(Words, NothingToTakeBackIsSaid) {
  const Ran ran = bringup_program({"undo", "--yes", "--state", (home_ / "state").string()});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(lines_of(ran.err), 1U);
}

TEST_F(Words, AStateDirectoryThatIsAFileIsNamed) {
  const std::string path = file("state", "");
  const Ran ran = bringup_program({"resume", "--yes", "--state", path});
  EXPECT_NE(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr(path));
}

TEST_F(Words, EveryVerbHasAPage) {
  const Ran help = bringup_program({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* verb : {"up", "facts", "doctor", "explain", "plan", "verify", "topo", "catalog", "record",
                           "history", "status", "apply", "resume", "undo"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + verb));
    const Ran page = bringup_program({verb, "--help"});
    EXPECT_EQ(page.code, 0);
    EXPECT_THAT(page.out, HasSubstr("Options:"));
    EXPECT_GT(lines_of(page.out), 8U) << verb;
    std::size_t longest = 0;
    std::istringstream text(page.out);
    for (std::string line; std::getline(text, line);) longest = std::max(longest, line.size());
    EXPECT_LE(longest, 80U) << verb;
  }
}

TEST_F(Words, JsonIsOneDocumentAndTalkGoesToStandardError) {
  const Ran ran = bringup_program({"facts", "--offline", "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(ran.out.substr(0, 14).find("{"), 0U);
  EXPECT_EQ(document.value("schema", ""), "bringup.facts/1");
}

TEST_F(Words, DetailedExitcodeSaysWhetherThereIsSomethingToDo) {
  const Ran ran = bringup_program({"plan", "--offline", "--for", "8xH200", "--json"});
  EXPECT_TRUE(ran.code == 0 || ran.code == 1) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document["choice"].is_null(), !document["conflict"].is_null());
}

TEST_F(Words, ColourOnlyWhenAsked) {
  EXPECT_EQ(bringup_program({"facts", "--offline"}).out.find('\x1b'), std::string::npos);
  EXPECT_NE(bringup_program({"facts", "--offline", "--color", "always"}).out.find('\x1b'), std::string::npos);
}

}  // namespace
