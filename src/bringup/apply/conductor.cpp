// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/conductor.hpp>
#include <bringup/apply/lanes.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace bringup::apply {
namespace {

// A file that tells a package manager where packages come from.
bool changes_sources(const steps::Step& step) {
  const std::string path = steps::target(step.kind);
  return path.starts_with("/etc/apt/") || path.starts_with("/etc/yum.repos.d/");
}

double seconds_since(std::chrono::steady_clock::time_point began, const host::Clock& clock) {
  return std::chrono::duration<double>(clock.steady() - began).count();
}

}  // namespace

Hands Conductor::hands_for(const steps::Step& step, bool again) {
  return {.view = control_.view(),
          .control = &control_,
          .user = log_.run.plan.user,
          .as_user = step.as_user,
          .again = again,
          .index_is_fresh = &index_is_fresh_,
          .clock = &clock_,
          .hub = settings_.hub,
          .state = settings_.state_directory,
          .patience = settings_.patience,
          .resolved = settings_.resolved.get(),
          .beside_a_build = std::ranges::any_of(log_.run.plan.steps, builds_a_module, &steps::Step::kind),
          .say = [this, &step](std::string_view line) {
            const std::lock_guard guard(telling_);
            observer_.step_says(step, line);
          }};
}

std::vector<std::string> Conductor::packages_after(std::size_t index) const {
  std::vector<std::string> packages;
  for (std::size_t i = index + 1; i < log_.steps.size(); ++i) {
    const auto* step = std::get_if<steps::InstallPackages>(&log_.run.plan.steps[i].kind);
    if (step != nullptr && step->manager == "apt" && step->sources.empty())
      packages.insert(packages.end(), step->packages.begin(), step->packages.end());
  }
  return packages;
}

Result<> Conductor::perform_and_look(std::size_t index, bool again,
                                     const std::function<void()>& disk_is_free) {
  const steps::Step& step = log_.run.plan.steps[index];
  Hands hands = hands_for(step, again);
  if (log_.steps[index].before) hands.before = &*log_.steps[index].before;
  hands.later = packages_after(index);
  hands.disk_is_free = disk_is_free;
  TRY(std::visit([&hands](const auto& kind) { return perform(kind, hands); }, step.kind));
  if (changes_sources(step)) index_is_fresh_ = false;
  hands.again = false;
  const bool now = TRY(std::visit([&hands](const auto& kind) { return holds(kind, hands); }, step.kind));
  if (now) return ok;
  return Error(Errc::failed, "it ran without an error, and what it was for is still not so");
}

// Intent, change, look, done. True when nothing was needed.
Result<bool> Conductor::do_step(std::size_t index, const std::function<void()>& disk_is_free) {
  const steps::Step& step = log_.run.plan.steps[index];
  Progress& progress = log_.steps[index];
  const bool again = progress.open();
  Hands hands = hands_for(step, again);
  if (progress.before) hands.before = &*progress.before;
  hands.later = packages_after(index);
  const bool now = TRY(std::visit([&hands](const auto& kind) { return holds(kind, hands); }, step.kind));
  if (now && again) {
    TRY(std::visit([&hands](const auto& kind) { return settle(kind, hands); }, step.kind));
    TRY(journal_.add("done", {{"step", step.id}}));
    progress.done = true;
    return false;
  }
  if (now) {
    if (!progress.done && !progress.was_done) TRY(journal_.add("was-done", {{"step", step.id}}));
    progress.was_done = !progress.done;
    return true;
  }
  Json fields = {{"step", step.id}};
  if (!progress.before) {
    progress.before =
        TRY(std::visit([&hands](const auto& kind) { return remember(kind, hands); }, step.kind));
    fields["before"] = *progress.before;
  }
  TRY(journal_.add("step", fields));
  if (!progress.begun) progress.order = ++begun_;
  progress.begun = true;
  progress.done = false;
  progress.was_done = false;
  TRY(perform_and_look(index, again, disk_is_free));
  TRY(journal_.add("done", {{"step", step.id}}));
  progress.done = true;
  return false;
}

Result<> Conductor::tell_and_do(std::size_t index, const std::function<void()>& disk_is_free) {
  const std::vector<steps::Step>& plan = log_.run.plan.steps;
  {
    const std::lock_guard guard(telling_);
    observer_.step_begins(plan[index], index + 1, plan.size());
  }
  const auto began = clock_.steady();
  const auto done = do_step(index, disk_is_free);
  Result<> how = done ? ok : Result<>(done.error());
  const std::lock_guard guard(telling_);
  observer_.step_ends(plan[index], how, seconds_since(began, clock_), done && *done);
  return how;
}

