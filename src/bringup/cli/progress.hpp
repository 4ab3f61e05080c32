// SPDX-License-Identifier: Apache-2.0
#pragma once
// How far a run has got, as a line for a terminal. Pure: lines of programs in, text out.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// The steps that go on now: one, or several side by side.
class Going {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // `head`: "[3/9] driver-packages".
  void begin(std::string id, std::string head, Time now);
  void says(std::string_view id, std::string_view line);
  // Gives its head back; "" when it did not go on.
  std::string end(std::string_view id);
  bool several() const { return steps_.size() > 1; }
  // One step with what its program said last; of several their heads and times, which leaves no room for it.
  // Not longer than `columns`.
  std::string line(Time now, std::size_t columns) const;

 private:
  struct Step {
    std::string id;
    std::string head;
    Time began;
    std::string last;
    AptProgress apt;
    std::string text(Time now) const;
  };
  std::vector<Step> steps_;
};

}  // namespace bringup::cli
