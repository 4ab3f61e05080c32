// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small machine made of files in a directory of its own, seen through the very View that ships.

#include <bringup/host/real.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace bringup::testing_support {

class Tree {
 public:
  Tree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bringup-probe-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    view_ = host::real_view_below(root_.string());
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    std::error_code error;
    std::filesystem::remove_all(root_, error);
  }

  Tree& file(const std::string& path, const std::string& text = "") {
    const auto place = root_.string() + path;
    std::filesystem::create_directories(std::filesystem::path(place).parent_path());
    std::ofstream(place, std::ios::binary) << text;
    return *this;
  }
  Tree& directory(const std::string& path) {
    std::filesystem::create_directories(root_.string() + path);
    return *this;
  }
  Tree& link(const std::string& path, const std::string& target) {
    const auto place = root_.string() + path;
    std::filesystem::create_directories(std::filesystem::path(place).parent_path());
    std::filesystem::create_symlink(target, place);
    return *this;
  }
  const host::View& view() const { return *view_; }
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
  std::unique_ptr<host::View> view_;
};

}  // namespace bringup::testing_support
