// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the two words of `bundle` share.

#include <bringup/apply/bundle.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/cli/stack.hpp>

namespace bringup::cli {

// The machine's GPUs as PCI ids, sorted, each as often as it is there.
std::vector<std::string> gpu_ids(const facts::Machine& machine);

Result<int> run_bundle(const Options& options, const Doors& doors);

// up.cpp: what `up` does with what was decided: tell, ask, do, prove.
Result<int> carry_out(const Options& options, const Doors& doors, const Decided& decided);

// bundle_create.cpp
Result<int> create_bundle(const Options& options, const Doors& doors, const std::string& directory);

// The goal of this directory's bundle, or of one to be made, as decide() takes it: with what its stacks are.
Result<std::vector<goal::Goal>> goals_of(const goal::Goal& goal, const facts::Machine& machine);
// The machine as its installer leaves it: what a bundle must bring even where this one has it already. A
// recorded machine keeps its Pythons: the bundle is for that one, and its distribution may not be reachable.
facts::Machine as_installed(facts::Machine machine, bool recorded);
// A repository of NVIDIA's that the machine has already is no part of what a bundle brings.
void forget_vendor_sources(facts::Machine& machine);

// bundle_models.cpp

// What the hub says of the models that the goal wants; they go below `directory`.
Result<std::vector<ModelFetch>> models_for_bundle(const Options& options, const Doors& doors,
                                                  const goal::Goal& goal, const std::string& directory);
// Copies one out of the bundle in use. Errc::refused when it is not in it.
Result<int> model_from_bundle(const Options& options, const Doors& doors, const goal::ModelGoal& wanted,
                              const apply::Arming* arming);

}  // namespace bringup::cli
