// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the words of the verb stack share.

#include <bringup/apply/at_boot.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/stacks/stack.hpp>

namespace bringup::cli {

// Below which environments and models are.
std::string prefix_of(const goal::Goal& goal, const facts::User& user);

// The directory of a stack's environment.
std::string stack_path(const goal::Goal& goal, const facts::User& user, const catalog::Stack& stack);

// Whether a step is of this stack alone, so that taking it back takes nothing from others.
bool of_stack(const steps::Step& step, const catalog::Stack& stack);

// Takes back the runs that made it, what they left half included. What a user put into the environment's
// directory is not removed: Errc::refused names it.
Result<int> stack_remove(const Options& options, const Doors& doors, const catalog::Stack& stack);

// Trains or generates with it, whichever it is for.
Result<int> stack_run(const Options& options, const Doors& doors, const catalog::Stack& stack);

// The models of the goal that a hub has, its own and its stacks', each once and with the directory that it
// goes into.
std::vector<goal::ModelGoal> wanted_models(const goal::Goal& goal, const facts::User& user);

// Those of them that are not here, or not whole.
Result<std::vector<goal::ModelGoal>> missing_models(const Options& options, const Doors& doors,
                                                    const goal::Goal& goal);

// Fetches the models that the goal wants and that are not here (out of the bundle, in use of one), each as a
// run of its own that goes on at the next boot where `arming` is given, and tells how each stack is run.
// Where there is none to fetch, no hub is asked.
Result<int> fetch_models(const Options& options, const Doors& doors, const goal::Goal& goal,
                         const apply::Arming* arming = nullptr);

// Before anything is changed: whether the hub gives `models`, which are not here, to this user, and whether
// there is room for them; each is told in a line. A hub that cannot be reached now is told of and no error.
Result<> ask_for_models(const Options& options, const Doors& doors,
                        const std::vector<goal::ModelGoal>& models);

// Whether models of the goal are to come from a hub, and what asks it is not on this machine.
bool needs_curl(const Doors& doors, const Decided& decided);

// Says which verb goes on when models of the goal are not here, or not whole.
void tell_missing_models(const Options& options, const Doors& doors);

}  // namespace bringup::cli
