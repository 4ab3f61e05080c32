// SPDX-License-Identifier: Apache-2.0
// Going on after a reboot, and the proof that a run ends with.
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/kept.hpp>
#include <bringup/cli/live.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/host/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

// What a plan is agreed for: another kernel, or other GPUs, want another one. GPUs that are not here yet say
// nothing about the next boot.
std::string machine_words(const facts::Machine& machine) {
  std::string words = "kernel " + machine.kernel.running;
  if (machine.hypothetical) return words + ", prepared for GPUs that are not here yet";
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind == facts::PciKind::gpu)
      words += fmt::format(", GPU {:04x} at {}", function.device_id, function.address);
  }
  return words;
}

// Compared in the form in which it was noted.
bool same_machine(const std::string& noted, facts::Machine now) {
  now.hypothetical = noted.ends_with("not here yet");
  return machine_words(now) == noted;
}

// Finishes what was interrupted. An error keeps the unit while there are boots left.
Result<> go_on(const Options& options, const Doors& doors, const apply::Settings& settings,
               const apply::AtBoot& what, const facts::Machine& machine) {
  if (!same_machine(what.machine, machine)) {
    TRY(apply::disarm(*doors.control, settings));
    return Error(
        Errc::stale,
        fmt::format("the run was agreed for {}; this is {}. It is not gone on with: 'bringup up' looks "
                    "at the machine anew, 'bringup undo' takes back what was done",
                    what.machine, machine_words(machine)));
  }
  const auto observer = make_observer(options);
  const auto run = apply::resume(*doors.control, doors.clock, settings, *observer);
  if (run) {
    say(options, run_line(*run));
    return keep_locks(options, doors, *run);
  }
  const std::size_t boot = what.boots.size() - 1;
  if (boot < apply::kMostBoots) {
    say(options, fmt::format("boot {} of at most {}: the next one tries again; 'bringup resume' does so now",
                             boot, apply::kMostBoots));
    return run.error();
  }
  TRY(apply::disarm(*doors.control, settings));
  say(options, fmt::format("{} boots tried and none ended it: nothing goes on by itself any more; 'bringup "
                           "resume' tries again, 'bringup undo' takes back what was done",
                           apply::kMostBoots));
  return run.error();
}

// The newest run, when it is the one that the unit is there for.
Result<std::optional<apply::Run>> run_of(const Doors& doors, const apply::Settings& settings,
                                         const apply::AtBoot& what) {
  auto runs = TRY(apply::history(doors.view, settings));
  if (runs.empty() || runs.front().id != what.run || runs.front().state == "undone")
    return std::optional<apply::Run>();
  return std::optional(std::move(runs.front()));
}

// What the goal wants besides the run: its models, each gone on with at the next boot when it is cut off.
Result<int> fetch_at_boot(const Options& options, const Doors& doors, const apply::AtBoot& what,
                          const goal::Goal& goal) {
  if (goal.stacks.empty() && goal.models.empty()) return exit_ok;
  apply::Arming arming{.what = what, .program = TRY(doors.view.read("/proc/self/exe"))};
  arming.what.awaits_driver = false;
  arming.uid = current_user().uid;
  auto fetched = fetch_models(options, doors, goal, &arming);
  if (fetched || what.boots.size() > apply::kMostBoots) return fetched;
  const apply::Settings settings = settings_of(options, current_user());
  if (!TRY(apply::armed(doors.view, settings))) {  // the run that ended well took it away
    const host::Lock held = TRY(host::Lock::take(settings.state_directory + "/lock"));
    TRY(apply::arm(*doors.control, settings, std::move(arming)));
  }
  return Error(fetched.error().code(),
               fetched.error().message() + "; the next boot tries again, 'bringup up' does so now");
}

// The proof that was waited for, and the models. Whatever the proof says, nothing waits for a boot any more;
// a model that does not come is tried again while there are boots left.
Result<int> prove_at_last(const Options& options, const Doors& doors, const apply::AtBoot& what,
                          const facts::Machine& machine) {
  const goal::Goal goal =
      what.goal.empty() ? goal::Goal{} : TRY(goal::parse_goal(what.goal, "the goal of that run"));
  auto proven = tell_proof(options, doors, goal, gpus_of(machine) > 0);
  const apply::Settings settings = settings_of(options, current_user());
  auto fetched = proven ? fetch_at_boot(options, doors, what, goal) : proven;
  if (proven && !fetched && what.boots.size() <= apply::kMostBoots) return fetched;
  TRY(apply::disarm(*doors.control, settings));
  // Confirmed or not, shim has forgotten the request.
  TRY(apply::forget_key_code(*doors.control, settings));
  return fetched && *fetched == exit_ok ? proven : fetched;
}

}  // namespace

