// SPDX-License-Identifier: Apache-2.0
// The verbs that change: apply, resume, undo; and those that read the journal: history, status.
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/plan/plan.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace bringup::cli {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json run_json(const apply::Run& run) {
  ordered_json steps = ordered_json::array();
  for (const steps::Step& step : run.plan.steps) {
    const bool done = std::ranges::find(run.done, step.id) != run.done.end();
    steps.push_back({{"id", step.id},
                     {"kind", steps::kind_name(step.kind)},
                     {"target", steps::target(step.kind)},
                     {"done", done}});
  }
  return {{"id", run.id},
          {"state", run.state},
          {"began_at", run.began_at},
          {"ended_at", run.ended_at.empty() ? ordered_json(nullptr) : ordered_json(run.ended_at)},
          {"failed_step", run.failed_step.empty() ? ordered_json(nullptr) : ordered_json(run.failed_step)},
          {"message", run.message.empty() ? ordered_json(nullptr) : ordered_json(run.message)},
          {"steps", std::move(steps)}};
}

// The newest run whose steps are meant to hold: not an undone one.
const apply::Run* standing(const std::vector<apply::Run>& runs) {
  const auto found = std::ranges::find_if(runs, [](const apply::Run& run) { return run.state != "undone"; });
  return found == runs.end() ? nullptr : &*found;
}

bool is_others(const host::FileStatus& status, const facts::User& user) {
  if (status.uid != 0 && status.uid != user.uid) return true;
  if (status.kind == host::FileStatus::Kind::link) return false;  // its mode means nothing
  const bool by_group = (status.mode & 020U) != 0 && status.gid != 0 && status.gid != user.gid;
  return by_group || (status.mode & 02U) != 0;
}

// A plan is orders for root: one that somebody else wrote, could write, or could lead elsewhere is not
// followed.
Result<> check_plans_owner(const std::string& named, const host::View& view) {
  const facts::User user = current_user();
  std::filesystem::path path = named;
  for (int links = 0; user.root && links < 16; ++links) {
    const auto status = view.status(path.native());
    if (status && is_others(*status, user))
      return Error(Errc::refused,
                   fmt::format("{}: root does not follow a plan that others can write; make it again with "
                               "'bringup plan', or chown and chmod it",
                               path.native()));
    if (!status || status->kind != host::FileStatus::Kind::link) return ok;
    path = path.parent_path() / TRY(view.link(path.native()));
  }
  return ok;
}

Result<steps::Plan> read_plan(const std::string& path, const host::View& view) {
  TRY(check_plans_owner(path, view));
  return TRY(steps::parse_plan(TRY(view.read(path))).within(path));
}

Result<int> end(const Options& options, const Result<apply::Run>& run) {
  if (!run) return run.error();
  say(options, run_line(*run));
  if (run->state == "failed") return exit_failed;
  // Something was kept because somebody changed it since: the rest is taken back, and the user should know.
  return run->failed_step.empty() ? exit_ok : exit_refused;
}

// As a question names it: "20261123T201504Z-1a2b (interrupted, 3 of 8 steps done)".
std::string about(const apply::Run& run) {
  return fmt::format("{} ({}, {} of {} steps done)", run.id, run.state, run.done.size(),
                     run.plan.steps.size());
}

}  // namespace

Result<int> run_history(const Options& options, const Doors& doors) {
  const auto runs = TRY(apply::history(doors.view, settings_of(options, current_user())));
  if (options.json) {
    ordered_json list = ordered_json::array();
    for (const apply::Run& run : runs) list.push_back(run_json(run));
    TRY(print(dump({{"schema", "bringup.history/1"}, {"runs", std::move(list)}})));
    return exit_ok;
  }
  if (runs.empty()) TRY(print("bringup has done nothing on this machine yet\n"));
  for (const apply::Run& run : runs) {
    TRY(print(run_line(run) + "\n"));
    for (const steps::Step& step : run.plan.steps) {
      const bool done = std::ranges::find(run.done, step.id) != run.done.end();
      TRY(print(fmt::format("    {:<5} {:<18} {}\n", done ? "done" : "-", step.id,
                            base::harmless(base::fit(steps::target(step.kind), 52)))));
    }
  }
  return exit_ok;
}

