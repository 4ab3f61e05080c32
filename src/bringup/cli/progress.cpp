// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/progress.hpp>

#include <algorithm>

namespace bringup::cli {

void AptProgress::read(std::string_view line) {
  const auto words = base::words(line);
  if (words.empty()) return;
  if (words[0].starts_with("Get:")) ++fetched_;
  if (words[0] == "Unpacking") ++unpacked_;
  if (words[0] == "Setting" && words.size() > 1 && words[1] == "up") ++set_up_;
  // "3 upgraded, 67 newly installed, 0 to remove and 0 not upgraded."
  if (words.size() > 4 && words[1] == "upgraded," && words[3] == "newly") {
    packages_ =
        static_cast<int>(base::to_integer(words[0]).value_or(0) + base::to_integer(words[2]).value_or(0));
    fetched_ = 0;
  }
}

std::optional<double> AptProgress::part() const {
  if (packages_ <= 0) return std::nullopt;
  return std::min(
      1.0, static_cast<double>(std::min(fetched_, packages_) + unpacked_ + set_up_) / (3.0 * packages_));
}

std::optional<double> seconds_left(std::optional<double> part, double elapsed) {
  if (!part || *part < 0.05 || elapsed < 3.0) return std::nullopt;
  return elapsed * (1.0 - *part) / *part;
}

}  // namespace bringup::cli
