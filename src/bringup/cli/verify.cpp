// SPDX-License-Identifier: Apache-2.0
// The verb that proves: measure, judge, tell, and keep it in the forms that were asked for.
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/kept.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/live.hpp>
#include <bringup/report/report.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

// Read before anything is measured: a wrong file is said at once and not after ten minutes.
Result<std::optional<report::VerifyDocument>> older(const Options& options, const host::View& view) {
  if (options.compare.empty()) return std::optional<report::VerifyDocument>();
  const std::string text = TRY(view.read(absolute(options.compare)));
  return std::optional(TRY(report::read_verify_json(text).within(options.compare)));
}

void tell_times(const Options& options, const Proven& proven) {
  if (!proven.measurements.native) return;
  for (const facts::PhaseTime& phase : proven.measurements.native->phases)
    say(options, fmt::format("{:8.3f} s  {:.3f} s  {}", phase.began_seconds, phase.seconds, phase.name));
}

Result<> tell(const Options& options, const Proven& proven) {
  const double seconds = proven.measurements.elapsed_seconds;
  return print(options.json
                   ? report::verify_json(proven.verdicts, proven.overall, seconds)
                   : report::verify_text(proven.verdicts, proven.overall, seconds, output_style(options)));
}

}  // namespace

Result<int> run_verify(const Options& options, const Doors& doors) {
  Extent extent = TRY(extent_of(options));
  const auto before = TRY(older(options, doors.view));
  TRY(keepable(options));
  // The quick level asks NVML while it starts CUDA; the page wants all that NVML tells.
  const bool nvml = extent.level != "quick" || !options.html.empty() || !options.root.empty();
  const Looked looked = TRY(look(options, doors, {.nvml = nvml}));
  const goal::Goal goal = TRY(read_goal(options, *looked.view));
  if (const int seconds = native_seconds(looked.machine, extent);
      seconds > 0 && !looked.view->recorded() && extent.level != "quick")
    say(options,
        fmt::format("measuring at the level {}: about {} s, then each environment", extent.level, seconds));
  extent.progress = live_screen(options);
  const Proven proven = prove(looked, goal, doors.clock, extent);
  extent.progress = nullptr;
  if (host::interrupted()) return Error(Errc::cancelled, "stopped at your word: there is no verdict");
  if (options.verbose) tell_times(options, proven);
  TRY(keep(options, looked, goal, proven, doors.clock));
  if (!before) {
    TRY(tell(options, proven));
    return verify_exit(proven.overall);
  }
  const report::Comparison comparison = report::compare(*before, proven.verdicts, proven.overall);
  if (!options.json) TRY(tell(options, proven));
  TRY(print(options.json ? report::compare_json(comparison)
                         : report::compare_text(comparison, output_style(options))));
  const int code = verify_exit(proven.overall);
  return code == exit_ok && comparison.worse ? exit_changes : code;
}

}  // namespace bringup::cli
