// SPDX-License-Identifier: Apache-2.0
// fmt's implementation, compiled here once: header-only in every file it is half of the build time. Compiled without
// inlining, so that what is used here is there for the other files.
#define FMT_HEADER_ONLY
#include <fmt/format.h>

#include <string>

namespace bringup {

// Formats through type-erased arguments, which brings the code for every type.
std::string fmt_once(fmt::string_view format, fmt::format_args arguments) {
  std::string text = fmt::vformat(format, arguments);
  fmt::memory_buffer buffer;
  fmt::detail::vformat_to(buffer, format, arguments, {});
  return text + fmt::to_string(buffer) + fmt::to_string(1.5) + fmt::to_string(1.5F) + fmt::to_string(7);
}

}  // namespace bringup
