// SPDX-License-Identifier: Apache-2.0
// The picture in ARCHITECTURE.md is a fact: no source includes a room that its row in layers.txt does not
// name.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
const fs::path kRooms = fs::path(BRINGUP_SOURCE_DIR) / "src/bringup";

std::map<std::string, std::set<std::string>> rows(std::istream& text) {
  std::map<std::string, std::set<std::string>> out;
  for (std::string line; std::getline(text, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string room;
    std::string colon;
    words >> room >> colon;
    auto& may = out[room];
    may.insert(room);
    for (std::string other; words >> other;) may.insert(other);
  }
  return out;
}

std::string forbidden(const std::map<std::string, std::set<std::string>>& may, const std::string& room,
                      const std::string& name, std::istream& text) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*[<"]bringup/([a-z]+)/)re");
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    std::smatch found;
    if (std::regex_search(line, found, kInclude) && !may.at(room).contains(found[1]))
      return room + "/" + name + ":" + std::to_string(number) + ": " + room + " may not include " +
             found[1].str();
  }
  return "";
}

TEST(Layers, AreKept) {
  std::ifstream file(kRooms / "layers.txt");
  const auto may = rows(file);
  ASSERT_FALSE(may.empty());
  for (const auto& entry : fs::recursive_directory_iterator(kRooms)) {
    if (entry.path().extension() != ".hpp" && entry.path().extension() != ".cpp") continue;
    const std::string room = entry.path().lexically_relative(kRooms).begin()->string();
    ASSERT_TRUE(may.contains(room)) << "layers.txt has no row for " << room;
    std::ifstream source(entry.path());
    EXPECT_EQ(forbidden(may, room, entry.path().filename().string(), source), "");
  }
}

TEST(Layers, RowsPointOnlyDown) {
  std::ifstream file(kRooms / "layers.txt");
  std::set<std::string> above;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string room;
    std::string colon;
    words >> room >> colon;
    for (std::string other; words >> other;)
      EXPECT_TRUE(above.contains(other)) << room << " points up to " << other;
    above.insert(room);
  }
}

TEST(Layers, ABrokenRowIsNamed) {
  std::istringstream text("#include <string>\n#include <bringup/host/control.hpp>\n");
  EXPECT_EQ(forbidden({{"probe", {"probe", "base"}}}, "probe", "x.cpp", text),
            "probe/x.cpp:2: probe may not include host");
}

// The door for changing is named by apply alone (and made once, in cli).
TEST(Layers, OnlyApplyNamesControl) {
  for (const auto& entry : fs::recursive_directory_iterator(kRooms)) {
    if (entry.path().extension() != ".hpp" && entry.path().extension() != ".cpp") continue;
    const std::string room = entry.path().lexically_relative(kRooms).begin()->string();
    if (room == "host" || room == "apply" || room == "cli") continue;
    std::ifstream source(entry.path());
    const std::string all((std::istreambuf_iterator<char>(source)), {});
    EXPECT_EQ(all.find("bringup/host/control.hpp"), std::string::npos) << entry.path();
  }
}

}  // namespace
