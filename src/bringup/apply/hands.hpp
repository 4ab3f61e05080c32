// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a kind of step is given to work with, and what each kind must be able to do.

#include <bringup/host/clock.hpp>
#include <bringup/host/control.hpp>
#include <bringup/steps/step.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <functional>

namespace bringup::apply {

using Json = nlohmann::ordered_json;

class ResolvedAhead;  // resolved_ahead.hpp

struct Hands {
  const host::View& view;
  host::Control* control = nullptr;  // null while only looking
  const steps::PlanUser& user;
  bool as_user = false;  // of this step
  bool again = false;    // an earlier attempt began and its end is not known: what it left may be half-done
  const Json* before = nullptr;        // what was remembered, for performing
  bool* index_is_fresh = nullptr;      // the package lists were refreshed in this run
  const host::Clock* clock = nullptr;  // null while only looking
  std::string_view hub = {};           // of Settings
  std::string_view state = {};         // the directory, of Settings; "" while only looking
  std::chrono::seconds patience{0};    // of Settings
  std::vector<std::string> later =
      {};  // packages that later steps of the run take by apt from the same sources
  ResolvedAhead* resolved = nullptr;   // what was resolved while the plan was made; may be null
  bool beside_a_build = false;         // a module is built in the same run: what runs beside it gives way
  std::function<void()> disk_is_free;  // to be called when the rest of a change keeps the processors busy and
                                       // the disk no more; may be empty
  std::function<void(std::string_view)> say;

