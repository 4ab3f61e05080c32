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

// "torchao==0.15.0": the name and the pin.
std::string name_part(const std::string& package);
std::string pin_part(const std::string& package);

// What the catalog knows of a package of the goal beside a torch and the other packages.
struct Companionship {
  bool spoken_of = false;  // it has rows
  bool any = false;        // of one that nothing is known to stand against
  bool seen = false;       // and that was tried with this torch
};
Companionship companionship(const Asked& asked, const goal::EnvGoal& env, const std::string& package,
                            const std::string& torch);
// True when a companion of the environment was never seen beside this torch.
bool unseen(const Asked& asked, const goal::EnvGoal& env, const std::string& torch);
// The rules about companions that a chosen environment breaks.
std::vector<std::string> broken_companions(const Asked& asked, const goal::EnvGoal& wanted,
                                           const resolve::EnvChoice& env, const std::string& torch);

// The question with every demand left out that is no member of the conflict, and, when `but` is one of them,
// without that member too.
Asked only_members(const Asked& asked, const resolve::Conflict& conflict,
                   const resolve::ConflictMember* but = nullptr);

}  // namespace bringup::testing_support
