// SPDX-License-Identifier: Apache-2.0
#pragma once
// Measures in child processes that can be killed: this program again ("bringup __worker NAME"), JSON on a pipe, a deadline.

#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/host/view.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace bringup::measure {

// Workers that main runs when argv[1] is "__worker"; each writes one JSON object to standard output and returns the exit code.
//   nvml   : reads NVML into a snapshot (a wedged driver must not hang the program)
//   count  : cuInit and cuDeviceGetCount
//   cuda N : one context, one checked kernel and one checked copy on the CUDA device N; N = "all" for every device, side by side
int worker(int argc, const char* const* argv);

// GPUs that CUDA counts, in a child.
facts::Count count_cuda(std::chrono::milliseconds deadline);
// The NVML snapshot, in a child.
facts::Reading<facts::NvmlSnapshot> read_nvml(std::chrono::milliseconds deadline);
// The first form of the proof, on every GPU that CUDA shows.
facts::Reading<facts::CudaProof> prove_cuda(std::chrono::milliseconds deadline);
// Runs the environment's own Python: imports torch and those of its companions that are installed, counts devices, multiplies matrices on the CPU and on each GPU
// with random data and a checked result.
facts::Reading<facts::EnvProof> prove_env(const facts::PythonEnv& env, const std::vector<std::string>& modules, const facts::User& user,
                                          std::chrono::milliseconds deadline);

// Asks whether sources answer, all at once, each in a child, none for longer than the deadline. An HTTP answer of any kind below 500
// except 407 is an answer; proxies of the environment are used.
std::vector<facts::Source> ask_sources(std::vector<facts::Source> sources, std::chrono::milliseconds deadline);

}  // namespace bringup::measure
