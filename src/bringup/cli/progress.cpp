// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/progress.hpp>

#include <fmt/format.h>

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

void Going::begin(std::string id, std::string head, Time now) {
  steps_.push_back({.id = std::move(id), .head = std::move(head), .began = now, .last = "", .apt = {}});
}

void Going::says(std::string_view id, std::string_view line) {
  const auto step = std::ranges::find(steps_, id, &Step::id);
  if (step == steps_.end()) return;
  step->apt.read(line);
  step->last = base::harmless(base::trim(line));
}

std::string Going::end(std::string_view id) {
  const auto step = std::ranges::find(steps_, id, &Step::id);
  if (step == steps_.end()) return "";
  std::string head = std::move(step->head);
  steps_.erase(step);
  return head;
}

std::string Going::Step::text(Time now) const {
  const double elapsed = std::chrono::duration<double>(now - began).count();
  std::string out = fmt::format("{}  {}", head, base::human_seconds(elapsed));
  if (const auto left = seconds_left(apt.part(), elapsed))
    out += fmt::format(", about {} left", base::human_seconds(*left));
  return out;
}

std::string Going::line(Time now, std::size_t columns) const {
  if (steps_.empty()) return "";
  std::string out = steps_.front().text(now);
  if (!several() && !steps_.front().last.empty()) out += "  " + steps_.front().last;
  for (std::size_t i = 1; i < steps_.size(); ++i) out += "  |  " + steps_[i].text(now);
  return std::string(base::trim(base::fit(out, columns)));
}

}  // namespace bringup::cli
