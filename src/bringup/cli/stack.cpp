// SPDX-License-Identifier: Apache-2.0
// The verb stack: what there is, install, remove; running one is in stack_run.cpp.
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/cli/stack_work.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

using nlohmann::ordered_json;

// What an environment lacks to be the stack; "" for nothing. One that cannot be looked into is not called
// whole.
std::string told_missing(const host::View& view, const std::string& path, const catalog::Stack& stack) {
  const auto missing = missing_of(view, path, stack);
  return missing ? *missing : "it cannot be looked into: " + missing.error().message();
}

Result<int> list_stacks(const Options& options, const Doors& doors) {
  const goal::Goal goal = TRY(read_goal(options, doors.view));
  const facts::User user = current_user();
  ordered_json list = ordered_json::array();
  std::string text = "Stacks, each in an environment of its own:\n";
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    const std::string path = stack_path(goal, user, stack);
    const bool begun = doors.view.exists(path + "/bin/python");
    const std::string missing = begun ? told_missing(doors.view, path, stack) : "";
    const bool there = begun && missing.empty();
    list.push_back({{"name", stack.name},
                    {"summary", stack.summary},
                    {"installed", there},
                    {"incomplete", missing.empty() ? ordered_json(nullptr) : ordered_json(missing)},
                    {"path", path},
                    {"packages", stack.packages},
                    {"notice", stack.notice.empty() ? ordered_json(nullptr) : ordered_json(stack.notice)}});
    text += fmt::format("\n  {:<12} {}\n", stack.name, begun ? "in " + path : "not installed");
    if (begun && !there)
      text += fmt::format("  {:<12} not whole, {}:\n  {:<12} 'bringup stack install {}' goes on with it\n",
                          "", missing, "", stack.name);
    for (const std::string& line : base::wrap(stack.summary, 64))
      text += fmt::format("  {:<12} {}\n", "", line);
    if (stack.notice.empty()) continue;
    for (const std::string& line : base::wrap("note: " + stack.notice, 64))
      text += fmt::format("  {:<12} {}\n", "", line);
  }
  const ordered_json document = {{"schema", "bringup.stacks/1"}, {"stacks", std::move(list)}};
  TRY(print(options.json ? document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"
                         : text));
  return exit_ok;
}

// The steps that others may come to rest on, and the stack's own; each is a run of its own in the journal.
std::array<steps::Plan, 2> parts_of(const steps::Plan& plan, const catalog::Stack& stack) {
  std::array<steps::Plan, 2> parts{plan, plan};
  for (steps::Plan& part : parts) part.steps.clear();
  for (steps::Step step : plan.steps) {
    steps::Plan& part = parts[of_stack(step, stack) ? 1 : 0];
    std::erase_if(step.needs, [&part](const std::string& need) {
      return std::ranges::find(part.steps, need, &steps::Step::id) == part.steps.end();
    });
    part.steps.push_back(std::move(step));
  }
  return parts;
}

Result<Decided> decide_stack(const Options& options, const Doors& doors, const catalog::Stack& stack) {
  Looked looked = TRY(look(options, doors, {}));
  if (!looked.here && !options.dry_run)
    return Error(Errc::usage,
                 "--for with a machine that is described: nothing can be installed on it; add "
                 "--dry-run for its plan, or name GPUs alone (--for \"2x RTX 4090\")");
  TRY(stacks::check_gpus(stack, looked.machine));
  const goal::Goal goal = TRY(read_goal(options, doors.view));
  const std::string path = stack_path(goal, looked.machine.user, stack);
  std::erase_if(looked.machine.envs, [&path](const facts::PythonEnv& env) { return env.path != path; });
  std::vector<goal::Goal> goals;
  for (const std::string& torch : stack.torches) goals.push_back(stacks::goal_of(goal, stack, torch));
  goals.push_back(stacks::goal_of(goal, stack, ""));
  const bool to_be_done = doors.control != nullptr && !options.dry_run;
  Decided decided = TRY(decide(options, doors, std::move(looked), goals, to_be_done));
  // What compiles is told where nvcc is: the user's PATH is none of a stack's business.
  std::erase_if(decided.plan.steps, [](const steps::Step& step) { return step.id.starts_with("path-"); });
  return decided;
}

