// SPDX-License-Identifier: Apache-2.0
#pragma once
// Time, so that tests can hold it.

#include <chrono>
#include <string>

namespace bringup::host {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::system_clock::time_point now() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
};

const Clock& real_clock();

// "2026-11-23T20:15:04Z"
std::string iso_time(std::chrono::system_clock::time_point time);

}  // namespace bringup::host