Result<int> run_status(const Options& options, const Doors& doors) {
  const apply::Settings settings = settings_of(options, current_user());
  const auto runs = TRY(apply::history(doors.view, settings));
  const apply::Run* run = standing(runs);
  std::vector<std::string> drifted;
  if (run != nullptr) {
    for (const std::string& id : TRY(apply::pending(run->plan, doors.view))) {
      if (std::ranges::find(run->done, id) != run->done.end()) drifted.push_back(id);
    }
  }
  const bool unfinished = run != nullptr && run->state != "done";
  const auto at_boot = apply::armed(doors.view, settings);
  const bool goes_on = at_boot && *at_boot;
  if (options.json) {
    TRY(print(dump({{"schema", "bringup.status/1"},
                    {"run", run == nullptr ? ordered_json(nullptr) : run_json(*run)},
                    {"unfinished", unfinished},
                    {"goes_on_at_boot", goes_on},
                    {"drifted", drifted}})));
  } else if (run == nullptr) {
    TRY(print("bringup has done nothing on this machine that still stands\n"));
  } else {
    TRY(print(run_line(*run) + "\n"));
    if (unfinished) TRY(print("unfinished: 'bringup resume' goes on, 'bringup undo' takes it back\n"));
    if (goes_on) TRY(print("the next boot goes on by itself and proves what is there\n"));
    for (const std::string& id : drifted)
      TRY(print(
          fmt::format("drifted: {} was done and does not hold any more; 'bringup up' does it again\n", id)));
    if (!unfinished && drifted.empty()) TRY(print("everything that was done still holds\n"));
  }
  return unfinished || !drifted.empty() ? exit_changes : exit_ok;
}

Result<int> run_apply(const Options& options, const Doors& doors) {
  steps::Plan plan;
  const Decided decided = TRY(decide(options, doors));
  if (!options.words.empty()) {
    const std::string& path = options.words[0];
    plan = TRY(read_plan(path, doors.view));
    if (plan.machine != decided.plan.machine && plan.machine != plan::machine_digest(decided.looked.machine))
      return Error(Errc::stale, path +
                                    ": the machine is no longer as it was when this plan was made; make it "
                                    "again with 'bringup plan'");
  } else if (const auto* conflict = std::get_if<resolve::Conflict>(&decided.resolution)) {
    TRY(print(report::plan_text(*conflict, {}, output_style(options))));
    return no_choice(decided.looked.machine);
  } else {
    plan = decided.plan;
  }
  const Part part = part_to_do(options, plan);
  plan = part.plan;
  if (options.words.empty()) TRY(print(report::plan_text(decided.resolution, plan, output_style(options))));
  tell_left(options, part);
  if (options.dry_run) return exit_ok;
  if (plan.steps.empty()) {
    tell_missing_models(options, doors);
    return exit_ok;
  }
  const auto arming = TRY(arming_for(options, doors, decided, false));
  const int code =
      TRY(perform(options, doors, current_user(), plan, "", arming ? &*arming : nullptr, decided.resolved));
  if (code != exit_ok) return code;
  TRY(keep_locks(options, doors, decided));
  tell_missing_models(options, doors);
  return code;
}

Result<int> run_resume(const Options& options, const Doors& doors) {
  if (options.at_boot) return resume_at_boot(options, doors);
  const apply::Settings settings = settings_of(options, current_user());
  const apply::Run found = TRY(apply::to_resume(doors.view, settings));
  if (!TRY(agree(options, fmt::format("Go on with run {}?", about(found)))))
    return Error(Errc::refused, "not agreed");
  const auto observer = make_observer(options);
  const auto run = apply::resume(*doors.control, doors.clock, settings, *observer);
  if (run) TRY(keep_locks(options, doors, *run));
  if (run && TRY(waits_for_boot(options, doors))) {
    say(options, run_line(*run));
    tell_next_boot(options, doors);
    return exit_reboot;
  }
  // Somebody is here and sees how it ended: nothing goes on behind his back.
  if (run || run.error().code() != Errc::busy) TRY(apply::disarm(*doors.control, settings));
  if (run && run->state == "done") tell_missing_models(options, doors);
  return end(options, run);
}

Result<int> run_undo(const Options& options, const Doors& doors) {
  const facts::User user = current_user();
  const std::string id = options.words.empty() ? "" : options.words[0];
  const apply::Settings settings = settings_of(options, user);
  const apply::Run found = TRY(apply::to_undo(id, doors.view, settings));
  if (!TRY(agree(options, fmt::format("Take back run {}?", about(found)))))
    return Error(Errc::refused, "not agreed");
  const auto observer = make_observer(options, true);
  const auto undone = apply::undo(found.id, *doors.control, doors.clock, settings, *observer);
  const auto unlocked = undone ? apply::take_locks_back(*doors.control, settings, undone->plan) : ok;
  const int code = TRY(end(options, undone));
  if (!unlocked) return Error(unlocked.error()).within("the lock beside the goal");
  return code;
}

}  // namespace bringup::cli
