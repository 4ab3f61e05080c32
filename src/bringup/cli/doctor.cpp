// SPDX-License-Identifier: Apache-2.0
// The verb doctor.
#include <bringup/cli/console.hpp>
#include <bringup/cli/doctor.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/diagnose/next_boot.hpp>

#include <algorithm>

namespace bringup::cli {
namespace {

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

int doctor_exit(const diagnose::Diagnosis& diagnosis) {
  const auto has = [&diagnosis](diagnose::Severity severity) {
    return std::ranges::any_of(diagnosis.findings, [severity](const diagnose::Finding& finding) {
      return finding.severity == severity;
    });
  };
  return has(diagnose::Severity::fail) ? exit_failed : has(diagnose::Severity::warn) ? exit_changes : exit_ok;
}

Result<Examined> examine(const Options& options, const Doors& doors, Depth depth) {
  Examined examined{.looked = {}, .goal = TRY(read_goal(options, doors.view)), .diagnosis = {}};
  // An unknown rule is said before anything is looked at.
  const facts::Machine nobody;
  if (!options.words.empty())
    TRY(diagnose::diagnose(
        {.machine = nobody, .goal = examined.goal, .catalog = catalog::built_in(), .today = ""},
        options.words));
  examined.looked = TRY(look(options, doors, depth));
  examined.diagnosis = TRY(diagnose::diagnose({.machine = examined.looked.machine,
                                               .goal = examined.goal,
                                               .catalog = catalog::built_in(),
                                               .today = examined.looked.today},
                                              options.words));
  return examined;
}

Result<int> run_doctor(const Options& options, const Doors& doors) {
  if (options.next_boot) return run_next_boot(options, doors);
  if (options.fix) return fix_findings(options, doors);
  if (options.watch) return watch_findings(options, doors);
  const Examined examined = TRY(examine(options, doors, {.cuda = true}));
  TRY(print(options.json ? report::doctor_json(examined.diagnosis)
                         : report::doctor_text(examined.diagnosis, output_style(options))));
  return doctor_exit(examined.diagnosis);
}

}  // namespace bringup::cli
