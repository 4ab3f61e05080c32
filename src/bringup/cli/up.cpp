// SPDX-License-Identifier: Apache-2.0
// The whole line: look, judge, choose, plan, ask, change, prove, tell.
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/kept.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/live.hpp>
#include <bringup/diagnose/diagnose.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

std::size_t gpus_of(const facts::Machine& machine) {
  return static_cast<std::size_t>(
      std::ranges::count(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind));
}

// What the doctor has to say before anything is changed; the findings are shown, and up goes on: most fixes
// are the plan itself.
Result<> tell_findings(const Options& options, const Decided& decided) {
  const auto diagnosis = TRY(diagnose::diagnose({.machine = decided.looked.machine,
                                                 .goal = decided.goal,
                                                 .catalog = catalog::built_in(),
                                                 .today = decided.looked.today},
                                                {}));
  for (const diagnose::Finding& finding : diagnosis.findings) {
    if (finding.severity != diagnose::Severity::info)
      say(options,
          fmt::format("{}: {} ({})", diagnose::severity_name(finding.severity), finding.title, finding.id));
  }
  return ok;
}

// A driver that was installed and is not the one that runs takes over at the next boot.
bool reboot_needed(const facts::Machine& machine, const resolve::Choice& choice) {
  if (machine.hypothetical || gpus_of(machine) == 0 || choice.driver.action == resolve::Action::none)
    return false;
  if (machine.container && machine.container->has_value()) return false;
  return !machine.driver.loaded || !*machine.driver.loaded;
}

// Proves what is there now. Without GPUs it is the environments on the CPU that count; a GPU that is not here
// yet is not a failure of `up`.
Result<int> tell_proof(const Options& options, const Doors& doors, const goal::Goal& goal,
                       bool gpus_expected) {
  Options again = options;
  again.shape.clear();
  const Looked looked = TRY(look(again, doors, {}));
  say(options, "proving each environment and GPU by running on it");
  Extent extent = TRY(extent_of(options));
  extent.progress = live_screen(options);
  const Proven proven = prove(looked, goal, doors.clock, extent);
  extent.progress = nullptr;
  TRY(keep(options, looked, goal, proven, doors.clock));
  TRY(print(report::verify_text(proven.verdicts, proven.overall, proven.measurements.elapsed_seconds,
                                output_style(options))));
  const bool failed = std::ranges::any_of(
      proven.verdicts, [](const facts::Verdict& verdict) { return verdict.outcome == facts::Outcome::fail; });
  if (failed) return exit_failed;
  return gpus_expected ? verify_exit(proven.overall) : exit_ok;
}

Result<steps::Plan> part_to_do(const Options& options, const Decided& decided) {
  if (!options.user_only) return decided.plan;
  std::vector<std::string> left;
  steps::Plan part = user_part(decided.plan, left);
  if (!left.empty()) say(options, fmt::format("left for root: {}", base::join(left, ", ")));
  return part;
}

}  // namespace

Result<int> run_up(const Options& options, const Doors& doors) {
  TRY(keepable(options));
  const Decided decided = TRY(decide(options, doors));
  const facts::Machine& machine = decided.looked.machine;
  const std::size_t gpus = gpus_of(machine);
  if (gpus == 0) {
    if (options.require_gpu)
      return Error(Errc::failed, "no NVIDIA GPU on the PCI bus, and --require-gpu asks for one");
    say(options,
        "no NVIDIA GPU on the PCI bus: what is left is Python and its environments, proven on the CPU");
  }
  TRY(tell_findings(options, decided));
  TRY(print(report::plan_text(decided.resolution, decided.plan, output_style(options))));
  const auto* choice = std::get_if<resolve::Choice>(&decided.resolution);
  if (choice == nullptr) return no_choice(machine);
  if (options.dry_run) return exit_ok;
  const steps::Plan plan = TRY(part_to_do(options, decided));
  if (plan.steps.empty()) {
    // Nothing to change: what was proven when it was made is not run again; `verify` does that.
    if (decided.plan.steps.empty()) say(options, "'bringup verify' proves it again");
    return exit_ok;
  }
  const int performed = TRY(perform(options, doors, machine.user, plan));
  if (performed != exit_ok) return performed;
  if (reboot_needed(machine, *choice)) {
    const Looked now = TRY(look(options, doors, {}));
    if (!now.machine.driver.loaded || !*now.machine.driver.loaded) {
      say(options,
          "the driver is installed and takes over at the next boot: reboot, then 'bringup up' proves the "
          "GPUs");
      return exit_reboot;
    }
  }
  return tell_proof(options, doors, decided.goal, gpus > 0 && !machine.hypothetical);
}

}  // namespace bringup::cli
