// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the judges of GPUs and of environments have in common. For judge.cpp and judge_env.cpp.

#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bringup::diagnose {

// The verdict on an error instead of a measurement; never a pass.
facts::Verdict without_measure(std::string check, std::vector<std::string> gpus, const Error& error);

// GPUs that programs here are to have: those that are set aside for virtual machines are not.
std::vector<std::string> expected_gpus(const facts::Machine& machine);

// Why fewer GPUs are seen than there are, and meant so: hidden by a variable, not given to this container,
// cut up by MIG.
std::optional<std::string> meant_so(const facts::Machine& machine);

// judge_env.cpp: verdicts on one environment, or on the lack of its proof; each names the environment.
void judge_env(const facts::Machine& machine, const facts::Measurements& measurements,
               const std::string& path, const facts::Reading<facts::EnvProof>& proof,
               std::vector<facts::Verdict>& out);

}  // namespace bringup::diagnose
