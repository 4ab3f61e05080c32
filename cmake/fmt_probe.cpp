// SPDX-License-Identifier: Apache-2.0
// Configure time only: whether files compiled without FMT_HEADER_ONLY link with fmt_once.cpp and this version of fmt.
#include <fmt/format.h>

#include <string>
#include <vector>

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const std::string text = fmt::format("{:>{}} {:08x} {:.2f} {} {} {:<12} {}", argc, 8, 77U, 1.5, 2.5F, true, words[0], 'c') +
                           fmt::format("{}", fmt::join(words, ", ")) + fmt::to_string(3.25) + fmt::format("{:02x}{}", 7, 9LL);
  try {
    return fmt::vformat("{:z}", fmt::make_format_args(argc)).empty() ? 1 : 2;
  } catch (const fmt::format_error&) {
    return text.empty() ? 1 : 0;
  }
}