std::size_t gpus_of(const facts::Machine& machine) {
  return static_cast<std::size_t>(
      std::ranges::count(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind));
}

bool driver_runs(const facts::Machine& machine) {
  return machine.driver.loaded && machine.driver.loaded->has_value();
}

Result<std::optional<apply::Arming>> arming_for(const Options& options, const Doors& doors,
                                                const Decided& decided, bool awaits_driver) {
  const apply::Settings settings = settings_of(options, current_user());
  if (decided.goal.reboot == "never" || options.user_only || !apply::can_arm(doors.view, settings))
    return std::optional<apply::Arming>();
  const auto file = TRY(goal_file(options, doors.view));
  apply::Arming arming;
  arming.what.goal = file ? file->text : "";
  arming.what.machine = machine_words(decided.looked.machine);
  arming.what.reboots = decided.goal.reboot == "auto";
  arming.what.awaits_driver = awaits_driver;
  auto program = doors.view.read("/proc/self/exe");
  if (!program) {
    say(options, "after a power cut it would not go on by itself: " + program.error().message());
    return std::optional<apply::Arming>();
  }
  arming.program = std::move(*program);
  return std::optional(std::move(arming));
}

Result<bool> waits_for_boot(const Options& options, const Doors& doors) {
  const auto what = TRY(apply::armed(doors.view, settings_of(options, current_user())));
  return what && what->awaits_driver && !driver_runs(TRY(look(options, doors, {})).machine);
}

std::string code_at_the_console(const Options& options, const Doors& doors) {
  const std::string path = apply::key_code_path(state_directory_of(options, current_user()));
  const std::string code(base::trim(doors.view.read(path).value_or("")));
  if (code.empty()) return "";
  // A request that was answered, or let pass, leaves the file behind where no unit takes it away.
  const auto looked = look(options, doors, {});
  const bool asked = looked && looked->machine.boot.signing_key && *looked->machine.boot.signing_key &&
                     (*looked->machine.boot.signing_key)->trust == "requested";
  return asked ? code : "";
}

void tell_next_boot(const Options& options, const Doors& doors) {
  if (const std::string code = code_at_the_console(options, doors); !code.empty())
    say(options,
        fmt::format("Secure Boot: at the next boot a blue screen waits ten seconds for a key. Choose 'Enroll "
                    "MOK', 'Continue', 'Yes', and type {}; without that the driver is not loaded",
                    code));
  const auto what = apply::armed(doors.view, settings_of(options, current_user()));
  say(options, what && *what
                   ? "the driver is installed and takes over at the next boot, which then proves the GPUs by "
                     "itself: 'bringup status' and 'journalctl -u bringup-at-boot' tell how that went"
                   : "the driver is installed and takes over at the next boot: reboot, then 'bringup up' "
                     "proves the GPUs");
}

Result<> restart(const Doors& doors) {
  const host::Outcome outcome = TRY(doors.control->run(
      {.argv = {"systemctl", "reboot"}, .environment = {}, .as = {}, .input = {}, .on_output = {}}));
  if (outcome.success()) return ok;
  return Error(Errc::failed, "systemctl reboot " + host::describe(outcome));
}

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

Result<int> resume_at_boot(const Options& options, const Doors& doors) {
  const apply::Settings settings = settings_of(options, current_user());
  auto what = TRY(apply::armed(doors.view, settings));
  if (!what) {
    say(options, "nothing waits for a boot");
    return exit_ok;
  }
  if (!TRY(apply::count_boot(*doors.control, settings, *what, TRY(apply::boot_id(doors.view))))) {
    TRY(apply::disarm(*doors.control, settings));
    return Error(Errc::failed, fmt::format("{} boots were not enough: nothing goes on by itself any more; "
                                           "'bringup status' tells what is unfinished",
                                           apply::kMostBoots));
  }
  const auto run = TRY(run_of(doors, settings, *what));
  if (!run) {
    say(options, "the run that was to go on had not begun, or was taken back");
    TRY(apply::disarm(*doors.control, settings));
    return exit_ok;
  }
  Looked looked = TRY(look(options, doors, {}));
  const bool finished_now = run->state != "done";
  if (finished_now) {
    TRY(go_on(options, doors, settings, *what, looked.machine));
    looked = TRY(look(options, doors, {}));
  }
  const bool waits = finished_now && what->awaits_driver && !driver_runs(looked.machine);
  if (waits && what->boots.size() <= apply::kMostBoots) {
    tell_next_boot(options, doors);
    if (what->reboots && code_at_the_console(options, doors).empty()) TRY(restart(doors));
    return exit_reboot;
  }
  return prove_at_last(options, doors, *what, looked.machine);
}

}  // namespace bringup::cli
