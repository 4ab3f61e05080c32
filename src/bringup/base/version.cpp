// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/version.hpp>

#include <algorithm>

namespace bringup::base {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The run of digits (or of other characters) in front of `text`.
std::string_view run_of(std::string_view text) {
  const bool digits = is_digit(text.front());
  const auto end = std::ranges::find_if(text, [digits](char c) { return is_digit(c) != digits; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  text = trim(text);
  Version version{.parts = {}, .text = std::string(text)};
  version.parts.reserve(4);
  while (!text.empty() && is_digit(text.front())) {
    const std::string_view digits = run_of(text);
    const auto number = to_integer(digits);
    if (!number || *number > 1'000'000'000) return std::nullopt;
    version.parts.push_back(static_cast<int>(*number));
    text.remove_prefix(digits.size());
    if (text.empty() || text.front() != '.') break;
    text.remove_prefix(1);
  }
  if (version.parts.empty()) return std::nullopt;
  return version;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  const std::size_t longest = std::max(parts.size(), other.parts.size());
  for (std::size_t i = 0; i < longest; ++i) {
    const int mine = i < parts.size() ? parts[i] : 0;
    const int theirs = i < other.parts.size() ? other.parts[i] : 0;
    if (mine != theirs) return mine <=> theirs;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering compare_releases(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view left = run_of(a);
    const std::string_view right = run_of(b);
    if (is_digit(left.front()) && is_digit(right.front())) {
      const auto x = to_integer(left).value_or(0);
      const auto y = to_integer(right).value_or(0);
      if (x != y) return x <=> y;
    } else if (left != right) {
      return left <=> right;
    }
    a.remove_prefix(left.size());
    b.remove_prefix(right.size());
  }
  return a.size() <=> b.size();
}

}  // namespace bringup::base
