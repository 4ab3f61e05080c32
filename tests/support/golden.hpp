// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compares text with a file that a person has read. BRINGUP_ACCEPT=1 writes the file and skips: accepting is
// not passing.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace bringup::testing_support {

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void expect_golden(const std::filesystem::path& file, const std::string& actual) {
  if (std::getenv("BRINGUP_ACCEPT") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << actual;
    GTEST_SKIP() << "accepted " << file << "; read the diff before you commit it";
  }
  EXPECT_EQ(slurp(file), actual) << file << " (BRINGUP_ACCEPT=1 accepts)";
}

}  // namespace bringup::testing_support
