// SPDX-License-Identifier: Apache-2.0
#pragma once
// Performs a plan: every intent is journaled before the change and marked done after its postcondition was
// seen; what was there before is remembered. A run that died is resumed or undone from its journal alone.

#include <bringup/host/clock.hpp>
#include <bringup/host/control.hpp>
#include <bringup/steps/step.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

// How lines begin that a step says itself, and no child of it: they are for everybody to see.
inline constexpr std::string_view kAloud = "bringup: ";

// Told while a run goes on; for the terminal.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void step_begins(const steps::Step& step, std::size_t number, std::size_t of) = 0;
  virtual void step_says(const steps::Step& step,
                         std::string_view line) = 0;  // output of a child, line by line, not yet harmless
  virtual void step_ends(const steps::Step& step, const Result<>& how, double seconds,
                         bool was_done) = 0;  // was_done: nothing was needed
};

struct Run {
  std::string id;     // "20261123T201504Z-1a2b"
  std::string state;  // "done", "failed", "interrupted" (no end was journaled), "undone", "running" (the lock
                      // is held by it)
  std::string began_at;
  std::string ended_at;  // "" while it has no end
  steps::Plan plan;
  std::vector<std::string> done;  // ids of steps that were done and not undone since
  std::string failed_step;        // "" for none
  std::string message;
};

class ResolvedAhead;  // resolved_ahead.hpp

struct Settings {
  std::string state_directory;                   // "/var/lib/bringup", or below the user's home
  bool root = false;                             // whether steps that need root may be done
  std::string hub = {};                          // whose the user's token is; no other hub is shown it
  std::chrono::seconds patience{90};             // with a hub that gives nothing
  std::shared_ptr<ResolvedAhead> resolved = {};  // what was resolved while the plan was made; may be null
};

struct Arming;  // at_boot.hpp

// Does the steps in order; a plan without steps makes no run. With `at_boot` a unit goes on after a power cut
// until the run has ended well, or, when that waits for a driver, until disarm. Errc::busy when another
// bringup runs; Errc::denied for a root step without root, before anything was done; Errc::cancelled after an
// interrupt, between steps. A step that fails ends the run: what was done stays, and resume or undo go on
// from it.
Result<Run> apply(const steps::Plan& plan, host::Control& control, const host::Clock& clock,
                  const Settings& settings, Observer& observer, const Arming* at_boot = nullptr);

// Goes on with the newest run that was not taken back, unless it is done: with its steps, or with taking it
// back when that was interrupted. What was begun and not ended is looked at first, and done again when it
// does not hold. Errc::absent when there is nothing to go on with, Errc::malformed when its journal is
// damaged.
Result<Run> resume(host::Control& control, const host::Clock& clock, const Settings& settings,
                   Observer& observer);

// Takes back run `id` (or, when empty, the newest run that has something to take back), last step first and
// without the steps that held already. A step that would overwrite or remove what somebody else did since is
// kept: the rest goes on, the run ends "undone" with failed_step and message about the first one kept, whose
// id stays in `done`, and undo of this id tries those again. Any other failure is an error and ends the run
// "failed"; undo or resume go on from there.
Result<Run> undo(std::string_view id, host::Control& control, const host::Clock& clock,
                 const Settings& settings, Observer& observer);

// The run that resume, or undo of `id`, would take on: looked up without the lock and without a change, so
// that a person can be asked about it. Errors as theirs when there is none.
Result<Run> to_resume(const host::View& view, const Settings& settings);
Result<Run> to_undo(std::string_view id, const host::View& view, const Settings& settings);

// All runs, newest first. Needs only the door for looking.
Result<std::vector<Run>> history(const host::View& view, const Settings& settings);

// Whether each step of the plan holds now: ids of those that do not. For `status` (drift) and for a second
// `up`.
Result<std::vector<std::string>> pending(const steps::Plan& plan, const host::View& view);

// Bytes that a step has left to bring, where an earlier attempt brought some.
std::uint64_t bytes_left(const steps::FetchModelFile& step, const host::View& view);

// Writes the lock of the environment `env` to `path`, outside of any run, and notes that it is ours.
Result<> keep_lock(host::Control& control, const Settings& settings, const std::string& env,
                   const std::string& path, std::string_view text, std::optional<host::Owner> as);
// Removes the locks of the environments that `plan` fills, those that nobody changed since.
Result<> take_locks_back(host::Control& control, const Settings& settings, const steps::Plan& plan);

// Where the code is kept that shim asks for when a key is to be confirmed (EnrolKey); absent when none is.
std::string key_code_path(std::string_view state_directory);
Result<> forget_key_code(host::Control& control, const Settings& settings);

// "/var/lib/bringup" for root, else "<home>/.local/state/bringup" ($XDG_STATE_HOME when absolute).
std::string default_state_directory(bool root, std::string_view home, std::string_view xdg_state_home);

}  // namespace bringup::apply
