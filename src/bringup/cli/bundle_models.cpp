// SPDX-License-Identifier: Apache-2.0
// The models of a goal: into a bundle, and out of one.
#include <bringup/cli/bundle.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {

Result<std::vector<ModelFetch>> models_for_bundle(const Options& options, const Doors& doors,
                                                  const goal::Goal& goal, const std::string& directory) {
  std::vector<ModelFetch> out;
  for (const goal::ModelGoal& wanted : wanted_models(goal, current_user())) {
    const std::string about = fmt::format("{}: {}", wanted.where, wanted.name);
    Options ask = options;
    ask.words = {"get", wanted.name};
    ask.only = wanted.layout;
    ask.to = fmt::format("{}/models/{}", directory, wanted.name);
    const HubModel model = TRY(ask_model(ask, doors, current_user()).within(about));
    TRY(check_gate(model).within(about));
    ModelFetch fetch = fetch_of(model);
    const auto same = std::ranges::find(out, fetch.name, &ModelFetch::name);
    if (same == out.end()) {
      out.push_back(std::move(fetch));
      continue;
    }
    for (steps::FetchModelFile& file : fetch.files) {
      if (std::ranges::find(same->files, file.file, &steps::FetchModelFile::file) == same->files.end())
        same->files.push_back(std::move(file));
    }
  }
  return out;
}

Result<int> model_from_bundle(const Options& options, const Doors& doors, const goal::ModelGoal& wanted,
                              const apply::Arming* arming) {
  const std::string name = options.bundle + "/" + std::string(apply::kManifest);
  const apply::Bundle bundle = TRY(apply::parse_bundle(TRY(doors.view.read(name)), name));
  const auto model = std::ranges::find(bundle.models, wanted.name, &apply::BundleModel::name);
  if (model == bundle.models.end())
    return Error(Errc::refused,
                 fmt::format("{}: {} is not in the bundle; make it anew with 'bringup bundle create'",
                             wanted.where, wanted.name));
  const facts::User user = current_user();
  ModelFetch fetch{.name = model->name,
                   .commit = model->commit,
                   .files = apply::model_files(bundle, *model, options.bundle, wanted.directory),
                   .free_bytes = TRY(doors.view.space(wanted.directory)).free_bytes,
                   .verb = "Copy"};
  steps::Plan plan = plan_of(fetch, user, doors.clock);
  TRY(leave_to_do(plan, doors.view));
  if (!plan.steps.empty()) return bring(options, doors, user, fetch, plan, arming);
  say(options, fmt::format("{}: all {} files are there", wanted.name, fetch.files.size()));
  return exit_ok;
}

}  // namespace bringup::cli
