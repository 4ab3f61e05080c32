// SPDX-License-Identifier: Apache-2.0
// Every rule speaks on the machines that fires.txt names for it, and on no other. What 'doctor' says of each
// machine is its golden text, which golden_test.cpp holds against the program.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/diagnose.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <support/golden.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup;
using testing_support::slurp;

using Names = std::set<std::string>;

std::vector<fs::path> machines() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(BRINGUP_MACHINES_DIR)) {
    if (fs::exists(entry.path() / "recording.toml")) out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

struct Row {
  std::string rule;
  Names machines;
};

std::vector<Row> table() {
  std::vector<Row> out;
  const std::string text = slurp(fs::path(BRINGUP_MACHINES_DIR) / "fires.txt");
  for (const std::string_view line : base::lines(text)) {
    const auto words = base::words(line);
    if (words.empty() || words[0].starts_with("#")) continue;
    Row row{.rule = std::string(words[0]), .machines = {}};
    for (std::size_t i = 1; i < words.size(); ++i) row.machines.emplace(words[i]);
    EXPECT_GT(words.size(), 1U) << row.rule << " speaks on no machine: write one with make.py";
    out.push_back(std::move(row));
  }
  return out;
}

// The rules of the findings in what 'doctor' prints, each with its severity: "fail  no NVIDIA driver
// (driver-missing)", where a long heading goes on in the next line.
std::map<std::string, std::string> findings(const fs::path& machine) {
  std::map<std::string, std::string> out;
  const std::string text = slurp(machine / "expect" / "doctor.txt");
  const auto lines = base::lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string severity(lines[i].substr(0, std::min<std::size_t>(lines[i].find(' '), 4)));
    if (severity != "fail" && severity != "warn" && severity != "info") continue;
    const std::string_view last = lines[i].ends_with(")") || i + 1 == lines.size() ? lines[i] : lines[i + 1];
    EXPECT_TRUE(last.ends_with(")")) << machine << ": " << lines[i];
    const std::size_t open = last.rfind('(');
    if (open != std::string_view::npos) out.emplace(last.substr(open + 1, last.size() - open - 2), severity);
  }
  return out;
}

TEST(Fires, NamesEveryRuleOnceAndNoOther) {
  std::vector<std::string> rules;
  for (const diagnose::Rule& rule : diagnose::rules()) rules.emplace_back(rule.id);
  std::vector<std::string> rows;
  for (const Row& row : table()) rows.push_back(row.rule);
  EXPECT_EQ(rows, rules);
}

TEST(Fires, NamesOnlyMachinesThatAreHere) {
  Names here;
  for (const fs::path& machine : machines()) here.insert(machine.filename().string());
  EXPECT_GT(here.size(), 20U);
  for (const Row& row : table()) {
    for (const std::string& machine : row.machines)
      EXPECT_TRUE(here.contains(machine)) << row.rule << " names " << machine;
  }
}

TEST(Fires, HoldsOnEveryMachine) {
  const auto rows = table();
  for (const fs::path& machine : machines()) {
    Names expected;
    for (const Row& row : rows) {
      if (row.machines.contains(machine.filename().string())) expected.insert(row.rule);
    }
    Names spoke;
    for (const auto& [rule, severity] : findings(machine)) spoke.insert(rule);
    EXPECT_EQ(spoke, expected) << machine;
  }
}

// Those whose story says that nothing is wrong.
TEST(Fires, AccusesNoHealthyMachine) {
  int healthy = 0;
  for (const fs::path& machine : machines()) {
    if (!base::contains(base::lower(slurp(machine / "story.md")), "nothing is wrong")) continue;
    ++healthy;
    for (const auto& [rule, severity] : findings(machine))
      EXPECT_EQ(severity, "info") << machine << ": " << rule;
  }
  EXPECT_GE(healthy, 6);
}

}  // namespace
