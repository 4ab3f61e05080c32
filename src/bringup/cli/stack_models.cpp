// SPDX-License-Identifier: Apache-2.0
// The models that the goal's stacks are to have: which are not here, and their fetching.
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/plan/plan.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

std::string below_prefix(const goal::Goal& goal, const std::string& repo) {
  return fmt::format("{}/models/{}", prefix_of(goal, current_user()), repo.substr(repo.find('/') + 1));
}

// Where a stack's model is, or is to come; "" for a stack without one.
std::string directory_of(const goal::Goal& goal, const goal::StackGoal& wanted) {
  if (wanted.model.empty() || wanted.model.starts_with('/')) return wanted.model;
  return below_prefix(goal, wanted.model);
}

bool fetches_into(const apply::Run& run, const std::string& directory) {
  return std::ranges::any_of(run.plan.steps, [&directory](const steps::Step& step) {
    const auto* file = std::get_if<steps::FetchModelFile>(&step.kind);
    return file != nullptr && file->directory == directory;
  });
}

// Weights that are whole say nothing of the tokenizer that comes behind them: the newest run that fetched
// into the directory must have ended, too. The layout that has no safetensors cannot be weighed.
Result<bool> is_whole(const Options& options, const Doors& doors, const WantedModel& wanted) {
  const std::string& directory = wanted.directory;
  const bool original = wanted.layout == "original";
  if (original ? !doors.view.exists(directory) : !weigh_model(doors.view, directory, {})) return false;
  const auto runs = TRY(apply::history(doors.view, settings_of(options, current_user())));
  const auto run = std::ranges::find_if(runs, [&directory](const apply::Run& one) {
    return one.state != "undone" && fetches_into(one, directory);
  });
  return run == runs.end() ? !original : run->state == "done";
}

Result<int> fetch_model(const Options& options, const Doors& doors, const WantedModel& wanted,
                        const apply::Arming* arming) {
  if (!options.bundle.empty()) return model_from_bundle(options, doors, wanted, arming);
  Options get = options;
  get.verb = "model";
  get.words = {"get", wanted.repo};
  get.to = wanted.directory;
  get.only = wanted.layout;
  get.json = false;
  return run_model_get(get, doors, arming).within(fmt::format("{}: {}", wanted.where, wanted.repo));
}

void tell_how_to_run(const Options& options, const catalog::Stack& stack, const std::string& directory) {
  const bool trains = stack.use == "train";
  say(options, fmt::format("'bringup stack run {} {}{}{}' runs it", stack.name, trains ? "full|lora " : "",
                           directory.empty() ? "--smoke" : directory,
                           directory.empty() ? ""
                           : trains          ? " --data FILE"
                                             : " --prompt TEXT"));
}

}  // namespace

std::string prefix_of(const goal::Goal& goal, const facts::User& user) {
  return goal.python_prefix.empty() ? plan::default_prefix(user) : goal.python_prefix;
}

std::vector<WantedModel> wanted_models(const goal::Goal& goal) {
  std::vector<WantedModel> out;
  for (const goal::ModelGoal& model : goal.models)
    out.push_back({.repo = model.name,
                   .layout = model.layout,
                   .directory = model.directory.empty() ? below_prefix(goal, model.name) : model.directory,
                   .where = model.where});
  for (const goal::StackGoal& stack : goal.stacks) {
    const std::string directory = directory_of(goal, stack);
    if (directory != stack.model)
      out.push_back(
          {.repo = stack.model, .layout = "safetensors", .directory = directory, .where = stack.where});
  }
  return out;
}

Result<int> fetch_models(const Options& options, const Doors& doors, const goal::Goal& goal,
                         const apply::Arming* arming) {
  for (const WantedModel& wanted : wanted_models(goal)) {
    if (TRY(is_whole(options, doors, wanted))) continue;
    const int code = TRY(fetch_model(options, doors, wanted, arming));
    if (code != exit_ok) return code;
  }
  for (const goal::StackGoal& wanted : goal.stacks)
    tell_how_to_run(options, *TRY(stacks::find_stack(wanted.name, catalog::built_in())),
                    directory_of(goal, wanted));
  return exit_ok;
}

void tell_missing_models(const Options& options, const Doors& doors) {
  const auto goal = read_goal(options, doors.view);
  if (!goal) return;
  for (const WantedModel& wanted : wanted_models(*goal)) {
    const auto whole = is_whole(options, doors, wanted);
    if (!whole || !*whole)
      say(options, fmt::format("the goal wants the model {} besides: 'bringup up' fetches it", wanted.repo));
  }
}

}  // namespace bringup::cli
