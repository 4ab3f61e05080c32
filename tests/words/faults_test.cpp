// SPDX-License-Identifier: Apache-2.0
// The page of faults names tests; a name that no test has would be a promise that nobody keeps.
#include <bringup/base/text.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace {

using namespace bringup;
namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// "Suite.Name" of every test below tests/.
std::set<std::string> tests_that_exist() {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(BRINGUP_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = slurp(entry.path());
    for (const std::string_view line : base::lines(text)) {
      if (!line.starts_with("TEST")) continue;
      const std::size_t open = line.find('(');
      const std::size_t comma = line.find(", ", open);
      const std::size_t close = line.find(')', comma);
      if (close == std::string_view::npos) continue;
      out.insert(std::string(line.substr(open + 1, comma - open - 1)) + "." +
                 std::string(line.substr(comma + 2, close - comma - 2)));
    }
  }
  return out;
}

TEST(Faults, EveryTestThatThePageNamesIsThere) {
  const std::set<std::string> there = tests_that_exist();
  const std::string page = slurp(fs::path(BRINGUP_SOURCE_DIR) / "doc/faults.md");
  std::size_t named = 0;
  for (const std::string_view part : base::split(page, '`')) {
    const bool test =
        part.find('.') != std::string_view::npos && part.find_first_of(" /\n|") == std::string_view::npos;
    if (!test) continue;
    ++named;
    EXPECT_TRUE(there.contains(std::string(part))) << part;
  }
  EXPECT_GT(named, 50U);
}

}  // namespace
