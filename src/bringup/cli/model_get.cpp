// SPDX-License-Identifier: Apache-2.0
// model get: the files of a repository, as steps of a run that can be resumed and taken back.
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

constexpr std::size_t kMostNamed = 8;

steps::Plan plan_of(const HubModel& model, const facts::User& user, const host::Clock& clock) {
  steps::Plan plan{.machine = "",
                   .goal = fmt::format("{}@{}", model.name.repo, model.repo.commit),
                   .made_at = host::iso_time(clock.now()),
                   .user = {.name = user.name, .home = user.home, .uid = user.uid, .gid = user.gid},
                   .steps = {}};
  for (const stacks::RepoFile& file : model.wanted)
    plan.steps.push_back({.id = file.path,
                          .kind = steps::FetchModelFile{.endpoint = model.hub.endpoint,
                                                        .repo = model.repo.id,
                                                        .commit = model.repo.commit,
                                                        .file = file.path,
                                                        .directory = model.target,
                                                        .size = file.size,
                                                        .sha256 = file.sha256,
                                                        .git_sha = file.git_sha},
                          .why = base::human_bytes(file.size),
                          .changes = "a new file",
                          .needs = {},
                          .as_user = true});
  return plan;
}

// Only what is not there yet is fetched, so that only that is taken back.
Result<> leave_to_do(steps::Plan& plan, const host::View& view) {
  const auto open = TRY(apply::pending(plan, view));
  std::erase_if(plan.steps,
                [&open](const steps::Step& step) { return std::ranges::find(open, step.id) == open.end(); });
  std::vector<std::string> others;
  for (const steps::Step& step : plan.steps) {
    if (view.exists(steps::target(step.kind)) && others.size() < kMostNamed) others.push_back(step.id);
  }
  if (others.empty()) return ok;
  return Error(Errc::refused,
               fmt::format("other files than the hub's stand there: {}; move them away, or take "
                           "another directory with --to",
                           base::join(others, ", ")));
}

std::uint64_t left_of(const steps::Plan& plan, const host::View& view) {
  std::uint64_t bytes = 0;
  for (const steps::Step& step : plan.steps)
    bytes += apply::bytes_left(std::get<steps::FetchModelFile>(step.kind), view);
  return bytes;
}

Result<int> fetch(const Options& options, const Doors& doors, const facts::User& user, const HubModel& model,
                  const steps::Plan& plan, const apply::Arming* arming) {
  const std::uint64_t bytes = left_of(plan, doors.view);
  say(options,
      fmt::format("{} of {} files are there; {} are to come", model.wanted.size() - plan.steps.size(),
                  model.wanted.size(), base::human_bytes(bytes)));
  if (bytes > model.free_bytes)
    return Error(Errc::io,
                 fmt::format("{}: {} are needed and {} are free on its disk: make room, or take another "
                             "with --to",
                             model.target, base::human_bytes(bytes), base::human_bytes(model.free_bytes)));
  if (options.dry_run) return exit_ok;
  return perform(options, doors, user, plan,
                 fmt::format("Fetch {} files, {}, into {}?", plan.steps.size(), base::human_bytes(bytes),
                             base::harmless(model.target)),
                 arming);
}

}  // namespace

Result<int> run_model_get(const Options& options, const Doors& doors, const apply::Arming* arming) {
  const facts::User user = current_user();
  const HubModel model = TRY(ask_model(options, doors, user));
  steps::Plan plan = plan_of(model, user, doors.clock);
  TRY(leave_to_do(plan, doors.view));
  const report::HubSide side = side_of(model);
  if (!options.json) TRY(print(report::hub_text(side, output_style(options))));
  int code = exit_ok;
  if (plan.steps.empty())
    say(options, fmt::format("all {} files are there", model.wanted.size()));
  else {
    TRY(check_gate(model));
    code = TRY(fetch(options, doors, user, model, plan, arming));
  }
  if (options.json) TRY(print(report::get_json(side, options.dry_run ? plan.steps.size() : 0)));
  return code;
}

}  // namespace bringup::cli
