// SPDX-License-Identifier: Apache-2.0
// Every recorded machine through every verb that looks, by the real program, against text that a person has
// read.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <support/golden.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;

std::vector<std::string> machines() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(BRINGUP_MACHINES_DIR)) {
    if (fs::exists(entry.path() / "recording.toml")) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

class EveryMachine : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return fs::path(BRINGUP_MACHINES_DIR) / GetParam(); }
  void expect(const std::vector<std::string>& how, const std::string& golden) const {
    std::vector<std::string> words = how;
    words.insert(words.end(), {"--root", folder().string()});
    const Ran ran = bringup_program(words);
    EXPECT_TRUE(ran.code == 0 || ran.code == 1 || ran.code == 2 || ran.code == 7) << ran.code << ran.err;
    if (golden.ends_with(".json")) {
      const auto document = nlohmann::json::parse(ran.out, nullptr, false);
      ASSERT_TRUE(document.is_object()) << ran.out;
      EXPECT_EQ(document.value("schema", ""), "bringup." + golden.substr(0, golden.find('.')) + "/1");
    }
    expect_golden(folder() / "expect" / golden, ran.out);
  }
  void expect(const std::string& verb) const {
    expect({verb}, verb + ".txt");
    if (recorded()) expect({verb, "--json"}, verb + ".json");
  }
  // make.py wrote the others: they are there for what they tell a person, and the documents' form is shown
  // already.
  bool recorded() const {
    return slurp(folder() / "recording.toml").find("Written by make.py") == std::string::npos;
  }
};

// A test for each verb would start the test program as often: it takes longer to start than to run.
TEST_P(EveryMachine, FactsAndDoctor) {
  expect("facts");
  expect("doctor");
  expect({"doctor", "--next-boot"}, "next-boot.txt");
}
TEST_P(EveryMachine, PlanAndTopo) {
  expect("plan");
  if (recorded()) expect("topo");
}
// A recording cannot be measured, so verify never passes there.
TEST_P(EveryMachine, VerifyIsNotMeasured) {
  if (!recorded()) GTEST_SKIP() << "the recorded ones show it";
  const Ran ran = bringup_program({"verify", "--json", "--root", folder().string()});
  EXPECT_EQ(ran.code, 7) << ran.out;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document.value("overall", ""), "not measured");
}

INSTANTIATE_TEST_SUITE_P(Recorded, EveryMachine, testing::ValuesIn(machines()), [](const auto& tested) {
  std::string name = tested.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

}  // namespace
