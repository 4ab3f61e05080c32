// SPDX-License-Identifier: Apache-2.0
#pragma once
// What both ways of asking a source say alike.

#include <bringup/base/result.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>

namespace bringup::measure {

// 200..399 is an answer. A proxy that forbids says 403, one that reaches nothing 502 to 504, a captive portal
// 511.
inline Result<> judge_status(long status) {
  if (status >= 200 && status < 400) return ok;
  if (status == 407) return Error(Errc::unreachable, "the proxy wants a password (407)");
  return Error(Errc::unreachable, fmt::format("answered with HTTP status {}", status));
}

inline constexpr std::string_view kTooLate = "timed out after ";
inline std::string too_late(std::chrono::milliseconds deadline) {
  return fmt::format("{}{}", kTooLate, base::human_seconds(static_cast<double>(deadline.count()) / 1000.0));
}

}  // namespace bringup::measure
