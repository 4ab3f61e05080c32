// SPDX-License-Identifier: Apache-2.0
// 1,000 random machines and goals, each with all or a random part of the catalog: every choice keeps the
// rules and is the best one, every conflict is one and needs each of its members, and the answer is always
// the same.
#include <bringup/base/text.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "unit/resolve/judge.hpp"
#include "unit/resolve/row.hpp"

#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>

#include <cstdlib>
#include <variant>

namespace bringup::testing_support {
namespace {

const std::vector<std::string> kGpus{
    "10de:102d", "10de:13c0", "10de:1b80", "10de:15f8", "10de:1db5", "10de:1eb8", "10de:1e04",
    "10de:20b2", "10de:2204", "10de:2684", "10de:26b9", "10de:2330", "10de:2335", "10de:233b",
    "10de:2901", "10de:2b85", "10de:2bb5", "10de:3182", "10de:2bb2", "10de:3200", "10de:0fc0"};
const std::vector<std::string> kSystems{"debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "rhel-9",
                                        "rocky-9.4", "rhel-8",    "rhel-10",      "fedora-44"};
const std::vector<std::string> kLoaded{"470.256.02", "525.147.05", "535.183.01", "550.163.01", "570.211.01",
                                       "575.57.08",  "580.65.06",  "580.159.04", "595.71.05",  "610.57.04"};
const std::vector<std::string> kPackages{"\"torch\", \"torchvision\", \"torchaudio\"",
                                         "\"torch\", \"torchvision\"",
                                         "\"torch\"",
                                         "\"torch==2.10.0\", \"torchvision\", \"torchaudio\"",
                                         "\"torch==2.14.1\", \"torchvision\", \"torchaudio\"",
                                         "\"torch==2.15.0\", \"torchaudio\"",
                                         "\"torch==2.6.0\"",
                                         "\"torch==2.10.0+cu126\"",
                                         "\"torch==9.9.9\"",
                                         "\"torchvision==0.24.1\"",
                                         "\"torch\", \"numpy\"",
                                         "\"torch\", \"torchtune\"",
                                         "\"torch\", \"torchtune\", \"torchao\"",
                                         "\"torch\", \"torchtune\", \"torchao==0.18.0\"",
                                         "\"torch==2.10.0\", \"torchao==0.11.0\"",
                                         "\"torch\", \"torchvision\", \"exllamav2\"",
                                         "\"torch\", \"exllamav2\", \"exllamav3\"",
                                         "\"numpy\""};

template <typename T>
T one_of(const std::vector<T>& values) {
  return *rc::gen::elementOf(values);
}

// Uniform from the first case on: ranges of the library grow with the size of the case otherwise.
int number(int least, int below) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, below));
}

// True in about one of `times` cases; shrinks to false.
bool seldom(int times) {
  return number(0, times) == times - 1;
}

std::string description() {
  std::string more;
  const auto add = [&more](const std::string& line) { more += line + "\n"; };
  if (!seldom(4)) add(fmt::format("gcc = \"{}\"", number(10, 17)));
  if (seldom(3))
    add(fmt::format("glibc = \"{}\"", one_of<std::string>({"2.36", "2.28", "2.27", "2.17", "2.16"})));
  if (seldom(30)) add("arch = \"aarch64\"");
  if (seldom(3))
    add(fmt::format("driver = {{ version = \"{}\", flavour = \"{}\" }}", one_of(kLoaded),
                    seldom(2) ? "open" : "proprietary"));
  return more;
}

std::string goal_text() {
  std::string text = seldom(5) ? "--user-only\n" : "";
  for (const char* env : {"dl", "other"}) {
    if (seldom(5)) text += fmt::format("--compiles {}\n", env);
  }
  if (seldom(4))
    text +=
        fmt::format("driver = \"{}\"\n",
                    one_of<std::string>({"none", "470", "535", "570", "580", "590", "595", "615", "999"}));
  if (seldom(4))
    text += fmt::format("toolkit = \"{}\"\n", one_of<std::string>({"none", "11.8", "12.0", "12.4", "12.7",
                                                                   "12.9", "13.0", "13.2", "13.4"}));
  if (seldom(4)) {
    text += "[python]\n";
    if (seldom(2))
      text += fmt::format("version = \"{}\"\n",
                          one_of<std::string>({"3.11", "3.7", "3.9", "3.10", "3.12", "3.13", "3.14"}));
    if (seldom(2))
      text += fmt::format("manager = \"{}\"\n", one_of<std::string>({"uv", "venv", "miniforge"}));
  }
  if (seldom(2)) text += fmt::format("[[env]]\nname = \"dl\"\npackages = [{}]\n", one_of(kPackages));
  if (seldom(6)) text += fmt::format("[[env]]\nname = \"other\"\npackages = [{}]\n", one_of(kPackages));
  return text;
}

