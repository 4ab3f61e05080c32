// SPDX-License-Identifier: Apache-2.0
// stack remove: which runs made the stack, what a user put beside their work, and taking them back.
#include <bringup/apply/python_env.hpp>
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/steps/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

constexpr std::size_t kMostNamed = 8;

using Runs = std::vector<const apply::Run*>;

bool makes_env(const apply::Run& run, const catalog::Stack& stack) {
  return std::ranges::find(run.plan.steps, "env-" + stacks::env_name(stack), &steps::Step::id) !=
         run.plan.steps.end();
}

bool of_stack_alone(const apply::Run& run, const catalog::Stack& stack) {
  return std::ranges::all_of(run.plan.steps,
                             [&stack](const steps::Step& step) { return of_stack(step, stack); });
}

// The runs that stand and have a part in the stack, the newest first, down to the one that made its
// environment, and what was begun before that and never ended: an install that was killed and begun again is
// several. Empty when none made the environment.
Runs runs_of(const std::vector<apply::Run>& runs, const catalog::Stack& stack) {
  Runs found;
  bool whole = false;
  for (const apply::Run& run : runs) {
    const bool has_part = std::ranges::any_of(
        run.plan.steps, [&stack](const steps::Step& step) { return of_stack(step, stack); });
    if (run.state == "undone" || !has_part) continue;
    if (whole && (run.state == "done" || !of_stack_alone(run, stack))) break;
    found.push_back(&run);
    whole = whole || makes_env(run, stack);
  }
  return whole ? found : Runs();
}

Result<> check_alone(const Runs& runs, const catalog::Stack& stack) {
  for (const apply::Run* run : runs) {
    const auto other = std::ranges::find_if(
        run->plan.steps, [&stack](const steps::Step& step) { return !of_stack(step, stack); });
    if (other != run->plan.steps.end())
      return Error(Errc::refused, fmt::format("run {} made more than this stack ({}); 'bringup undo {}' "
                                              "takes all of it back",
                                              run->id, other->id, run->id));
  }
  return ok;
}

std::string named(std::vector<std::string> names) {
  const std::size_t all = names.size();
  if (all > kMostNamed) names.resize(kMostNamed);
  return base::harmless(base::join(names, ", ")) +
         (all > kMostNamed ? fmt::format(" and {} more", all - kMostNamed) : "");
}

// What neither an environment nor its packages consist of: somebody's own work.
Result<> check_strangers(const host::View& view, const std::string& path) {
  constexpr std::array kOwn{"bin",
                            "lib",
                            "lib64",
                            "include",
                            "share",
                            "etc",
                            "man",
                            "pyvenv.cfg",
                            ".lock",
                            ".gitignore",
                            "CACHEDIR.TAG",
                            "sbin",
                            "ssl",
                            "var",
                            "pylock.toml",
                            "conda-meta",
                            "x86_64-conda-linux-gnu",
                            "compiler_compat",
                            ".bringup-extensions"};
  auto names = view.list(path);
  if (!names && names.error().code() == Errc::absent) return ok;
  std::vector<std::string> strangers;
  for (std::string& name : TRY(std::move(names))) {
    if (std::ranges::find(kOwn, name) == kOwn.end()) strangers.push_back(std::move(name));
  }
  if (strangers.empty()) return ok;
  return Error(Errc::refused,
               fmt::format("{} holds what bringup did not put there: {}; move it away, then remove the stack",
                           path, named(std::move(strangers))));
}

// They can be installed again, so they are named and go.
void tell_added_packages(const Options& options, const host::View& view, const std::string& path) {
  const std::string file = path + "/pylock.toml";
  const auto text = view.read(file);
  const auto lock = text ? steps::parse_lock(*text, file) : Result<steps::Lock>(text.error());
  const auto packages = apply::packages_in(path, view);
  if (!lock || !packages) return;
  std::vector<std::string> added;
  for (const auto& [name, version] : *packages) {
    if (steps::find_package(*lock, name) == nullptr) added.push_back(name);
  }
  if (!added.empty()) say(options, "with it go the packages that were added to it: " + named(added));
}

Error none_of(const host::View& view, const std::string& path, const catalog::Stack& stack) {
  if (view.exists(path + "/bin/python"))
    return {Errc::absent, path +
                              ": no run of bringup in the journal made it, and bringup removes only what it "
                              "made; remove the directory yourself"};
  return {Errc::absent, fmt::format("the stack {} is not installed", stack.name)};
}

}  // namespace

// What is of this stack alone, so that taking it back takes nothing from others.
bool of_stack(const steps::Step& step, const catalog::Stack& stack) {
  const std::string name = stacks::env_name(stack);
  return std::ranges::any_of(std::array{"env-", "wheels-", "packages-", "extension-"},
                             [&](const char* part) { return step.id == part + name; });
}

Result<int> stack_remove(const Options& options, const Doors& doors, const catalog::Stack& stack) {
  const facts::User user = current_user();
  const apply::Settings settings = settings_of(options, user);
  const std::string path = stack_path(TRY(read_goal(options, doors.view)), user, stack);
  const auto all = TRY(apply::history(doors.view, settings));
  const Runs runs = runs_of(all, stack);
  if (runs.empty()) return none_of(doors.view, path, stack);
  TRY(check_alone(runs, stack));
  TRY(check_strangers(doors.view, path));
  tell_added_packages(options, doors.view, path);
  if (options.dry_run) {
    for (const apply::Run* run : runs) TRY(print(fmt::format("would take back run {}\n", run->id)));
    return exit_ok;
  }
  if (!TRY(agree(options, fmt::format("Remove the stack {}?", stack.name))))
    return Error(Errc::refused, "not agreed");
  const auto observer = make_observer(options, true);
  int code = exit_ok;
  for (const apply::Run* run : runs) {
    const apply::Run undone = TRY(apply::undo(run->id, *doors.control, doors.clock, settings, *observer));
    say(options, run_line(undone));
    if (undone.state == "failed") return exit_failed;
    if (!undone.failed_step.empty()) code = exit_refused;
  }
  return code;
}

}  // namespace bringup::cli
