// SPDX-License-Identifier: Apache-2.0
// explain as a person calls it: by rule, number, name, message, and with a log on standard input.
#include <bringup/base/text.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>
#include <support/program.hpp>

namespace bringup {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::bringup_program;
using testing_support::Ran;

const std::string kMachine = std::string(BRINGUP_MACHINES_DIR) + "/h200x2-ubuntu2404";

Ran explain(std::vector<std::string> words, std::string input = "") {
  words.insert(words.begin(), "explain");
  words.insert(words.end(), {"--root", kMachine});
  return bringup_program(std::move(words), {}, std::move(input));
}

std::string log(const std::string& name) {
  std::ifstream in(std::string(BRINGUP_SOURCE_DIR) + "/tests/messages/" + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(Explain, ARule) {
  const Ran ran = explain({"gpu-fell-off"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("gpu-fell-off (fail)"), HasSubstr("power the machine off and on")));
}

TEST(Explain, NothingListsTheRules) {
  const Ran ran = explain({});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("count-pci-driver"), HasSubstr("torch-arch-missing")));
  for (const std::string_view line : bringup::base::lines(ran.out)) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(explain({"-"}).code, 1);
  EXPECT_EQ(explain({"--json"}).code, 64);
}

TEST(Explain, TheWholeTableOfRules) {
  const Ran ran = explain({"rules"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("shm-small ("), HasSubstr("power the machine off and on")));
  for (const std::string_view line : bringup::base::lines(ran.out)) EXPECT_LE(line.size(), 80U) << line;
}

TEST(Explain, ANumberOfSeveralTables) {
  const Ran ran = explain({"46"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("Xid 46"), HasSubstr("CUDA 46, cudaErrorDevicesUnavailable")));
  EXPECT_THAT(explain({"xid", "46"}).out, Not(HasSubstr("CUDA 46")));
  const Ran none = explain({"4711"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("4711"));
}

TEST(Explain, ANameAndOneThatIsMistyped) {
  EXPECT_THAT(explain({"CUDA_ERROR_NO_BINARY_FOR_GPU"}).out, HasSubstr("CUDA 209"));
  const Ran near = explain({"cudaErrorNoDevise"});
  EXPECT_EQ(near.code, 64);
  EXPECT_THAT(near.err, HasSubstr("did you mean 'cudaErrorNoDevice'?"));
}

TEST(Explain, AMessageAsOneWordOrSeveral) {
  const std::string message = "AssertionError: Torch not compiled with CUDA enabled";
  const Ran ran = explain({message});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("torch-not-compiled"));
  EXPECT_EQ(explain({"Torch", "not", "compiled", "with", "CUDA", "enabled"}).code, 0);
}

TEST(Explain, AGuessIsCalledOne) {
  const Ran near = explain({"torch was not compiled to have CUDA enabled"});
  EXPECT_EQ(near.code, 1);
  EXPECT_THAT(near.out,
              AllOf(HasSubstr("not known here"), HasSubstr("A guess"), HasSubstr("torch-not-compiled")));
  const Ran none = explain({"the cat sat on the mat"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.out, AllOf(HasSubstr("not known here"), Not(HasSubstr("guess"))));
}

TEST(Explain, ALogOnStandardInput) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, std::vector<std::string>{"-"}}) {
    const Ran ran = explain(words, log("kernel.log"));
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, AllOf(HasSubstr("line 12, 2 times: Xid 79"), HasSubstr("0000:00:06.0 is H200"),
                               HasSubstr("see    bringup doctor gpu-fell-off")));
    std::istringstream text(ran.out);
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_EQ(explain({"-"}, "all is well\n").code, 1);
}

TEST(Explain, AsADocument) {
  const Ran ran = explain({"--json"}, log("kernel.log"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["schema"], "bringup.explain/1");
  EXPECT_EQ(json["lines"], 16);
  const auto& xid = json["known"].at(2);
  EXPECT_EQ(xid["kind"], "xid");
  EXPECT_EQ(xid["id"], "79");
  EXPECT_EQ(xid["line"], 12);
  EXPECT_EQ(xid["count"], 2);
  EXPECT_EQ(xid["pci"].at(0), "0000:00:06");
  EXPECT_EQ(xid["blame"], "hardware");
  EXPECT_TRUE(json["guess"].is_null());
  const auto none = nlohmann::json::parse(explain({"4711", "--json"}).out, nullptr, false);
  ASSERT_TRUE(none.is_object());
  EXPECT_TRUE(none["known"].empty());
}

TEST(Explain, WhatSteersATerminalIsShownAsText) {
  const Ran ran = explain(
      {"-"}, std::string("\x1b]0;pwned\x07 Torch not compiled with CUDA enabled \x1b[2J\x9b\0x\n", 55));
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char c : ran.out)
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
}

}  // namespace
}  // namespace bringup
