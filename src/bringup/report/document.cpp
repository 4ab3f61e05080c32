// SPDX-License-Identifier: Apache-2.0
// JSON as it is written to standard output.
#include <bringup/report/document.hpp>
#include <bringup/steps/step.hpp>

#include <fmt/format.h>

namespace bringup::report {
namespace {

// The length of a character that is allowed in JSON and yet steers a terminal (DEL, U+0080..U+009F) or turns
// the writing direction (U+202A..U+202E, U+2066..U+2069); 0 for any other.
std::size_t unsafe_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) == 0x7F) return 1;
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) < 0xA0) return 2;
  const bool embeds = byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE;
  const bool isolates = byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
  return byte(0) == 0xE2 && (embeds || isolates) ? 3 : 0;
}

unsigned code_point(std::string_view text) {
  const auto low = [text](std::size_t i) { return static_cast<unsigned char>(text[i]) & 0x3FU; };
  if (text.size() == 1) return static_cast<unsigned char>(text[0]);
  if (text.size() == 2) return ((static_cast<unsigned char>(text[0]) & 0x1FU) << 6U) | low(1);
  return ((static_cast<unsigned char>(text[0]) & 0x0FU) << 12U) | (low(1) << 6U) | low(2);
}

}  // namespace

std::string written(const ordered_json& json) {
  const std::string text = json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size() + 1);
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = unsafe_length(rest);
    if (length == 0)
      out += rest.front();
    else
      out += fmt::format("\\u{:04x}", code_point(rest.substr(0, length)));
    rest.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\n";
}

ordered_json text_or_null(std::string_view text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json step_json(const steps::Step& step) {
  return {{"id", step.id},
          {"kind", steps::kind_name(step.kind)},
          {"target", steps::target(step.kind)},
          {"why", step.why},
          {"changes", step.changes},
          {"needs", step.needs},
          {"as_user", step.as_user}};
}

}  // namespace bringup::report
