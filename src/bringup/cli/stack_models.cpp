// SPDX-License-Identifier: Apache-2.0
// The models that the goal's stacks are to have: which are not here, and their fetching.
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

// Where a stack's model is, or is to come; "" for a stack without one.
std::string directory_of(const goal::Goal& goal, const goal::StackGoal& wanted) {
  if (wanted.model.empty() || wanted.model.starts_with('/')) return wanted.model;
  return fmt::format("{}/models/{}", prefix_of(goal, current_user()),
                     wanted.model.substr(wanted.model.find('/') + 1));
}

bool fetches_into(const apply::Run& run, const std::string& directory) {
  return std::ranges::any_of(run.plan.steps, [&directory](const steps::Step& step) {
    const auto* file = std::get_if<steps::FetchModelFile>(&step.kind);
    return file != nullptr && file->directory == directory;
  });
}

// Weights that are whole say nothing of the tokenizer that comes behind them: the newest run that fetched
// into the directory must have ended, too.
Result<bool> is_whole(const Options& options, const Doors& doors, const std::string& directory) {
  if (!weigh_model(doors.view, directory, {})) return false;
  const auto runs = TRY(apply::history(doors.view, settings_of(options, current_user())));
  const auto run = std::ranges::find_if(runs, [&directory](const apply::Run& one) {
    return one.state != "undone" && fetches_into(one, directory);
  });
  return run == runs.end() || run->state == "done";
}

Result<int> fetch_model(const Options& options, const Doors& doors, const goal::StackGoal& wanted,
                        const std::string& directory, const apply::Arming* arming) {
  Options get = options;
  get.verb = "model";
  get.words = {"get", wanted.model};
  get.to = directory;
  get.only = "safetensors";
  get.json = false;
  return run_model_get(get, doors, arming).within(fmt::format("{}: {}", wanted.where, wanted.model));
}

}  // namespace

std::string prefix_of(const goal::Goal& goal, const facts::User& user) {
  return goal.python_prefix.empty() ? plan::default_prefix(user) : goal.python_prefix;
}

Result<int> fetch_models(const Options& options, const Doors& doors, const goal::Goal& goal,
                         const apply::Arming* arming) {
  for (const goal::StackGoal& wanted : goal.stacks) {
    const catalog::Stack& stack = *TRY(stacks::find_stack(wanted.name, catalog::built_in()));
    const std::string directory = directory_of(goal, wanted);
    if (directory != wanted.model && !TRY(is_whole(options, doors, directory))) {
      const int code = TRY(fetch_model(options, doors, wanted, directory, arming));
      if (code != exit_ok) return code;
    }
    say(options,
        fmt::format("'bringup stack run {} {}{}{}' runs it", stack.name,
                    stack.use == "train" ? "full|lora " : "", directory.empty() ? "--smoke" : directory,
                    directory.empty()      ? ""
                    : stack.use == "train" ? " --data FILE"
                                           : " --prompt TEXT"));
  }
  return exit_ok;
}

void tell_missing_models(const Options& options, const Doors& doors) {
  const auto goal = read_goal(options, doors.view);
  if (!goal) return;
  for (const goal::StackGoal& wanted : goal->stacks) {
    const std::string directory = directory_of(*goal, wanted);
    if (directory == wanted.model) continue;
    const auto whole = is_whole(options, doors, directory);
    if (!whole || !*whole)
      say(options, fmt::format("the goal wants the model {} besides: 'bringup up' fetches it", wanted.model));
  }
}

}  // namespace bringup::cli
