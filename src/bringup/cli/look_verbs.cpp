// SPDX-License-Identifier: Apache-2.0
// The verbs that look: facts, plan, record.
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/probe/probe.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/why.hpp>
#include <bringup/resolve/why.hpp>

#include <fmt/format.h>

namespace bringup::cli {
Result<int> run_facts(const Options& options, const Doors& doors) {
  const Looked looked =
      TRY(look(options, doors, {.sources = true, .cuda = options.all, .pytorch = options.all}));
  TRY(print(options.json ? report::facts_json(looked.machine)
                         : report::facts_text(looked.machine, output_style(options))));
  return exit_ok;
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
  const bool changes = !part.plan.steps.empty() || !decided.models.empty();
  TRY(print(options.json
                ? report::plan_json(decided.resolution, part.plan, decided.models)
                : report::plan_text(decided.resolution, part.plan, output_style(options), decided.models)));
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