Row question() {
  Row row{.name = "random", .os = one_of(kSystems)};
  // Most machines have GPUs of one kind.
  const int gpus = number(0, 4) - (seldom(2) ? 1 : 0);
  for (int i = 0; i < gpus; ++i) {
    row.gpus += (i == 0 ? "" : " + ") + one_of(kGpus);
    if (!seldom(4)) break;
  }
  for (const char* place : {"nvidia", "distro", "pypi", "pytorch"}) {
    if (!seldom(6)) row.reachable += std::string(place) + " ";
  }
  row.more = description();
  row.goal = goal_text();
  return row;
}

// A part of the catalog: branches, toolkits and wheels left out at random.
catalog::Catalog some_of_the_catalog() {
  catalog::Catalog out = catalog::built_in();
  if (!seldom(2)) return out;
  const auto thin = [](auto& rows) { std::erase_if(rows, [](const auto&) { return seldom(2); }); };
  thin(out.branches);
  thin(out.toolkits);
  thin(out.wheels);
  thin(out.pypi_toolkits);
  thin(out.companions);
  if (out.branches.empty()) out.branches = catalog::built_in().branches;
  return out;
}

std::string shown(const Row& row, const resolve::Resolution& answer, const std::vector<std::string>& bad) {
  return fmt::format("\n[{}] {} reachable: {}\n{}\n{}\n-> {}\nwrong: {}", row.gpus, row.os, row.reachable,
                     row.more, row.goal, base::join(told(answer), "\n   "), base::join(bad, "; "));
}

std::vector<std::string> not_minimal(const Asked& asked, const resolve::Conflict& conflict) {
  const auto solved = [](const Asked& one) {
    return std::holds_alternative<resolve::Choice>(
        resolve::resolve(one.machine, one.goal, one.catalog, kToday));
  };
  std::vector<std::string> out;
  if (conflict.set.empty()) out.emplace_back("an empty set");
  if (solved(only_members(asked, conflict))) out.emplace_back("its members can be true together");
  for (const resolve::ConflictMember& member : conflict.set) {
    if (member.why.empty()) out.push_back(member.what + " has no reason");
    // That a system has rows cannot be pretended from outside.
    if (member.what.starts_with("system ")) continue;
    if (!solved(only_members(asked, conflict, &member))) out.push_back(member.what + " is not needed");
  }
  return out;
}

TEST(Invariants, HoldForAThousandMachines) {
  ::setenv("RC_PARAMS", "max_success=1000", 0);
  int choices = 0;
  int conflicts = 0;
  const bool passed = rc::check("every answer keeps the rules", [&] {
    const Row row = question();
    const Asked asked{
        .machine = machine_of(row), .goal = goal_of(row.goal), .catalog = some_of_the_catalog()};
    const auto answer = resolve::resolve(asked.machine, asked.goal, asked.catalog, kToday);
    std::vector<std::string> bad;
    if (answer != resolve::resolve(asked.machine, asked.goal, asked.catalog, kToday))
      bad.emplace_back("another answer the second time");
    if (const auto* choice = std::get_if<resolve::Choice>(&answer)) {
      ++choices;
      for (std::string& text : broken_rules(asked, *choice)) bad.push_back(std::move(text));
      for (std::string& text : better_ones(asked, *choice)) bad.push_back(std::move(text));
    } else {
      ++conflicts;
      for (std::string& text : not_minimal(asked, std::get<resolve::Conflict>(answer)))
        bad.push_back(std::move(text));
    }
    if (!bad.empty()) RC_FAIL(shown(row, answer, bad));
  });
  EXPECT_TRUE(passed);
  // Neither kind of answer goes untested.
  EXPECT_GT(choices, 200);
  EXPECT_GT(conflicts, 200);
}

}  // namespace
}  // namespace bringup::testing_support
#endif
