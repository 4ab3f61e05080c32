// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the two words of `bundle` share.

#include <bringup/cli/change.hpp>

namespace bringup::cli {

// The machine's GPUs as PCI ids, sorted, each as often as it is there.
std::vector<std::string> gpu_ids(const facts::Machine& machine);

Result<int> run_bundle(const Options& options, const Doors& doors);

// up.cpp: what `up` does with what was decided: tell, ask, do, prove.
Result<int> carry_out(const Options& options, const Doors& doors, const Decided& decided);

// bundle_create.cpp
Result<int> create_bundle(const Options& options, const Doors& doors, const std::string& directory);

}  // namespace bringup::cli
