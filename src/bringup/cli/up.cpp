// SPDX-License-Identifier: Apache-2.0
// The whole line: look, judge, choose, plan, ask, change, prove, tell.
#include <bringup/base/text.hpp>
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/kept.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/plan/hub.hpp>
#include <bringup/resolve/present.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

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

// A driver that is installed and is not the one that runs takes over at the next boot.
bool awaits_driver(const Options& options, const facts::Machine& machine, const resolve::Choice& choice) {
  if (machine.hypothetical || gpus_of(machine) == 0 || choice.driver.action == resolve::Action::none)
    return false;
  if (options.user_only || (machine.container && machine.container->has_value())) return false;
  return !driver_runs(machine);
}

// The driver is there and another boot makes it the one that runs.
Result<int> tell_reboot(const Options& options, const Doors& doors, const goal::Goal& goal) {
  tell_next_boot(options, doors);
  const bool asked =
      goal.reboot == "ask" && !options.yes && can_ask(options) && TRY(agree(options, "Reboot now?"));
  const bool somebody = asked || code_at_the_console(options, doors).empty();
  if (goal.reboot == "auto" && !somebody)
    say(options, "it is not rebooted by itself, because somebody has to be at its console then");
  if (asked || (goal.reboot == "auto" && somebody)) TRY(restart(doors));
  return exit_reboot;
}

Result<int> fetch_its_models(const Options& options, const Doors& doors, const Decided& decided) {
  if (decided.goal.stacks.empty() && decided.goal.models.empty()) return exit_ok;
  const auto arming = TRY(arming_for(options, doors, decided, false));
  return fetch_models(options, doors, decided.goal, arming ? &*arming : nullptr);
}

// What the hub would refuse at the end is refused at the beginning, where something is here to ask it.
Result<> ask_before(const Options& options, const Doors& doors, const Decided& decided,
                    const steps::Plan& plan) {
  if (!plan::around_the_hub(plan).before.steps.empty()) return ok;
  auto told = ask_for_models(options, doors, decided.models);
  if (!told) say(options, "nothing was changed");
  return told;
}

// Where nothing is here that asks a hub, what brings it is a run of its own, and the hub is asked between the
// two: before the driver and gigabytes of wheels.
Result<int> perform_around_the_hub(const Options& options, const Doors& doors, const Decided& decided,
                                   const steps::Plan& plan, const apply::Arming* arming) {
  const auto [before, after] = plan::around_the_hub(plan);
  if (before.steps.empty())
    return perform(options, doors, current_user(), plan, "", arming, decided.resolved);
  const int brought = TRY(
      perform(options, doors, current_user(), before, fmt::format("Do these {} steps?", plan.steps.size())));
  if (brought != exit_ok) return brought;
  if (auto told = ask_for_models(options, doors, decided.models); !told) {
    say(options, "what asks the hub (curl) is here now; 'bringup undo' takes it back");
    return told.error();
  }
  Options agreed = options;
  agreed.yes = true;
  return after.steps.empty() ? exit_ok
                             : perform(agreed, doors, current_user(), after, "", arming, decided.resolved);
}

}  // namespace

Result<int> run_up(const Options& options, const Doors& doors) {
  TRY(keepable(options));
  return carry_out(options, doors, TRY(decide(options, doors)));
}

Result<int> carry_out(const Options& options, const Doors& doors, const Decided& decided) {
  const facts::Machine& machine = decided.looked.machine;
  const std::size_t gpus = gpus_of(machine);
  if (gpus == 0) {
    if (options.require_gpu)
      return Error(Errc::failed, "no NVIDIA GPU on the PCI bus, and --require-gpu asks for one");
    say(options, resolve::in_wsl(machine)
                     ? "WSL shows its GPUs not on the PCI bus: environments are proven on the CPU alone"
                     : "no NVIDIA GPU on the PCI bus: what is left is Python and its environments, proven on "
                       "the CPU");
  }
  TRY(tell_findings(options, decided));
  const Part part = part_to_do(options, decided.plan);
  const steps::Plan& plan = part.plan;
  TRY(print(report::plan_text(decided.resolution, plan, output_style(options), decided.models)));
  tell_left(options, part);
  const auto* choice = std::get_if<resolve::Choice>(&decided.resolution);
  if (choice == nullptr) return no_choice(machine);
  if (options.dry_run) return exit_ok;
  TRY(ask_before(options, doors, decided, plan));
  if (plan.steps.empty()) {
    // Nothing to change: what was proven when it was made is not run again; `verify` does that.
    if (decided.plan.steps.empty()) TRY(keep_locks(options, doors, decided));
    if (decided.plan.steps.empty()) say(options, "'bringup verify' proves it again");
    return decided.plan.steps.empty() ? fetch_its_models(options, doors, decided) : exit_ok;
  }
  const bool waits = awaits_driver(options, machine, *choice);
  const auto arming = TRY(arming_for(options, doors, decided, waits));
  const int performed =
      TRY(perform_around_the_hub(options, doors, decided, plan, arming ? &*arming : nullptr));
  if (performed != exit_ok) return performed;
  TRY(keep_locks(options, doors, decided));
  if (waits && !driver_runs(TRY(look(options, doors, {})).machine))
    return tell_reboot(options, doors, decided.goal);
  if (waits) TRY(apply::disarm(*doors.control, settings_of(options, current_user())));
  const int proven = TRY(tell_proof(options, doors, decided.goal, gpus > 0 && !machine.hypothetical));
  const int fetched = TRY(fetch_its_models(options, doors, decided));
  return fetched == exit_ok ? proven : fetched;
}

}  // namespace bringup::cli
