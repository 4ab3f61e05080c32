// SPDX-License-Identifier: Apache-2.0
#pragma once
// The entry that a fuzzer calls with its bytes; replay.cpp calls it with those of files.

#include <cstddef>
#include <cstdint>
#include <string_view>

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bringup::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
}

// What must hold, in every build type.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace bringup::fuzz
