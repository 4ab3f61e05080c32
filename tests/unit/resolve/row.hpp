// SPDX-License-Identifier: Apache-2.0
#pragma once
// A case of the table: a machine in words, a goal, and the choice or the conflict that the rules ask for.

#include <bringup/goal/goal.hpp>
#include <bringup/resolve/resolve.hpp>

#include <gtest/gtest.h>

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::testing_support {

inline constexpr std::string_view kToday = "2026-11-23";

struct Row {
  std::string name;       // what the row shows, as a test's name
  std::string gpus;       // "4x RTX 4090 + V100"; "" for none
  std::string os;         // "debian-12"
  std::string reachable;  // "nvidia distro pypi pytorch"; "all"
  std::string more;       // further lines of the description: "gcc = \"12\"", the driver that is loaded
  std::string goal;       // the goal file; "--user-only" as its first line stands for that option, and then
                          // "--compiles dl" for an environment with an extension; that of "other"
                          // takes CUDA from 12.4 on
  // "driver install 535 proprietary distro | toolkit none | python uv 3.11 | torch 2.10.0+cu128 pypi", each
  // part as far as it is written, and "without notice secure-boot" for what must not be there; "conflict:
  // word | word": each word must stand in the members of the smallest set, and there are as many members as
  // words.
  std::string expected;
};

// The machine that a row describes.
facts::Machine machine_of(const Row& row);
goal::Goal goal_of(const std::string& text);

// The answer in the words of `Row::expected`; of a conflict one part per member.
std::vector<std::string> told(const resolve::Resolution& resolution);
// Holds an answer against what a row expects: "" or what is different.
std::string difference(const resolve::Resolution& resolution, const std::string& expected);

// Prints a row by its question when its test fails.
void PrintTo(const Row& row, std::ostream* out);

// Each row is a test.
class Cases : public testing::TestWithParam<Row> {};
std::string name_of(const testing::TestParamInfo<Row>& info);

}  // namespace bringup::testing_support
