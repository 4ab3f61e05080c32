// SPDX-License-Identifier: Apache-2.0
// Figures for people, and what verdicts are about.
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

namespace bringup::report {
namespace {

struct Prefix {
  double from;
  const char* name;
};

// Three digits that count: "1.40 PFLOP/s", "749 TFLOP/s", "55.1 TFLOP/s".
std::string scaled(double value, std::string_view unit) {
  constexpr std::array kPrefixes{Prefix{1e15, "P"}, Prefix{1e12, "T"}, Prefix{1e9, "G"}, Prefix{1e6, "M"}};
  for (const Prefix& prefix : kPrefixes) {
    if (std::abs(value) < prefix.from * 0.9995) continue;
    const double part = value / prefix.from;
    const int digits = std::abs(part) >= 99.95 ? 0 : std::abs(part) >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f} {}{}", part, digits, prefix.name, unit);
  }
  return fmt::format("{:.4g} {}", value, unit);
}

}  // namespace

std::string human(double value, std::string_view unit) {
  if (unit == "s" && value >= 0 && value < 0.0995) return fmt::format("{:.2g} ms", value * 1e3);
  if (unit == "s") return base::human_seconds(value);
  if (unit == "B/s" && std::abs(value) >= 1e12) return fmt::format("{:.2f} TB/s", value / 1e12);
  if (unit == "B/s" && std::abs(value) >= 1e9) return fmt::format("{:.1f} GB/s", value / 1e9);
  if (unit == "B/s") return fmt::format("{:.0f} MB/s", value / 1e6);
  if (unit == "FLOP/s") return scaled(value, unit);
  if ((unit == "B" || unit == "bytes") && value >= 0 && value < 1e18)
    return base::human_bytes(static_cast<std::uint64_t>(value));
  if (value == 1.0 && unit.size() > 2 && unit.ends_with('s')) unit.remove_suffix(1);
  return fmt::format("{} {}",
                     std::round(value) == value && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                                          : fmt::format("{:.4g}", value),
                     plain(unit));
}

std::string exact(double value) {
  return ordered_json(value).dump();
}

std::string_view environment_of(const facts::Verdict& verdict) {
  if (!verdict.env.empty()) return verdict.env;
  if (!verdict.check.starts_with("env-") || !verdict.why.starts_with('/')) return {};
  return std::string_view(verdict.why).substr(0, verdict.why.find(": "));
}

std::string_view reason_of(const facts::Verdict& verdict) {
  std::string_view why = verdict.why;
  const std::string_view env = environment_of(verdict);
  if (!env.empty() && why.starts_with(env) && why.substr(env.size()).starts_with(": "))
    why.remove_prefix(env.size() + 2);
  return why;
}

std::vector<std::string> judged_gpus(std::span<const facts::Verdict> verdicts) {
  std::vector<std::string> gpus;
  for (const facts::Verdict& verdict : verdicts) {
    for (const std::string& gpu : verdict.gpus) {
      if (std::ranges::find(gpus, gpu) == gpus.end()) gpus.push_back(gpu);
    }
  }
  return gpus;
}

bool proven(std::string_view gpu, std::span<const facts::Verdict> verdicts) {
  bool passed = false;
  for (const facts::Verdict& verdict : verdicts) {
    if (verdict.gpus.size() != 1 || verdict.gpus[0] != gpu) continue;
    switch (verdict.outcome) {
      case facts::Outcome::pass:
        passed = passed || verdict.measured;
        break;
      case facts::Outcome::info:
      case facts::Outcome::warn:
        break;
      case facts::Outcome::fail:
      case facts::Outcome::inconclusive:
      case facts::Outcome::not_measured:
        return false;
    }
  }
  return passed;
}

std::vector<int> case_numbers(std::span<const facts::Verdict> verdicts) {
  std::map<std::tuple<std::string_view, std::vector<std::string>, std::string_view>, int> seen;
  std::vector<int> numbers;
  numbers.reserve(verdicts.size());
  for (const facts::Verdict& verdict : verdicts)
    numbers.push_back(++seen[{verdict.check, verdict.gpus, environment_of(verdict)}]);
  return numbers;
}

}  // namespace bringup::report
