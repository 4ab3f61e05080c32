// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace bringup::cli {
namespace {

// What to type next after a run that did not end well. `began`: it is in the journal, so something may be
// done.
std::string way_on(const Error& error, bool began) {
  if (!began) return "nothing was changed";
  if (error.code() == Errc::cancelled)
    return "stopped at your word; 'bringup resume' goes on, 'bringup undo' takes back what was done";
  return "what was done stays; 'bringup resume' tries again from here, 'bringup undo' takes it back";
}

}  // namespace

std::string state_directory_of(const Options& options, const facts::User& user) {
  if (!options.state.empty()) return options.state;
  const char* xdg = std::getenv("XDG_STATE_HOME");
  return apply::default_state_directory(user.root, user.home, xdg == nullptr ? "" : xdg);
}

apply::Settings settings_of(const Options& options, const facts::User& user) {
  const auto hub = usual_hub();
  return {.state_directory = state_directory_of(options, user), .root = user.root, .hub = hub ? *hub : ""};
}

Part part_to_do(const Options& options, const steps::Plan& plan) {
  if (!options.user_only) return {.plan = plan, .left = {}};
  Part part{.plan = plan, .left = {}};
  part.plan.steps.clear();
  for (const steps::Step& step : plan.steps) {
    const bool waits = std::ranges::any_of(step.needs, [&part](const std::string& need) {
      return std::ranges::find(part.left, need, &steps::Step::id) != part.left.end();
    });
    (step.as_user && !waits ? part.plan.steps : part.left).push_back(step);
  }
  return part;
}

void tell_left(const Options& options, const Part& part) {
  if (part.left.empty()) return;
  say(options, "left for root, who does it with 'bringup up':");
  for (const steps::Step& step : part.left)
    say(options, fmt::format("  {:<17} {}", step.id, base::harmless(base::fit(step.why, 60))));
}

std::string run_line(const apply::Run& run) {
  std::string line =
      fmt::format("{}  {}  {} of {} steps", run.id, run.state, run.done.size(), run.plan.steps.size());
  if (!run.failed_step.empty())
    line += fmt::format("; {} {}: {}", run.failed_step, run.state == "undone" ? "was kept" : "failed",
                        base::harmless(run.message));
  return line;
}

Result<int> perform(const Options& options, const Doors& doors, const facts::User& user,
                    const steps::Plan& plan, const std::string& question, const apply::Arming* arming,
                    const std::shared_ptr<apply::ResolvedAhead>& resolved) {
  apply::Settings settings = settings_of(options, user);
  settings.resolved = resolved;
  const bool needs_root =
      std::ranges::any_of(plan.steps, [](const steps::Step& step) { return !step.as_user; });
  if (needs_root && !user.root)
    return Error(Errc::denied,
                 "some steps need root: run the same with sudo, or do your own part with --user-only");
  const std::string usual = fmt::format("Do these {} steps?", plan.steps.size());
  if (!TRY(agree(options, question.empty() ? usual : question))) {
    say(options, "nothing was changed");
    return Error(Errc::refused, "not agreed");
  }
  const auto observer = make_observer(options);
  const auto run = apply::apply(plan, *doors.control, doors.clock, settings, *observer, arming);
  if (resolved) resolved->stop();
  if (!run) {
    const auto runs = apply::history(doors.view, settings);
    const bool began = runs && !runs->empty() && runs->front().plan.made_at == plan.made_at;
    say(options, way_on(run.error(), began));
    // Somebody is here and was told: nothing goes on behind his back. At a boot nobody is, and the next one
    // tries.
    const auto gone = arming == nullptr || options.at_boot ? ok : apply::disarm(*doors.control, settings);
    if (!gone && run.error().code() != Errc::busy)
      return Error(run.error().code(), run.error().message() + "; and " + gone.error().message());
    return run.error();
  }
  say(options, run_line(*run));
  return exit_ok;
}

}  // namespace bringup::cli
