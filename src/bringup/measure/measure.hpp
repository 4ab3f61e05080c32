// SPDX-License-Identifier: Apache-2.0
#pragma once
// Measures in child processes that can be killed: a wedged driver does not return, and this process never
// loads CUDA.

#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace bringup::measure {

using Milliseconds = std::chrono::milliseconds;

// GPUs that CUDA counts, in a child. `library` is a path in tests.
facts::Count count_cuda(Milliseconds deadline, const std::string& library = "libcuda.so.1");

// The NVML snapshot, read in a child.
facts::Reading<facts::NvmlSnapshot> read_nvml(Milliseconds deadline,
                                              const std::string& library = "libnvidia-ml.so.1");

// The first form of the proof, a child for each GPU that CUDA shows, all at once: one context, one kernel
// whose every result is compared with the CPU's, one copy each way of 64 MiB of random data. A child that
// hangs or dies is that GPU's own error.
facts::Reading<facts::CudaProof> prove_cuda(Milliseconds deadline,
                                            const std::string& library = "libcuda.so.1");

// Runs the environment's own Python as `user`: imports `modules` one by one, counts devices, multiplies
// random matrices on the CPU and on each GPU and compares the results with float64. A module that is not
// installed is an error of its own.
facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env,
                                          const std::vector<std::string>& modules, const facts::User& user,
                                          Milliseconds deadline);

// Asks whether sources answer, all at once, each in a child, none for longer than the deadline. An answer is
// HTTP status 200..399; through libcurl when the system has it, else by a connection of our own (plain HTTP
// is spoken, of HTTPS only the connection is tried).
std::vector<facts::Source> ask_sources(std::vector<facts::Source> sources, Milliseconds deadline);

}  // namespace bringup::measure
