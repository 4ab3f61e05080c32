// SPDX-License-Identifier: Apache-2.0
// apply, resume, undo, pending: one at a time, under the lock, each from what the journals say.
#include <bringup/apply/at_boot.hpp>
#include <bringup/apply/conductor.hpp>
#include <bringup/host/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace bringup::apply {
namespace {

Result<> check_rights(const steps::Plan& plan, const std::vector<Progress>* only_begun,
                      const Settings& settings) {
  if (settings.root) return ok;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].as_user || (only_begun != nullptr && !(*only_begun)[i].begun)) continue;
    return Error(Errc::denied, fmt::format("step {} needs root; nothing was changed", plan.steps[i].id));
  }
  return ok;
}

// What the journal will give back must be what is done now.
Result<> check_plan(const steps::Plan& plan) {
  const steps::Plan read = TRY(steps::parse_plan(steps::to_json(plan)).within("the plan cannot be used"));
  if (read != plan)
    return Error(Errc::malformed, "the plan cannot be journaled: it holds text that is not UTF-8");
  return ok;
}

// A journal that others could have written would be root's orders from them.
Result<> check_state_directory(const host::View& view, const std::string& path) {
  const host::FileStatus status = TRY(view.status(path));
  if (status.kind != host::FileStatus::Kind::directory)
    return Error(Errc::refused,
                 path + ": expected a directory for bringup's journal; move away what is there");
  if (status.uid != 0 && status.uid != static_cast<int>(::geteuid()))
    return Error(Errc::refused,
                 fmt::format("{}: belongs to user {}, and its journal is not trusted; chown it "
                             "or take another with --state",
                             path, status.uid));
  if ((status.mode & 022U) != 0)
    return Error(Errc::refused,
                 path + ": others may write there, so its journal is not trusted; chmod go-w it");
  return ok;
}

Result<> make_state_directory(host::Control& control, const steps::PlanUser& user, const Settings& settings) {
  const Hands hands{.view = control.view(), .control = &control, .user = user, .say = {}};
  TRY(make_parents(settings.state_directory, hands));
  TRY(control.make_directory(settings.state_directory, 0700, std::nullopt));
  TRY(check_state_directory(control.view(), settings.state_directory));
  return control.make_directory(settings.state_directory + "/runs", 0700, std::nullopt);
}

// What an earlier run began and did not end is taken over with what was there before it; else its half-done
// work would count as what was there. The newest run that touched the same thing decides.
const Log* left_open(const std::vector<Log>& logs, const steps::Step& step, const Progress*& found) {
  for (auto log = logs.rbegin(); log != logs.rend(); ++log) {
    for (std::size_t k = 0; k < log->steps.size(); ++k) {
      const Progress& progress = log->steps[k];
      if (!same_thing(log->run.plan.steps[k], step)) continue;
      found = &progress;
      if (progress.open()) return &*log;
      if (progress.done || progress.was_done || progress.taken_back) return nullptr;
    }
  }
  return nullptr;
}

void take_over(const std::vector<Log>& logs, Log& log, std::vector<Json>& records) {
  for (std::size_t i = 0; i < log.steps.size(); ++i) {
    const Progress* progress = nullptr;
    const Log* earlier = left_open(logs, log.run.plan.steps[i], progress);
    if (earlier == nullptr) continue;
    log.steps[i] = {
        .begun = true, .before = progress->before, .from = earlier->run.id, .order = records.size() + 1};
    records.push_back({{"step", log.run.plan.steps[i].id},
                       {"from", earlier->run.id},
                       {"before", progress->before.value_or(Json::object())}});
  }
}

Result<host::Lock> lock(const Settings& settings) {
  return host::Lock::take(settings.state_directory + "/lock");
}

// A record that was being written when the run died is cut off, so that the next one begins on a line.
Result<> mend(const Log& log, host::Control& control, const Settings& settings) {
  const std::string path = journal_path(settings, log.run.id);
  if (log.damaged)
    return Error(
        Errc::malformed,
        fmt::format("{}: damaged at byte {}: what was done after it is not known. Nothing is changed "
                    "by this journal; keep a copy, and let 'bringup up' look at the machine anew",
                    path, log.whole));
  if (!log.torn) return ok;
  const std::string bytes = TRY(control.view().read(path));
  return control.write(path, std::string_view(bytes).substr(0, log.whole), 0600, std::nullopt);
}

Result<Run> take_back(Log log, host::Control& control, const host::Clock& clock, const Settings& settings,
                      Observer& observer) {
  TRY(check_rights(log.run.plan, &log.steps, settings));
  TRY(mend(log, control, settings));
  log.run.failed_step.clear();
  log.run.message.clear();
  const steps::Plan plan = log.run.plan;
  Conductor conductor(std::move(log), control, clock, settings, observer);
  TRY(conductor.journal().add("undo"));
  // Before the end is noted: after that nobody would come back for them. What stands in the way is told by
  // who asks for it again.
  (void)take_locks_back(control, settings, plan);
  return conductor.backward();
}

bool something_to_take_back(const Log& log) {
  return std::ranges::any_of(log.steps, &Progress::begun);
}

// Also when all was taken back and only its end is not noted.
bool to_be_undone(const Log& log) {
  return log.run.state != "undone" && (log.undoing || something_to_take_back(log));
}

