// SPDX-License-Identifier: Apache-2.0
#pragma once
// One GPU ready to be measured: its context, our kernels, a stream and two events. Lives in a child; what it
// takes goes back with its process.

#include <bringup/facts/native.hpp>
#include <bringup/gpu/cuda.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace bringup::measure {

// Memory of the GPU, given back by the destructor.
class Block {
 public:
  Block() = default;
  Block(const gpu::Cuda& cuda, gpu::Cuda::Address address, std::size_t bytes)
      : cuda_(&cuda), address_(address), bytes_(bytes) {}
  Block(Block&& other) noexcept
      : cuda_(std::exchange(other.cuda_, nullptr)), address_(other.address_), bytes_(other.bytes_) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(cuda_, other.cuda_);
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Block() {
    if (cuda_ != nullptr) static_cast<void>(cuda_->free(address_));
  }
  gpu::Cuda::Address at() const { return address_; }
  std::size_t bytes() const { return bytes_; }

 private:
  const gpu::Cuda* cuda_ = nullptr;
  gpu::Cuda::Address address_ = 0;
  std::size_t bytes_ = 0;
};

// What a comparing kernel found.
struct Found {
  std::uint64_t wrong = 0;
  std::uint64_t first = ~std::uint64_t{0};
};

class Bench {
 public:
  using Address = gpu::Cuda::Address;

  // Retains the primary context of CUDA's device `ordinal` and loads the kernels over memory. cuInit is done.
  static Result<Bench> open(const gpu::Cuda& cuda, int ordinal);

  const gpu::Cuda& cuda() const { return *cuda_; }
  gpu::Cuda::Device device() const { return device_; }
  gpu::Cuda::Context context() const { return context_; }
  gpu::Cuda::Stream stream() const { return stream_; }
  int multiprocessors() const { return multiprocessors_; }
  int capability() const { return capability_; }  // 90 for 9.0
  // Makes this GPU the one that the calling thread speaks to.
  Result<> enter() const { return cuda_->make_current(context_); }

  // Errc::busy when there is not enough memory.
  Result<Block> take(std::size_t bytes) const;
  // As much as is left, but for a reserve.
  Result<Block> take_rest(std::size_t reserve) const;

  // Runs a kernel of memory.ptx, numbers.ptx, exact.ptx or matrix.ptx, each loaded when it is first needed.
  template <typename... A>
  Result<> run(std::string_view kernel, gpu::Cuda::Grid grid, A... arguments) {
    std::array<void*, sizeof...(A)> pointers{static_cast<void*>(&arguments)...};
    return run_with(kernel, grid, pointers.data());
  }
  // Enough blocks to fill the GPU and no more.
  gpu::Cuda::Grid wide(unsigned blocks_each = 8, unsigned threads = 256) const {
    return {.blocks = static_cast<unsigned>(multiprocessors_) * blocks_each, .threads = threads};
  }

  // A thread for each four of `count` pieces of 16 bytes, for the kernels that only move or compare them.
  static gpu::Cuda::Grid tiles(std::uint64_t count) {
    constexpr std::uint64_t kThreads = 256;
    constexpr std::uint64_t kMost = 0x7FFFFFFF;
    const std::uint64_t tiles = (count + kThreads * 4 - 1) / (kThreads * 4);
    return {.blocks = static_cast<unsigned>(std::clamp<std::uint64_t>(tiles, 1, kMost)),
            .threads = static_cast<unsigned>(kThreads)};
  }

  // Seconds that `work`, which enqueues on stream(), took on the GPU.
  Result<double> time(const std::function<Result<>()>& work);
  // `amount` over the seconds of each of `samples` runs, after one that is not counted.
  Result<facts::Rate> rate(double amount, int samples, const std::function<Result<>()>& work);
  // The same, again up to three times while its samples are far apart, for what others on the host disturb;
  // the fastest set counts.
  Result<facts::Rate> steady_rate(double amount, int samples, const std::function<Result<>()>& work);

  Result<> synchronize() const { return cuda_->synchronize(stream_); }
  // Runs a comparing kernel, whose last argument is where it puts what it found.
  template <typename... A>
  Result<Found> compare(std::string_view kernel, gpu::Cuda::Grid grid, A... arguments) {
    TRY(clear_found());
    TRY(run(kernel, grid, arguments..., found_));
    return read_found();
  }
  // Runs a summing kernel, whose last argument is the sum of 64 bits.
  template <typename... A>
  Result<std::uint64_t> sum(std::string_view kernel, gpu::Cuda::Grid grid, A... arguments) {
    TRY(cuda_->set_bytes(found_, 0, sizeof(Found), stream_));
    TRY(run(kernel, grid, arguments..., found_));
    return TRY(read_found()).wrong;
  }

 private:
  Result<> run_with(std::string_view kernel, gpu::Cuda::Grid grid, void** arguments);
  Result<gpu::Cuda::Function> function(std::string_view kernel);
  Result<> clear_found();
  Result<Found> read_found();

  const gpu::Cuda* cuda_ = nullptr;
  gpu::Cuda::Device device_ = 0;
  gpu::Cuda::Context context_ = nullptr;
  gpu::Cuda::Stream stream_ = nullptr;
  gpu::Cuda::Event began_ = nullptr;
  gpu::Cuda::Event ended_ = nullptr;
  int multiprocessors_ = 0;
  int capability_ = 0;
  Address found_ = 0;
  std::map<std::string, gpu::Cuda::Module, std::less<>> modules_;
  std::map<std::string, gpu::Cuda::Function, std::less<>> functions_;
};

double median(std::vector<double> values);
facts::Rate rate_of(std::vector<double> samples);

// Text of an embedded file of this room.
std::string_view embedded(std::string_view name);

}  // namespace bringup::measure
