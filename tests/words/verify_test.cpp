// SPDX-License-Identifier: Apache-2.0
// `verify` by the real program where nothing can be measured: what is asked wrongly is said before any work,
// and what is kept is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <support/home.hpp>
#include <support/program.hpp>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kMachine = BRINGUP_MACHINES_DIR "/h100x2-ubuntu2404";

class Verify : public InAHome {
 protected:
  static std::string read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
};

TEST_F(Verify, OfARecordingMeasuresNothingAndSaysSo) {
  const Ran ran = bringup_program({"verify", "--root", kMachine, "--json"});
  EXPECT_EQ(ran.code, 7);
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document["overall"], "not measured");
  for (const auto& verdict : document["verdicts"]) EXPECT_EQ(verdict["verdict"], "not measured");
}

TEST_F(Verify, KeepsThePageAndBothReports) {
  const Ran ran = bringup_program({"verify", "--root", kMachine, "--html", at("proof.html"), "--junit",
                                   at("proof.xml"), "--prometheus", at("proof.prom")});
  EXPECT_EQ(ran.code, 7) << ran.err;
  EXPECT_THAT(read(at("proof.html")), StartsWith("<!doctype html>"));
  EXPECT_THAT(read(at("proof.html")), HasSubstr("H100 80GB HBM3"));
  EXPECT_THAT(read(at("proof.xml")), HasSubstr("<testsuites"));
  EXPECT_THAT(read(at("proof.prom")), HasSubstr("# TYPE bringup_gpus gauge"));
  EXPECT_EQ(std::distance(fs::directory_iterator(home_), fs::directory_iterator()), 3)
      << "nothing half-written is left";
}

TEST_F(Verify, SaysAtOnceThatAFileCannotBeWritten) {
  const Ran missing = bringup_program({"verify", "--root", kMachine, "--html", at("none/proof.html")});
  EXPECT_EQ(missing.code, 74) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("--html"));
  EXPECT_EQ(missing.out, "");
  if (::geteuid() != 0) {
    const Ran denied = bringup_program({"verify", "--root", kMachine, "--html", "/root/proof.html"});
    EXPECT_EQ(denied.code, 77) << denied.err;
  }
  const Ran folder = bringup_program({"verify", "--root", kMachine, "--junit", home_.string()});
  EXPECT_EQ(folder.code, 64);
  EXPECT_THAT(folder.err, HasSubstr("is a directory"));
}

TEST_F(Verify, ComparesWithAnOlderProofAndRefusesWhatIsNone) {
  const Ran old = bringup_program({"verify", "--root", kMachine, "--json"});
  std::ofstream(at("old.json")) << old.out;
  std::ofstream(at("broken.json")) << old.out.substr(0, old.out.size() / 2);
  const Ran same = bringup_program({"verify", "--root", kMachine, "--compare", at("old.json"), "--json"});
  const auto document = nlohmann::json::parse(same.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << same.err;
  EXPECT_EQ(document["schema"], "bringup.compare/1");
  EXPECT_EQ(document["worse"], false);
  const Ran broken = bringup_program({"verify", "--root", kMachine, "--compare", at("broken.json")});
  EXPECT_NE(broken.code, 0);
  EXPECT_THAT(broken.err, HasSubstr("broken.json"));
  EXPECT_EQ(broken.out, "");
}

TEST_F(Verify, RefusesTimesAndFaultsThatAreNone) {
  for (const char* time : {"0s", "x", "-5m", "8000h", "10 m", "m"}) {
    const Ran ran =
        bringup_program({"verify", "--root", kMachine, "--level", "full", "--duration=" + std::string(time)});
    EXPECT_EQ(ran.code, 64) << time;
    EXPECT_THAT(ran.err, HasSubstr("90s, 10m or 1h")) << time;
  }
  EXPECT_EQ(bringup_program({"verify", "--root", kMachine, "--duration", "10m"}).code, 64);
  const Ran fault = bringup_program({"verify", "--root", kMachine}, {{"BRINGUP_INJECT", "memroy:1"}});
  EXPECT_EQ(fault.code, 64);
  EXPECT_THAT(fault.err, HasSubstr("memory, product"));
}

// An environment with torch that the goal says nothing of: an empty list would be no answer, and a failure.
TEST_F(Verify, OfAGoalWithoutTorchStillImportsIt) {
  const std::string env = "prefix/envs/dl/";
  file(env + "pyvenv.cfg", "version = 3.11.2\n");
  file(env + "lib/python3.11/site-packages/torch-2.11.0.dist-info/RECORD", "");
  file(env + "lib/python3.11/site-packages/torch/version.py", "__version__ = '2.11.0+cu130'\n");
  fs::permissions(file(env + "bin/python", "#!/bin/sh\nshift 6\necho \"$@\" >" + at("asked") + "\n"),
                  fs::perms(0755));
  const std::string goal = file("goal.toml", "[python]\nprefix = \"" + at("prefix") +
                                                 "\"\n[[env]]\nname = \"own\"\npackages = [\"numpy\"]\n");
  bringup_program({"verify", "--goal", goal, "--json"}, {{"HOME", at("home")}});
  EXPECT_EQ(read(at("asked")), "torch\n");
}

}  // namespace