Result<Log> find_to_undo(std::string_view id, std::vector<Log> logs) {
  for (auto log = logs.rbegin(); log != logs.rend(); ++log) {
    const bool wanted = id.empty() ? to_be_undone(*log) : log->run.id == id;
    if (!wanted) continue;
    if (log->run.state == "undone" && !something_to_take_back(*log))
      return Error(Errc::absent, fmt::format("run {} was taken back already", log->run.id));
    return std::move(*log);
  }
  if (id.empty()) return Error(Errc::absent, "no run has anything to take back");
  return Error(Errc::absent, fmt::format("no run is called '{}'; 'bringup history' lists them", id));
}

Result<Log> find_to_resume(std::vector<Log> logs) {
  std::erase_if(logs, [](const Log& log) { return log.run.state == "undone"; });
  if (logs.empty() || (logs.back().run.state == "done" && !logs.back().damaged))
    return Error(Errc::absent, "nothing to go on with: the last run ended well");
  return std::move(logs.back());
}

// The unit that goes on with this run is not wanted any more once the run ended well, unless it is to prove a
// driver.
Result<Run> settle(Result<Run> run, host::Control& control, const Settings& settings) {
  if (!run) return run;
  const auto what = TRY(armed(control.view(), settings));
  if (what && what->run == run->id && !what->awaits_driver) TRY(take_unit_away(control, settings));
  return run;
}

Result<> arm_for(const std::string& id, int uid, const Arming& arming, host::Control& control,
                 const Settings& settings) {
  Arming mine = arming;
  mine.uid = uid;
  mine.what.run = id;
  mine.what.boots = {TRY(boot_id(control.view()))};
  return arm(control, settings, std::move(mine));
}

// Errc::absent instead of a lock file in a directory that is made for nothing.
Result<> check_there(const host::View& view, const Settings& settings, std::string_view what) {
  const auto status = view.status(settings.state_directory);
  if (!status && status.error().code() == Errc::absent)
    return Error(Errc::absent, fmt::format("{}: bringup has done nothing here yet", what));
  return status ? check_state_directory(view, settings.state_directory) : Result<>(status.error());
}

}  // namespace

Result<Run> apply(const steps::Plan& plan, host::Control& control, const host::Clock& clock,
                  const Settings& settings, Observer& observer, const Arming* at_boot) {
  TRY(check_plan(plan));
  if (plan.steps.empty()) return Run{.state = "done", .plan = plan};
  TRY(check_rights(plan, nullptr, settings));
  TRY(make_state_directory(control, plan.user, settings));
  const host::Lock held = TRY(lock(settings));
  const std::vector<Log> logs = TRY(read_logs(control.view(), settings));
  Log log{.run = {.plan = plan}, .steps = std::vector<Progress>(plan.steps.size())};
  log.run.id = new_run_id(clock, TRY(newest_run_id(control.view(), settings)));
  log.run.began_at = host::iso_time(clock.now());
  std::vector<Json> taken_over;
  take_over(logs, log, taken_over);
  TRY(control.make_directory(fmt::format("{}/runs/{}", settings.state_directory, log.run.id), 0700,
                             std::nullopt));
  const Json kept = Json::parse(steps::to_json(without_secrets(plan)));
  const std::string id = log.run.id;
  if (at_boot != nullptr) TRY(arm_for(id, plan.user.uid, *at_boot, control, settings));
  Conductor conductor(std::move(log), control, clock, settings, observer);
  TRY(conductor.journal().add("begin", {{"format", kJournalFormat}, {"id", id}, {"plan", kept}}));
  for (const Json& record : taken_over) TRY(conductor.journal().add("step", record));
  return settle(conductor.forward(), control, settings);
}

Result<Run> resume(host::Control& control, const host::Clock& clock, const Settings& settings,
                   Observer& observer) {
  TRY(check_there(control.view(), settings, "nothing to go on with"));
  const host::Lock held = TRY(lock(settings));
  Log log = TRY(find_to_resume(TRY(read_logs(control.view(), settings))));
  if (log.undoing) return take_back(std::move(log), control, clock, settings, observer);
  TRY(check_rights(log.run.plan, nullptr, settings));
  TRY(mend(log, control, settings));
  log.run.failed_step.clear();
  log.run.message.clear();
  Conductor conductor(std::move(log), control, clock, settings, observer);
  TRY(conductor.journal().add("resume"));
  return settle(conductor.forward(), control, settings);
}

Result<Run> to_resume(const host::View& view, const Settings& settings) {
  TRY(check_there(view, settings, "nothing to go on with"));
  return TRY(find_to_resume(TRY(read_logs(view, settings)))).run;
}

Result<Run> to_undo(std::string_view id, const host::View& view, const Settings& settings) {
  TRY(check_there(view, settings, "nothing to take back"));
  return TRY(find_to_undo(id, TRY(read_logs(view, settings)))).run;
}

Result<Run> undo(std::string_view id, host::Control& control, const host::Clock& clock,
                 const Settings& settings, Observer& observer) {
  TRY(check_there(control.view(), settings, "nothing to take back"));
  const host::Lock held = TRY(lock(settings));
  Log log = TRY(find_to_undo(id, TRY(read_logs(control.view(), settings))));
  TRY(take_unit_away(control, settings));  // what is taken back is not gone on with
  return take_back(std::move(log), control, clock, settings, observer);
}

Result<std::vector<std::string>> pending(const steps::Plan& plan, const host::View& view) {
  std::vector<std::string> ids;
  for (const steps::Step& step : plan.steps) {
    const Hands hands{.view = view, .user = plan.user, .as_user = step.as_user, .say = {}};
    if (!TRY(std::visit([&hands](const auto& kind) { return holds(kind, hands); }, step.kind)
                 .within("step " + step.id)))
      ids.push_back(step.id);
  }
  return ids;
}

}  // namespace bringup::apply
