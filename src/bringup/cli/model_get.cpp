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

}  // namespace

std::uint64_t bytes_to_come(const steps::Plan& plan, const host::View& view) {
  std::uint64_t bytes = 0;
  for (const steps::Step& step : plan.steps)
    bytes += apply::bytes_left(std::get<steps::FetchModelFile>(step.kind), view);
  return bytes;
}

ModelFetch fetch_of(const HubModel& model) {
  ModelFetch fetch{
      .name = model.name.repo, .commit = model.repo.commit, .files = {}, .free_bytes = model.free_bytes};
  for (const stacks::RepoFile& file : model.wanted)
    fetch.files.push_back({.endpoint = model.hub.endpoint,
                           .repo = model.repo.id,
                           .commit = model.repo.commit,
                           .file = file.path,
                           .directory = model.target,
                           .size = file.size,
                           .sha256 = file.sha256,
                           .git_sha = file.git_sha});
  return fetch;
}

steps::Plan plan_of(const ModelFetch& fetch, const facts::User& user, const host::Clock& clock) {
  steps::Plan plan{.machine = "",
                   .goal = fmt::format("{}@{}", fetch.name, fetch.commit),
                   .made_at = host::iso_time(clock.now()),
                   .user = {.name = user.name, .home = user.home, .uid = user.uid, .gid = user.gid},
                   .steps = {}};
  for (const steps::FetchModelFile& file : fetch.files)
    plan.steps.push_back({.id = file.file,
                          .kind = file,
                          .why = base::human_bytes(file.size),
                          .changes = "a new file",
                          .needs = {},
                          .as_user = true});
  return plan;
}

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

Result<int> bring(const Options& options, const Doors& doors, const facts::User& user,
                  const ModelFetch& fetch, const steps::Plan& plan, const apply::Arming* arming) {
  const std::string& target = fetch.files.front().directory;
  const std::uint64_t bytes = bytes_to_come(plan, doors.view);
  say(options, fmt::format("{} of {} files are there; {} are to come", fetch.files.size() - plan.steps.size(),
                           fetch.files.size(), base::human_bytes(bytes)));
  if (bytes > fetch.free_bytes)
    return Error(Errc::io,
                 fmt::format("{}: {} are needed and {} are free on its disk: make room, or take another "
                             "with --to",
                             target, base::human_bytes(bytes), base::human_bytes(fetch.free_bytes)));
  if (options.dry_run) return exit_ok;
  return perform(options, doors, user, plan,
                 fmt::format("{} {} files, {}, into {}?", fetch.verb, plan.steps.size(),
                             base::human_bytes(bytes), base::harmless(target)),
                 arming);
}

Result<int> run_model_get(const Options& options, const Doors& doors, const apply::Arming* arming) {
  const facts::User user = current_user();
  const HubModel model = TRY(ask_model(options, doors, user));
  const ModelFetch files = fetch_of(model);
  steps::Plan plan = plan_of(files, user, doors.clock);
  TRY(leave_to_do(plan, doors.view));
  const report::HubSide side = side_of(model);
  if (!options.json) TRY(print(report::hub_text(side, output_style(options))));
  int code = exit_ok;
  if (plan.steps.empty())
    say(options, fmt::format("all {} files are there", model.wanted.size()));
  else {
    TRY(check_gate(model));
    code = TRY(bring(options, doors, user, files, plan, arming));
  }
  if (options.json) TRY(print(report::get_json(side, options.dry_run ? plan.steps.size() : 0)));
  return code;
}

}  // namespace bringup::cli