  std::optional<host::Owner> owner() const {
    return as_user ? std::optional(host::Owner{user.uid, user.gid}) : std::nullopt;
  }
  std::optional<host::RunAs> run_as() const {
    return as_user ? std::optional(
                         host::RunAs{.uid = user.uid, .gid = user.gid, .name = user.name, .home = user.home})
                   : std::nullopt;
  }
};

// holds: whether what the step wants is so now. remember: what undo will need, taken before the change.
// perform: the change. undo: takes it back, given what was remembered. A step is verified by asking again
// whether it holds: the two can never disagree.
template <typename S>
concept StepKind = requires(const S& step, const Hands& hands, const Json& before) {
  { holds(step, hands) } -> std::same_as<Result<bool>>;
  { remember(step, hands) } -> std::same_as<Result<Json>>;
  { perform(step, hands) } -> std::same_as<Result<>>;
  { undo(step, before, hands) } -> std::same_as<Result<>>;
};

// kind_files.cpp
Result<bool> holds(const steps::WriteFile& step, const Hands& hands);
Result<Json> remember(const steps::WriteFile& step, const Hands& hands);
Result<> perform(const steps::WriteFile& step, const Hands& hands);
Result<> undo(const steps::WriteFile& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::EditBlock& step, const Hands& hands);
Result<Json> remember(const steps::EditBlock& step, const Hands& hands);
Result<> perform(const steps::EditBlock& step, const Hands& hands);
Result<> undo(const steps::EditBlock& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::FetchFile& step, const Hands& hands);
Result<Json> remember(const steps::FetchFile& step, const Hands& hands);
Result<> perform(const steps::FetchFile& step, const Hands& hands);
Result<> undo(const steps::FetchFile& step, const Json& before, const Hands& hands);
// kind_packages.cpp
Result<bool> holds(const steps::InstallPackages& step, const Hands& hands);
Result<Json> remember(const steps::InstallPackages& step, const Hands& hands);
Result<> perform(const steps::InstallPackages& step, const Hands& hands);
Result<> undo(const steps::InstallPackages& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::HoldPackages& step, const Hands& hands);
Result<Json> remember(const steps::HoldPackages& step, const Hands& hands);
Result<> perform(const steps::HoldPackages& step, const Hands& hands);
Result<> undo(const steps::HoldPackages& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::LoadModule& step, const Hands& hands);
Result<Json> remember(const steps::LoadModule& step, const Hands& hands);
Result<> perform(const steps::LoadModule& step, const Hands& hands);
Result<> undo(const steps::LoadModule& step, const Json& before, const Hands& hands);
// kind_service.cpp
Result<bool> holds(const steps::EnableService& step, const Hands& hands);
Result<Json> remember(const steps::EnableService& step, const Hands& hands);
Result<> perform(const steps::EnableService& step, const Hands& hands);
Result<> undo(const steps::EnableService& step, const Json& before, const Hands& hands);
// kind_repository_file.cpp
Result<bool> holds(const steps::InstallFromRepositoryFile& step, const Hands& hands);
Result<Json> remember(const steps::InstallFromRepositoryFile& step, const Hands& hands);
Result<> perform(const steps::InstallFromRepositoryFile& step, const Hands& hands);
Result<> undo(const steps::InstallFromRepositoryFile& step, const Json& before, const Hands& hands);
// kind_key.cpp
Result<bool> holds(const steps::EnrolKey& step, const Hands& hands);
Result<Json> remember(const steps::EnrolKey& step, const Hands& hands);
Result<> perform(const steps::EnrolKey& step, const Hands& hands);
Result<> undo(const steps::EnrolKey& step, const Json& before, const Hands& hands);
// kind_python.cpp
Result<bool> holds(const steps::InstallUv& step, const Hands& hands);
Result<Json> remember(const steps::InstallUv& step, const Hands& hands);
Result<> perform(const steps::InstallUv& step, const Hands& hands);
Result<> undo(const steps::InstallUv& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::CreateEnv& step, const Hands& hands);
Result<Json> remember(const steps::CreateEnv& step, const Hands& hands);
Result<> perform(const steps::CreateEnv& step, const Hands& hands);
Result<> undo(const steps::CreateEnv& step, const Json& before, const Hands& hands);
Result<bool> holds(const steps::InstallWheels& step, const Hands& hands);
Result<Json> remember(const steps::InstallWheels& step, const Hands& hands);
Result<> perform(const steps::InstallWheels& step, const Hands& hands);
Result<> undo(const steps::InstallWheels& step, const Json& before, const Hands& hands);
// kind_conda.cpp
Result<bool> holds(const steps::InstallConda& step, const Hands& hands);
Result<Json> remember(const steps::InstallConda& step, const Hands& hands);
Result<> perform(const steps::InstallConda& step, const Hands& hands);
Result<> undo(const steps::InstallConda& step, const Json& before, const Hands& hands);
// kind_model.cpp
Result<bool> holds(const steps::FetchModelFile& step, const Hands& hands);
Result<Json> remember(const steps::FetchModelFile& step, const Hands& hands);
Result<> perform(const steps::FetchModelFile& step, const Hands& hands);
Result<> undo(const steps::FetchModelFile& step, const Json& before, const Hands& hands);
// kind_extension.cpp
Result<bool> holds(const steps::BuildExtension& step, const Hands& hands);
Result<Json> remember(const steps::BuildExtension& step, const Hands& hands);
Result<> perform(const steps::BuildExtension& step, const Hands& hands);
Result<> undo(const steps::BuildExtension& step, const Json& before, const Hands& hands);

// After an attempt whose end is not known, when what it was for is so: what it had not come to, and what it
// left. Most kinds leave nothing.
template <typename S>
Result<> settle(const S& /*step*/, const Hands& /*hands*/) {
  return ok;
}
Result<> settle(const steps::InstallPackages& step, const Hands& hands);
Result<> settle(const steps::InstallConda& step, const Hands& hands);

template <typename V>
inline constexpr bool all_kinds_known = false;
template <typename... S>
inline constexpr bool all_kinds_known<std::variant<S...>> = (StepKind<S> && ...);
static_assert(all_kinds_known<steps::Kind>,
              "every kind of step can be looked at, remembered, done and taken back");

// files.cpp: what several kinds need

// Makes the missing directories above `path`, outermost first.
Result<> make_parents(const std::string& path, const Hands& hands);
// Those that are missing above `path`, outermost first; and removing them again while they are empty.
std::vector<std::string> missing_parents(const std::string& path, const host::View& view);
Result<> remove_parents(const Json& made, const Hands& hands);
// Bytes in JSON: as text where they are UTF-8, as hexadecimal otherwise.
Json bytes_to_json(std::string_view bytes);
std::string bytes_from_json(const Json& json);
// Runs, and hands on what the program writes and that it goes on though it was asked to stop.
Result<host::Outcome> run_heard(const Hands& hands, host::Command command);
// Runs and wants success; an error has the last lines that the program wrote, and what its text shows to have
// been in the way: the network (Errc::unreachable), a full disk (Errc::io), somebody else's lock
// (Errc::busy).
Result<host::Outcome> run_well(const Hands& hands, host::Command command);
// The error that run_well would make of this outcome.
Error trouble_of(const std::vector<std::string>& argv, const host::Outcome& outcome);
// "https://name:secret@host/" without name and secret: for messages and for the journal.
std::string without_secrets(std::string_view text);

}  // namespace bringup::apply
