// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the words of the verb stack share.

#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/stacks/stack.hpp>

namespace bringup::cli {

// The directory of a stack's environment.
std::string stack_path(const goal::Goal& goal, const facts::User& user, const catalog::Stack& stack);

// Trains or generates with it, whichever it is for.
Result<int> stack_run(const Options& options, const Doors& doors, const catalog::Stack& stack);

// Fetches the models that the goal's stacks are to have and that are not here, each as a run of its own, and
// tells how each stack is run. Where there is none to fetch, no hub is asked.
Result<int> fetch_models(const Options& options, const Doors& doors, const goal::Goal& goal);

}  // namespace bringup::cli
