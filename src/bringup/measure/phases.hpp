// SPDX-License-Identifier: Apache-2.0
#pragma once
// What one GPU can be asked to do, each a phase of the native proof. They run in its child; what could not be
// done is the error of what it was to measure.

#include <bringup/measure/bench.hpp>
#include <bringup/measure/native.hpp>

#include <set>

namespace bringup::measure {

// How much of each is done at a level.
struct Extent {
  std::size_t most_memory = ~std::size_t{0};       // of the pattern test
  std::vector<std::string> patterns;               // by name, in order
  std::size_t rate_bytes = std::size_t{4} << 30U;  // one buffer of the memory rates
  int rate_samples = 9;
  std::size_t host_bytes = std::size_t{64} << 20U;  // of pinned memory each way
  int host_copies = 4;                              // in one sample
  int host_samples = 5;
  bool host_both_ways = true;      // at once, as well
  std::vector<std::string> types;  // of matrices
  double matrix_seconds = 0.1;     // of each type
  int matrix_size = 8192;
  std::size_t pair_bytes = std::size_t{256} << 20U;  // of one copy between two GPUs
  std::vector<std::uint64_t> sizes;                  // of collectives, bytes
  std::set<std::string, std::less<>> faults;         // to be made on purpose
};
Extent extent_of(Level level);

void prove_kernel(Bench& bench, facts::NativeGpu& gpu);
void test_memory(Bench& bench, const Extent& extent, std::uint32_t seed, facts::NativeGpu& gpu);
void rate_memory(Bench& bench, const Extent& extent, facts::NativeGpu& gpu);
void rate_host_link(Bench& bench, const Extent& extent, bool together, facts::NativeGpu& gpu);

// `libraries`: where cuBLASLt may be; the first that can be opened is used. Twice: the samples of both are
// kept, and what differs between the two is an error.
void rate_matrices(Bench& bench, const Extent& extent, const std::vector<std::string>& libraries,
                   facts::NativeGpu& gpu);

// Binds this process to the CPUs next to the GPU at `pci`. False: it may run on none of them.
facts::Reading<bool> go_near(const std::string& pci);
// The same with the CPUs that are not next to it. Errc::unsupported: all of them are.
Result<> go_far(const std::string& pci);

}  // namespace bringup::measure
