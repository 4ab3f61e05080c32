// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is asked of one process that has all GPUs open: copies between pairs, and a ring of our own where
// there is no NCCL. And what each rank's process does with NCCL. They run in children.

#include <bringup/gpu/nccl.hpp>
#include <bringup/measure/bench.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace bringup::measure {

class Peers {
 public:
  // `ordinals` are CUDA's. Contexts are made side by side.
  static Result<std::unique_ptr<Peers>> open(const gpu::Cuda& cuda, const std::vector<int>& ordinals);

  // Pairs of positions in `ordinals` that have no GPU in common, all at the same time; two answers for each,
  // there and back. `from` and `to` are left empty.
  std::vector<facts::NativePair> prove(const std::vector<std::pair<int, int>>& pairs, std::size_t bytes,
                                       int samples);
  // All-reduce and all-gather over a ring, by our own kernels through peer access.
  facts::Reading<std::vector<facts::Collective>> ring(const std::vector<std::uint64_t>& sizes);

  Bench& bench(int position) { return *benches_[static_cast<std::size_t>(position)]; }
  int count() const { return static_cast<int>(benches_.size()); }

 private:
  std::vector<std::unique_ptr<Bench>> benches_;
};

// One rank's part: the same steps on all ranks, each with its own times and results.
class Rank {
 public:
  // `passed_over`: why other libraries before this one could not be opened.
  Rank(Bench& bench, gpu::Nccl nccl, std::string passed_over)
      : bench_(&bench), nccl_(std::move(nccl)), passed_over_(std::move(passed_over)) {}
  gpu::Nccl& nccl() { return nccl_; }
  std::vector<facts::Collective> measure(int rank, int ranks, const std::vector<std::uint64_t>& sizes);

 private:
  Bench* bench_;
  gpu::Nccl nccl_;
  std::string passed_over_;
};

// The collectives of all ranks as one: each sample as slow as the slowest rank's, right only if all are.
std::vector<facts::Collective> merged(const std::vector<std::vector<facts::Collective>>& ranks);

// How often an operation over so many bytes is done to measure it.
int operations_at(std::uint64_t bytes);

// Bytes per second that a link carries for each byte per second of the operation.
double bus_factor(std::string_view kind, int ranks);

}  // namespace bringup::measure
