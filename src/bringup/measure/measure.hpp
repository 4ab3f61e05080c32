// SPDX-License-Identifier: Apache-2.0
#pragma once
// Measures in child processes that can be killed: a wedged driver does not return, and this process never
// loads CUDA.

#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bringup::measure {

using Milliseconds = std::chrono::milliseconds;

// GPUs that CUDA counts, in a child. `library` is a path in tests.
facts::Count count_cuda(Milliseconds deadline, const std::string& library = "libcuda.so.1");

// The NVML snapshot, read in a child.
facts::Reading<facts::NvmlSnapshot> read_nvml(Milliseconds deadline,
                                              const std::string& library = "libnvidia-ml.so.1");

// How much an environment is made to do.
enum class EnvDepth {
  quick,     // imports, counts devices, multiplies matrices on each
  standard,  // trains, reduces over processes, loads data with workers and compiles as well
  full       // more of it, and the all-reduce at several sizes
};

// Runs the environment's own Python as `user`: imports `modules`, counts devices, multiplies random matrices
// on the CPU and on each GPU and compares the results with float64; from `standard` on it does what PyTorch
// is there for as well (facts::EnvDeed). Each part is a process of its own and its own error: one that hangs
// or dies does not take the others along, and what was told before the deadline is kept. A module that is not
// installed is an error of its own. An Error for the whole: nothing was told.
facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env,
                                          const std::vector<std::string>& modules, const facts::User& user,
                                          Milliseconds deadline, EnvDepth depth = EnvDepth::quick);

// What decides how the user's own programs see the GPUs and reach each other, as it is set here; nothing else
// of the environment is given to an environment's Python.
std::vector<std::pair<std::string, std::string>> user_environment();

// Asks whether sources answer, all at once, each in a child, none for longer than the deadline. An answer is
// HTTP status 200..399; through libcurl when the system has it, else by a connection of our own (ask.hpp).
// `meanwhile` is called once, while they are asked.
std::vector<facts::Source> ask_sources(std::vector<facts::Source> sources, Milliseconds deadline,
                                       const std::function<void()>& meanwhile = {});
// Whether it was asked and had not answered by the deadline.
bool is_late(const facts::Source& source);

}  // namespace bringup::measure
