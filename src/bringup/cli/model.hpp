// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the words of the verb model share: a hub that is asked, and the files of a model wherever they are.

#include <bringup/apply/at_boot.hpp>
#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/host/hub.hpp>
#include <bringup/report/model.hpp>
#include <bringup/stacks/model_repo.hpp>
#include <bringup/steps/step.hpp>

#include <functional>
#include <string>
#include <vector>

namespace bringup::cli {

// One repository at one commit, and how it is asked for.
struct HubModel {
  host::Hub hub;
  host::Runner run;
  stacks::RepoName name;
  stacks::Repo repo;
  std::vector<stacks::RepoFile> wanted;  // by --only
  std::string target;                    // --to, or the model's name in this directory
  std::uint64_t free_bytes = 0;          // on the target's disk
};

// HF_ENDPOINT, or the catalog's row.
Result<std::string> usual_hub();
// Asks the hub what is in the repository that the second word names; moves no weights.
Result<HubModel> ask_model(const Options& options, const Doors& doors, const facts::User& user);
// Whether the hub lets this token read the files: a gated repository shows its list to everybody.
Result<> check_gate(const HubModel& model);

// What is told of it.
report::HubSide side_of(const HubModel& model);

// The files of a model, in a directory or on a hub.
struct ModelFiles {
  std::string where;  // in front of a name in errors: "/home/me/model/"
  std::function<Result<std::vector<std::string>>()> names;
  std::function<Result<std::string>(const std::string& name)> read;
  std::function<Result<std::string>(const std::string& name, std::uint64_t offset, std::size_t size)> part;
  std::function<Result<bool>(const std::string& name, std::uint64_t size)> has_bytes;  // at least so many
};
ModelFiles files_in(const host::View& view, const std::string& directory);
ModelFiles files_on(const HubModel& model);

// What a person said: a repository, or a directory.
bool names_repository(const host::View& view, const std::string& word);

// With `arming` a unit goes on at the next boot when it is cut off.
Result<int> run_model_get(const Options& options, const Doors& doors, const apply::Arming* arming = nullptr);

// Files of one model, from wherever their steps say, as a run that can be resumed and taken back.
struct ModelFetch {
  std::string name;  // of the model
  std::string commit;
  std::vector<steps::FetchModelFile> files;
  std::uint64_t free_bytes = 0;  // on the target's disk
  std::string verb = "Fetch";    // in the question
};
ModelFetch fetch_of(const HubModel& model);
steps::Plan plan_of(const ModelFetch& fetch, const facts::User& user, const host::Clock& clock);
// Only what is not there yet is fetched, so that only that is taken back. Errc::refused where other files
// stand.
Result<> leave_to_do(steps::Plan& plan, const host::View& view);
// What is still to come of the plan's files.
std::uint64_t bytes_to_come(const steps::Plan& plan, const host::View& view);
// Does what is left of the plan, after it has said how much that is, and asked.
Result<int> bring(const Options& options, const Doors& doors, const facts::User& user,
                  const ModelFetch& fetch, const steps::Plan& plan, const apply::Arming* arming);

// An option's whole number above 0; Errc::usage for anything else.
Result<std::int64_t> number_of(std::string_view option, const std::string& text);

// The shape of a model in a directory, its parameters and the memory that each use takes; a context of 0 is
// the model's own, at most 8192. Errc::unsupported for what is no directory of a model.
Result<report::ModelPlan> weigh_model(const host::View& view, const std::string& directory,
                                      stacks::MemoryAsk ask);

// The smallest GPU decides; NVML knows the card, the catalog the product. nullopt: none that can be seen.
std::optional<std::uint64_t> smallest_gpu(const facts::Machine& machine);

}  // namespace bringup::cli
