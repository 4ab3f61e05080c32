// SPDX-License-Identifier: Apache-2.0
#pragma once
// CUDA extensions that packages of an environment compile: with what, for which GPUs, and what is missing.

#include <bringup/plan/plan.hpp>

#include <vector>

namespace bringup::plan {

struct Extension {
  std::string env;  // its name
  steps::BuildExtension build;
  std::vector<std::string> packages;  // of the distribution, to be installed before: "g++", "python3-dev"
};

// Those that are still to be compiled. An error says for which environment nothing can be compiled, and why.
Result<std::vector<Extension>> extensions_of(const facts::Machine& machine, const goal::Goal& goal,
                                             const catalog::Catalog& catalog, const resolve::Choice& choice);

// The steps that do it; `needs` names every step that would have to be done before, if it is there.
std::vector<steps::Step> extension_steps(const std::vector<Extension>& extensions,
                                         const std::string& manager);

}  // namespace bringup::plan
