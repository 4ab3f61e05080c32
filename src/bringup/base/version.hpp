// SPDX-License-Identifier: Apache-2.0
#pragma once
// Dotted versions: "580.159.04", "2.10.0", "6.1.0-25-amd64". Numbers compare as numbers, and "2.9" < "2.10".

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::base {

struct Version {
  std::vector<int> parts;  // the numbers in order: 580, 159, 4
  std::string text;        // as it was written: "580.159.04"

  // The leading digits-and-dots of `text` and, after '-' or '+', further numbers are not looked at; nullopt
  // without a number in front.
  static std::optional<Version> parse(std::string_view text);

  int major() const { return parts.empty() ? 0 : parts[0]; }
  int minor() const { return parts.size() < 2 ? 0 : parts[1]; }

  // Missing parts count as 0: 2.10 == 2.10.0.
  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == std::strong_ordering::equal; }
};

// Orders releases of Linux kernels ("6.1.0-9-amd64" < "6.1.0-25-amd64"): every run of digits compares as a
// number.
std::strong_ordering compare_releases(std::string_view a, std::string_view b);

}  // namespace bringup::base
