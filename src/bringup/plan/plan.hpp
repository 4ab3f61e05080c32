// SPDX-License-Identifier: Apache-2.0
#pragma once
// A choice becomes ordered steps, each with its reason.

#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <string>
#include <string_view>

namespace bringup::plan {

// Only what is still to be done: nothing to do is a plan without steps.
steps::Plan make(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                 const resolve::Choice& choice, std::string_view now);

// Digest of the facts that a plan rests on: OS, kernels, GPUs, driver, toolkits, environments, packages; not
// free space, load or clocks.
std::string machine_digest(const facts::Machine& machine);

// Where environments and managers go when the goal names no prefix: "<home>/.local/share/bringup".
std::string default_prefix(const facts::User& user);

}  // namespace bringup::plan
