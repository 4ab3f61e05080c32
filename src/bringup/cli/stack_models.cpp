// SPDX-License-Identifier: Apache-2.0
// The models that the goal's stacks are to have: which are not here, and their fetching.
#include <bringup/base/text.hpp>
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
#include <map>

namespace bringup::cli {
namespace {

std::string below_prefix(const goal::Goal& goal, const facts::User& user, const std::string& repo) {
  return fmt::format("{}/models/{}", prefix_of(goal, user), repo.substr(repo.find('/') + 1));
}

// Where a stack's model is, or is to come; "" for a stack without one.
std::string directory_of(const goal::Goal& goal, const facts::User& user, const goal::StackGoal& wanted) {
  if (wanted.model.empty() || wanted.model.starts_with('/')) return wanted.model;
  return below_prefix(goal, user, wanted.model);
}

bool fetches_into(const apply::Run& run, const std::string& directory) {
  return std::ranges::any_of(run.plan.steps, [&directory](const steps::Step& step) {
    const auto* file = std::get_if<steps::FetchModelFile>(&step.kind);
    return file != nullptr && file->directory == directory;
  });
}

// Weights that are whole say nothing of the tokenizer that comes behind them: the newest run that fetched
// into the directory must have ended, too. The layout that has no safetensors cannot be weighed.
Result<bool> is_whole(const Options& options, const Doors& doors, const goal::ModelGoal& wanted) {
  const std::string& directory = wanted.directory;
  const bool original = wanted.layout == "original";
  if (original ? !doors.view.exists(directory) : !weigh_model(doors.view, directory, {})) return false;
  const auto runs = TRY(apply::history(doors.view, settings_of(options, current_user())));
  const auto run = std::ranges::find_if(runs, [&directory](const apply::Run& one) {
    return one.state != "undone" && fetches_into(one, directory);
  });
  return run == runs.end() ? !original : run->state == "done";
}

Result<int> fetch_model(const Options& options, const Doors& doors, const goal::ModelGoal& wanted,
                        const apply::Arming* arming) {
  if (!options.bundle.empty()) return model_from_bundle(options, doors, wanted, arming);
  Options get = options;
  get.verb = "model";
  get.words = {"get", wanted.name};
  get.to = wanted.directory;
  get.only = wanted.layout;
  get.json = false;
  return run_model_get(get, doors, arming).within(fmt::format("{}: {}", wanted.where, wanted.name));
}

// What is to come of one model, and the disk that it comes to.
struct ToCome {
  std::string name;
  std::uint64_t bytes = 0;
  std::string token_from;
  std::string directory;
};

// What the hub says of it; nothing is to come where all files are here.
Result<ToCome> ask_for(const Options& options, const Doors& doors, const goal::ModelGoal& wanted) {
  Options get = options;
  get.words = {"get", wanted.name};
  get.to = wanted.directory;
  get.only = wanted.layout;
  const facts::User user = current_user();
  const HubModel model = TRY(ask_model(get, doors, user));
  steps::Plan plan = plan_of(fetch_of(model), user, doors.clock);
  TRY(leave_to_do(plan, doors.view));
  if (!plan.steps.empty()) TRY(check_gate(model));
  return ToCome{.name = wanted.name,
                .bytes = bytes_to_come(plan, doors.view),
                .token_from = model.hub.token ? model.hub.token->from : "",
                .directory = model.target};
}

// Several models may go to one disk.
Result<> check_room(const Options& options, const Doors& doors, const std::vector<ToCome>& all) {
  std::map<std::uint64_t, std::uint64_t> on_disk;  // by its whole size
  for (const ToCome& one : all) {
    if (one.bytes == 0) continue;
    const host::DiskSpace disk = TRY(doors.view.space(one.directory));
    std::uint64_t& sum = on_disk[disk.total_bytes];
    sum += one.bytes;
    say(options, fmt::format("{}: {} to come, {} free on the disk of {}{}", one.name,
                             base::human_bytes(one.bytes), base::human_bytes(disk.free_bytes), one.directory,
                             one.token_from.empty() ? "" : "; the hub takes the token of " + one.token_from));
    if (sum > disk.free_bytes)
      return Error(Errc::io,
                   fmt::format("{}: {} are needed for the goal's models and {} are free on its disk: "
                               "make room, or name another place with [python] prefix or a "
                               "[[model]]'s directory",
                               one.directory, base::human_bytes(sum), base::human_bytes(disk.free_bytes)));
  }
  return ok;
}

// A stack's layout of a model that comes whole anyway.
bool covers(const goal::ModelGoal& one, const goal::ModelGoal& other) {
  return one.name == other.name && one.directory == other.directory &&
         (one.layout.empty() || one.layout == other.layout);
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

std::vector<goal::ModelGoal> wanted_models(const goal::Goal& goal, const facts::User& user) {
  std::vector<goal::ModelGoal> out;
  const auto want = [&out](goal::ModelGoal wanted) {
    const auto covered = [&wanted](const goal::ModelGoal& one) { return covers(one, wanted); };
    if (!std::ranges::any_of(out, covered)) out.push_back(std::move(wanted));
  };
  for (goal::ModelGoal model : goal.models) {
    if (model.directory.empty()) model.directory = below_prefix(goal, user, model.name);
    want(std::move(model));
  }
  for (const goal::StackGoal& stack : goal.stacks) {
    const std::string directory = directory_of(goal, user, stack);
    if (directory != stack.model)
      want({.name = stack.model, .layout = "safetensors", .directory = directory, .where = stack.where});
  }
  return out;
}

Result<std::vector<goal::ModelGoal>> missing_models(const Options& options, const Doors& doors,
                                                    const goal::Goal& goal) {
  std::vector<goal::ModelGoal> missing;
  for (const goal::ModelGoal& wanted : wanted_models(goal, current_user())) {
    if (!TRY(is_whole(options, doors, wanted))) missing.push_back(wanted);
  }
  return missing;
}

Result<int> fetch_models(const Options& options, const Doors& doors, const goal::Goal& goal,
                         const apply::Arming* arming) {
  for (const goal::ModelGoal& wanted : TRY(missing_models(options, doors, goal))) {
    const int code = TRY(fetch_model(options, doors, wanted, arming));
    if (code != exit_ok) return code;
  }
  for (const goal::StackGoal& wanted : goal.stacks)
    tell_how_to_run(options, *TRY(stacks::find_stack(wanted.name, catalog::built_in())),
                    directory_of(goal, current_user(), wanted));
  return exit_ok;
}

Result<> ask_for_models(const Options& options, const Doors& doors,
                        const std::vector<goal::ModelGoal>& models) {
  if (!options.bundle.empty()) return ok;
  std::vector<ToCome> all;
  for (const goal::ModelGoal& wanted : models) {
    auto one = ask_for(options, doors, wanted).within(wanted.where);
    if (one) {
      all.push_back(std::move(*one));
      continue;
    }
    if (one.error().code() != Errc::unreachable) return one.error();
    say(options,
        fmt::format("note: {}; the hub is asked again when all else is there", one.error().message()));
  }
  return check_room(options, doors, all);
}

bool needs_curl(const Doors& doors, const Decided& decided) {
  const bool chosen = std::holds_alternative<resolve::Choice>(decided.resolution);
  return chosen && decided.looked.here && !decided.models.empty() && !doors.view.exists("/usr/bin/curl");
}

void tell_missing_models(const Options& options, const Doors& doors) {
  const auto goal = read_goal(options, doors.view);
  if (!goal) return;
  const auto missing = missing_models(options, doors, *goal);
  for (const goal::ModelGoal& wanted : missing ? *missing : wanted_models(*goal, current_user()))
    say(options, fmt::format("the goal wants the model {} besides: 'bringup up' fetches it", wanted.name));
}

}  // namespace bringup::cli
