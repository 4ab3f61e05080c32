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

Result<int> stack_run(const Options& options, const Doors& doors, const catalog::Stack& stack);

}  // namespace bringup::cli
