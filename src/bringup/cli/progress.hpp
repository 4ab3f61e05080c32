// SPDX-License-Identifier: Apache-2.0
#pragma once
// How far a package manager has got, read from what apt prints. Pure: line in, fraction out.

#include <optional>
#include <string_view>

namespace bringup::cli {

// apt's work is three passes over its packages: fetch, unpack, set up.
class AptProgress {
 public:
  void read(std::string_view line);
  // 0..1; nullopt before apt has said how much there is to do.
  std::optional<double> part() const;

 private:
  int packages_ = 0;
  int fetched_ = 0;
  int unpacked_ = 0;
  int set_up_ = 0;
};

// Seconds left when `part` took `elapsed`; nullopt while that is too little to tell (under 5 % or 3 s).
std::optional<double> seconds_left(std::optional<double> part, double elapsed);

}  // namespace bringup::cli
