// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the real program, as a person would: the one built beside the tests, or BRINGUP_TESTED_PROGRAM.

#include <bringup/host/command.hpp>

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bringup::testing_support {

struct Ran {
  int code = -1;  // -1: it did not exit by itself
  std::string out;
  std::string err;
};

inline Ran bringup_program(std::vector<std::string> words,
                           std::vector<std::pair<std::string, std::string>> environment = {},
                           std::string input = "") {
  const char* other = std::getenv("BRINGUP_TESTED_PROGRAM");
  words.insert(words.begin(), other != nullptr ? other : BRINGUP_PROGRAM);
  environment.emplace_back("ASAN_OPTIONS",
                           "detect_leaks=0");  // as for the tests themselves: tests/CMakeLists.txt
  const auto outcome = host::run({.argv = std::move(words),
                                  .deadline = std::chrono::seconds(60),
                                  .environment = std::move(environment),
                                  .input = std::move(input)});
  if (!outcome) return {.code = -1, .out = "", .err = outcome.error().message()};
  const auto* exited = std::get_if<host::Exited>(&outcome->how);
  return {.code = exited == nullptr ? -1 : exited->code, .out = outcome->out, .err = outcome->err};
}

}  // namespace bringup::testing_support
