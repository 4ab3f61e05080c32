// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/live.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace bringup::cli {
namespace {

using measure::NativeProgress;
using Steady = std::chrono::steady_clock;

// Between two lines where there is no terminal to draw on.
constexpr double kBetweenLines = 30;

template <typename T>
std::string number_of(const std::optional<T>& value, std::string_view unit) {
  return value ? fmt::format("{:.0f} {}", static_cast<double>(*value), unit) : "-";
}

std::string operations_of(const NativeProgress::Gpu& gpu) {
  if (!gpu.operations) return "-";
  return fmt::format("{:.0f} TFLOP/s", *gpu.operations / 1e12);
}

std::string row_of(const NativeProgress::Gpu& gpu) {
  const facts::LoadSample now = gpu.now.value_or(facts::LoadSample{});
  return fmt::format("  {:<12}  {:>12}  {:>6}  {:>5}  {:>8}  {}", base::harmless(gpu.pci), operations_of(gpu),
                     number_of(now.watts, "W"), number_of(now.celsius, "C"),
                     number_of(now.sm_megahertz, "MHz"),
                     gpu.errors == 0 ? "none" : fmt::format("{} ERRORS", gpu.errors));
}

std::string bar(double done, std::size_t width) {
  const auto full =
      static_cast<std::size_t>(std::lround(std::clamp(done, 0.0, 1.0) * static_cast<double>(width)));
  return std::string(full, '#') + std::string(width - full, '.');
}

// One soak at a time.
class Screen {
 public:
  explicit Screen(const Options& options) : options_(options), terminal_(error_columns()) {}
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { erase(); }

  void show(const NativeProgress& progress) {
    // A soak is a part of its own: the time that is left is that of the soak.
    if (progress.phase == "soak" && !soaking_) began_ = Steady::now();
    soaking_ = progress.phase == "soak";
    const double seconds = std::chrono::duration<double>(Steady::now() - began_).count();
    if (terminal_ == 0) {
      if (progress.phase != "soak" || seconds - said_ < kBetweenLines) return;
      said_ = seconds;
      for (const std::string& line : live_lines(progress, seconds, 80)) say(options_, line);
      return;
    }
    erase();
    for (const std::string& line : live_lines(progress, seconds, terminal_ - 1)) {
      draw(line + "\n");
      ++drawn_;
    }
  }

 private:
  void erase() {
    if (drawn_ > 0) draw(fmt::format("\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
  }

  const Options& options_;
  std::size_t terminal_;  // its columns; 0: none
  Steady::time_point began_ = Steady::now();
  double said_ = 0;
  bool soaking_ = false;
  std::size_t drawn_ = 0;
};

}  // namespace

std::vector<std::string> live_lines(const NativeProgress& progress, double seconds, std::size_t columns) {
  std::vector<std::string> lines;
  const bool soak = progress.phase == "soak";
  const std::string left =
      soak && progress.done > 0.01
          ? fmt::format(", about {} left", base::human_seconds(seconds / progress.done - seconds))
          : "";
  lines.push_back(fmt::format("{} [{}] {:>3.0f} %  {}{}", soak ? "soak" : "measuring", bar(progress.done, 20),
                              progress.done * 100, base::human_seconds(seconds), left));
  if (!soak) {
    lines.back() += fmt::format("  {}", progress.phase);
  } else {
    lines.emplace_back("  GPU              products   power   heat     clock  errors");
    for (const NativeProgress::Gpu& gpu : progress.gpus) lines.push_back(row_of(gpu));
    lines.emplace_back("  Ctrl-C stops it without a verdict");
  }
  for (std::string& line : lines) line = base::fit(line, columns);
  return lines;
}

std::function<void(const NativeProgress&)> live_screen(const Options& options) {
  if (options.quiet) return nullptr;
  return [screen = std::make_shared<Screen>(options)](const NativeProgress& progress) {
    screen->show(progress);
  };
}

}  // namespace bringup::cli
