// SPDX-License-Identifier: Apache-2.0
#pragma once
// A test with a directory of its own, which is gone afterwards.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace bringup::testing_support {

class InAHome : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(home_); }
  void TearDown() override { std::filesystem::remove_all(home_); }
  std::string at(const std::string& name) const { return (home_ / name).string(); }
  std::string file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((home_ / name).parent_path());
    std::ofstream(home_ / name, std::ios::binary) << text;
    return at(name);
  }
  std::filesystem::path home_ =
      std::filesystem::temp_directory_path() / ("bringup-test-" + std::to_string(::getpid()));
};

}  // namespace bringup::testing_support