Result<Run> Conductor::forward() {
  auto halt =
      side_by_side(log_.run.plan, [this](std::size_t index, const std::function<void()>& disk_is_free) {
        return tell_and_do(index, disk_is_free);
      });
  if (!halt) return end("done");
  return stop(halt->step ? &log_.run.plan.steps[*halt->step] : nullptr, std::move(halt->why));
}

// What is in an environment that this run made goes with it.
bool Conductor::goes_with_its_env(std::size_t index) const {
  const steps::Kind& kind = log_.run.plan.steps[index].kind;
  const auto* wheels = std::get_if<steps::InstallWheels>(&kind);
  const auto* extension = std::get_if<steps::BuildExtension>(&kind);
  if (wheels == nullptr && extension == nullptr) return false;
  const std::string& path = wheels != nullptr ? wheels->env : extension->env;
  for (std::size_t i = 0; i < index; ++i) {
    const auto* env = std::get_if<steps::CreateEnv>(&log_.run.plan.steps[i].kind);
    if (env != nullptr && env->path == path && log_.steps[i].begun) return true;
  }
  return false;
}

Result<> Conductor::take_back(std::size_t index) {
  const steps::Step& step = log_.run.plan.steps[index];
  Progress& progress = log_.steps[index];
  const Hands hands = hands_for(step, progress.open() || progress.taking_back);
  TRY(journal_.add("taking-back", {{"step", step.id}}));
  progress.taking_back = true;
  const Json before = progress.before.value_or(Json::object());
  if (!goes_with_its_env(index))
    TRY(std::visit([&](const auto& kind) { return undo(kind, before, hands); }, step.kind));
  if (changes_sources(step)) index_is_fresh_ = false;
  TRY(journal_.add("taken-back", {{"step", step.id}}));
  progress = {.taken_back = true, .from = progress.from};
  return ok;
}

// Something stands in the way of one step alone: it stays, it is said, and the rest goes on.
Result<> Conductor::keep(std::size_t index, const Error& why) {
  const std::string& id = log_.run.plan.steps[index].id;
  if (log_.run.failed_step.empty()) log_.run.failed_step = id;
  if (log_.run.failed_step == id) log_.run.message = why.message();
  return journal_.add("kept", {{"step", id}, {"message", without_secrets(why.message())}});
}

// Those that were begun, the last one first: what one step remembers is what those before it had left.
std::vector<std::size_t> Conductor::last_begun_first() const {
  std::vector<std::size_t> all(log_.steps.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::erase_if(all, [this](std::size_t i) { return !log_.steps[i].begun; });
  std::ranges::sort(all, std::greater(), [this](std::size_t i) { return log_.steps[i].order; });
  return all;
}

Result<Run> Conductor::backward() {
  const std::vector<steps::Step>& plan = log_.run.plan.steps;
  const std::vector<std::size_t> order = last_begun_first();
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t i = order[k];
    if (host::interrupted()) return stop(nullptr, {Errc::cancelled, "stopped between two steps"});
    observer_.step_begins(plan[i], k + 1, order.size());
    const auto began = clock_.steady();
    const auto undone = take_back(i);
    observer_.step_ends(plan[i], undone, seconds_since(began, clock_), false);
    if (undone) continue;
    if (undone.error().code() != Errc::refused) return stop(&plan[i], undone.error());
    TRY(keep(i, undone.error()));
  }
  return end("undone");
}

// Ends a run that cannot go on; the error is told by its step.
Error Conductor::stop(const steps::Step* step, Error why) {
  const bool cancelled = why.code() == Errc::cancelled;
  // A journal that could not be written says nothing more: the run reads as interrupted, which it is.
  Result<> noted = ok;
  if (!journal_.broken()) {
    const Json message = {{"message", without_secrets(why.message())}};
    if (step != nullptr && !cancelled) {
      Json fields = {{"step", step->id}};
      fields.update(message);
      noted = journal_.add("failed", fields);
    }
    Json fields = {{"state", cancelled ? "interrupted" : "failed"}};
    fields.update(message);
    if (noted) noted = journal_.add("end", fields);
  }
  if (!noted) return {why.code(), why.message() + "; and " + noted.error().message()};
  return step == nullptr ? std::move(why) : std::move(why).within("step " + step->id);
}

Result<Run> Conductor::end(std::string_view state) {
  TRY(journal_.add("end", {{"state", state}, {"message", without_secrets(log_.run.message)}}));
  log_.run.state = std::string(state);
  log_.run.ended_at = host::iso_time(clock_.now());
  log_.run.done.clear();
  for (std::size_t i = 0; i < log_.steps.size(); ++i) {
    const Progress& step = log_.steps[i];
    if (step.done || (step.was_done && state != "undone")) log_.run.done.push_back(log_.run.plan.steps[i].id);
  }
  return log_.run;
}

}  // namespace bringup::apply
