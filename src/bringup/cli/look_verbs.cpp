// SPDX-License-Identifier: Apache-2.0
// The verbs that look: facts, doctor, plan, record.
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/probe/probe.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/why.hpp>
#include <bringup/resolve/why.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

int doctor_exit(const diagnose::Diagnosis& diagnosis) {
  const auto has = [&diagnosis](diagnose::Severity severity) {
    return std::ranges::any_of(diagnosis.findings, [severity](const diagnose::Finding& finding) {
      return finding.severity == severity;
    });
  };
  return has(diagnose::Severity::fail) ? exit_failed : has(diagnose::Severity::warn) ? exit_changes : exit_ok;
}

// Nothing is asked of CUDA: what boots next lies on the disk.
Result<int> run_next_boot(const Options& options, const Doors& doors) {
  const Looked looked = TRY(look(options, doors, {.sources = false, .cuda = false, .pytorch = false}));
  const diagnose::Forecast forecast = diagnose::next_boot(looked.machine);
  TRY(print(options.json ? report::next_boot_json(forecast)
                         : report::next_boot_text(forecast, output_style(options))));
  if (forecast.outlook == diagnose::Outlook::good) return exit_ok;
  return forecast.outlook == diagnose::Outlook::bad ? exit_changes : exit_not_measured;
}

}  // namespace

Result<int> run_facts(const Options& options, const Doors& doors) {
  const Looked looked =
      TRY(look(options, doors, {.sources = true, .cuda = options.all, .pytorch = options.all}));
  TRY(print(options.json ? report::facts_json(looked.machine)
                         : report::facts_text(looked.machine, output_style(options))));
  return exit_ok;
}

Result<int> run_doctor(const Options& options, const Doors& doors) {
  if (options.next_boot) return run_next_boot(options, doors);
  // An unknown rule is said before anything is looked at.
  const goal::Goal goal = TRY(read_goal(options, doors.view));
  const facts::Machine nobody;
  if (!options.words.empty())
    TRY(diagnose::diagnose({.machine = nobody, .goal = goal, .catalog = catalog::built_in(), .today = ""},
                           options.words));
  const Looked looked = TRY(look(options, doors, {.sources = false, .cuda = true, .pytorch = false}));
  const auto diagnosis = TRY(diagnose::diagnose(
      {.machine = looked.machine, .goal = goal, .catalog = catalog::built_in(), .today = looked.today},
      options.words));
  TRY(print(options.json ? report::doctor_json(diagnosis)
                         : report::doctor_text(diagnosis, output_style(options))));
  return doctor_exit(diagnosis);
}

Result<int> run_plan(const Options& options, const Doors& doors) {
  // A part that there is not is said before anything is asked.
  if (!options.why.empty()) TRY(resolve::known_part(TRY(read_goal(options, doors.view)), options.why));
  const Decided decided = TRY(decide(options, doors));
  if (!options.why.empty() && std::holds_alternative<resolve::Choice>(decided.resolution)) {
    const resolve::Why why = TRY(resolve::why(decided.looked.machine, decided.goal, catalog::built_in(),
                                              decided.looked.today, options.why));
    TRY(print(options.json ? report::why_json(why) : report::why_text(why, output_style(options))));
    return exit_ok;
  }
  const Part part = part_to_do(options, decided.plan);
  const bool changes = !part.plan.steps.empty();
  TRY(print(options.json ? report::plan_json(decided.resolution, part.plan)
                         : report::plan_text(decided.resolution, part.plan, output_style(options))));
  tell_left(options, part);
  if (std::holds_alternative<resolve::Conflict>(decided.resolution)) return exit_failed;
  return options.detailed_exitcode && changes ? exit_changes : exit_ok;
}

Result<int> run_record(const Options& options, const Doors& doors) {
  if (options.words.empty()) return Error(Errc::usage, "record where? bringup record DIR");
  if (!options.root.empty()) return Error(Errc::usage, "a recording is not recorded again: copy its folder");
  const Looked looked = TRY(look(options, doors, {.sources = true, .cuda = true, .pytorch = false}));
  probe::Options how = options_here(true);
  how.cuda = looked.machine.counts.cuda;
  how.pytorch = looked.machine.counts.pytorch;
  how.sources = looked.machine.sources;
  const auto redacted =
      TRY(probe::record(doors.view, how, options.words[0], host::iso_time(doors.clock.now())));
  say(options, fmt::format("recorded into {}; replay it with: bringup facts --root {}", options.words[0],
                           options.words[0]));
  for (const std::string& line : redacted) say(options, "  redacted: " + line);
  return exit_ok;
}

}  // namespace bringup::cli
