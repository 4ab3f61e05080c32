// SPDX-License-Identifier: Apache-2.0
#pragma once
// CUDA extensions that packages of an environment compile: for which GPUs, and whether that is done already.

#include <bringup/facts/machine.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bringup::resolve {

// "9.0" of every GPU, each once, the oldest first.
std::vector<std::string> architectures_of(const facts::Machine& machine);

// Whether the module was compiled into the environment, for the torch that is there and for every GPU.
bool is_built(const facts::Machine& machine, const facts::PythonEnv& env, std::string_view module);

}  // namespace bringup::resolve
