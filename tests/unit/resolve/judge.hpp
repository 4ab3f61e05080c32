// SPDX-License-Identifier: Apache-2.0
#pragma once
// A second opinion on answers, written from the rules and without a look at how the answer was found.

#include <bringup/goal/goal.hpp>
#include <bringup/resolve/resolve.hpp>

#include <string>
#include <vector>

namespace bringup::testing_support {

struct Asked {
  facts::Machine machine;
  goal::Goal goal;
  catalog::Catalog catalog;
};

// Every rule that the choice breaks, in words; empty when it keeps them all.
std::vector<std::string> broken_rules(const Asked& asked, const resolve::Choice& choice);

// What is better, by the stated preferences, than the driver or the wheels that were chosen; empty when
// nothing is. Tries every driver and every set of wheels with the chosen Python.
std::vector<std::string> better_ones(const Asked& asked, const resolve::Choice& choice);

// The question with every demand left out that is no member of the conflict, and, when `but` is one of them,
// without that member too.
Asked only_members(const Asked& asked, const resolve::Conflict& conflict,
                   const resolve::ConflictMember* but = nullptr);

}  // namespace bringup::testing_support