// Where no release of torch that was tried serves this machine, another one is taken, and that is said.
void tell_untried(const Options& options, const catalog::Stack& stack, const resolve::Choice& choice) {
  for (const resolve::EnvChoice& env : choice.envs) {
    const auto torch = std::ranges::find(env.packages, "torch", &resolve::WheelChoice::name);
    if (torch != env.packages.end() &&
        std::ranges::find(stack.torches, torch->version) == stack.torches.end())
      say(options,
          fmt::format("note: {} was tried with torch {}, which this machine cannot have; torch {} is "
                      "taken untried",
                      stack.name, base::join(stack.torches, ", "), torch->version));
  }
}

// Whether an extension would be left uncompiled because something below it is root's to install.
Result<> check_left(const steps::Plan& whole, const steps::Plan& part, const catalog::Stack& stack) {
  const std::string id = "extension-" + stacks::env_name(stack);
  const auto has = [&id](const steps::Plan& plan) {
    return std::ranges::find(plan.steps, id, &steps::Step::id) != plan.steps.end();
  };
  if (!has(whole) || has(part)) return ok;
  return Error(Errc::denied, fmt::format("{} compiles an extension, and what that takes (the toolkit, a "
                                         "compiler or Python's headers) is for root to install: run it with "
                                         "sudo, or have it installed; nothing was changed",
                                         stack.name));
}

Result<int> install(const Options& options, const Doors& doors, const catalog::Stack& stack) {
  const Decided decided = TRY(decide_stack(options, doors, stack));
  if (!stack.notice.empty()) say(options, "note: " + stack.notice);
  const Part part = part_to_do(options, decided.plan);
  const steps::Plan& plan = part.plan;
  TRY(print(report::plan_text(decided.resolution, plan, output_style(options))));
  tell_left(options, part);
  const auto* choice = std::get_if<resolve::Choice>(&decided.resolution);
  if (choice == nullptr) return no_choice(decided.looked.machine);
  tell_untried(options, stack, *choice);
  TRY(check_left(decided.plan, plan, stack));
  if (plan.steps.empty())
    say(options,
        decided.plan.steps.empty() ? stack.name + " is installed" : "nothing can be done without root");
  if (plan.steps.empty() || options.dry_run) return exit_ok;
  if (!TRY(agree(options, fmt::format("Do these {} steps?", plan.steps.size())))) {
    say(options, "nothing was changed");
    return Error(Errc::refused, "not agreed");
  }
  Options agreed = options;
  agreed.yes = true;
  const auto parts = parts_of(plan, stack);
  for (const steps::Plan& one : parts) {
    if (one.steps.empty()) continue;
    const int performed = TRY(perform(agreed, doors, decided.looked.machine.user, one, "", nullptr,
                                      &one == &parts.back() ? decided.resolved : nullptr));
    if (performed != exit_ok) return performed;
  }
  say(options, fmt::format("'bringup stack run {} {}--smoke' tries it", stack.name,
                           stack.use == "train" ? "full " : ""));
  return exit_ok;
}

}  // namespace

std::string stack_path(const goal::Goal& goal, const facts::User& user, const catalog::Stack& stack) {
  return fmt::format("{}/envs/{}", prefix_of(goal, user), stacks::env_name(stack));
}

Result<int> run_stack(const Options& options, const Doors& doors) {
  const std::vector<std::string> known{"list", "install", "run", "remove"};
  const std::string word = options.words.empty() ? "list" : options.words[0];
  if (std::ranges::find(known, word) == known.end()) {
    const auto near = base::nearest(word, known);
    return Error(Errc::usage, fmt::format("'stack {}'{}: expected {}", base::harmless(word),
                                          near ? fmt::format(" (did you mean '{}'?)", *near) : "",
                                          base::join(known, ", ")));
  }
  if (word == "list") return list_stacks(options, doors);
  if (options.words.size() < 2)
    return Error(
        Errc::usage,
        fmt::format("'bringup stack {}' needs the name of a stack; 'bringup stack' lists them", word));
  const catalog::Stack& stack = *TRY(stacks::find_stack(options.words[1], catalog::built_in()));
  if (word == "run") return stack_run(options, doors, stack);
  if (options.words.size() > 2)
    return Error(Errc::usage, fmt::format("'bringup stack {} {}' takes no more words", word, stack.name));
  return word == "install" ? install(options, doors, stack) : stack_remove(options, doors, stack);
}

}  // namespace bringup::cli
