// SPDX-License-Identifier: Apache-2.0
// The link between host and GPU: pinned memory copied one way, the other and both ways at once; every byte
// that went there and back is compared.
#include <bringup/measure/phases.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace bringup::measure {
namespace {

constexpr std::size_t kQuad = 16;
constexpr std::uint32_t kSeed = 0x5EED0001U;

// Pinned host memory; or, as a fault on purpose, memory that is not pinned.
class HostMemory {
 public:
  static Result<HostMemory> take(const gpu::Cuda& cuda, std::size_t bytes, bool pinned) {
    if (pinned) return HostMemory(&cuda, TRY(cuda.allocate_pinned(bytes)));
    void* memory = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
    if (memory == nullptr) return Error(Errc::busy, "the host has too little memory");
    std::memset(memory, 0, bytes);
    return HostMemory(nullptr, memory);
  }
  HostMemory(HostMemory&& other) noexcept
      : cuda_(other.cuda_), memory_(std::exchange(other.memory_, nullptr)) {}
  HostMemory& operator=(HostMemory&&) = delete;
  ~HostMemory() {
    if (memory_ == nullptr) return;
    if (cuda_ != nullptr)
      static_cast<void>(cuda_->free_pinned(memory_));
    else
      std::free(memory_);
  }
  gpu::Cuda::Address at() const { return reinterpret_cast<gpu::Cuda::Address>(memory_); }

 private:
  static constexpr std::size_t kPage = 4096;
  HostMemory(const gpu::Cuda* cuda, void* memory) : cuda_(cuda), memory_(memory) {}
  const gpu::Cuda* cuda_;  // null: not pinned
  void* memory_;
};

struct Buffers {
  Block device;
  Block device_too;
  HostMemory host;
  HostMemory host_too;
};

// Tagged memory to the host, from there to another place on the GPU, and compared there.
Result<std::uint64_t> round_trip(Bench& bench, const Buffers& buffers, std::size_t bytes) {
  const gpu::Cuda& cuda = bench.cuda();
  const std::uint64_t count = bytes / kQuad;
  const std::uint64_t first = 0;
  const std::uint32_t mask = 0;
  TRY(bench.run("fill", Bench::tiles(count), buffers.device.at(), count, first, kSeed, mask));
  TRY(cuda.set_bytes(buffers.device_too.at(), 0xA5, bytes, bench.stream()));
  TRY(cuda.copy(buffers.host.at(), buffers.device.at(), bytes, bench.stream()));
  TRY(cuda.copy(buffers.device_too.at(), buffers.host.at(), bytes, bench.stream()));
  const Found found =
      TRY(bench.compare("compare", Bench::tiles(count), buffers.device_too.at(), count, first, kSeed, mask));
  if (found.wrong == 0) return std::uint64_t{bytes};
  return Error(
      Errc::failed,
      fmt::format("what was copied to the host and back differs in {} of {} pieces of 16 bytes, first at "
                  "byte {}",
                  found.wrong, count, found.first * kQuad));
}

// Both directions from one moment on, each `copies` times.
Result<> both_ways(Bench& bench, const Buffers& buffers, std::size_t bytes, int copies,
                   gpu::Cuda::Stream other, gpu::Cuda::Event began, gpu::Cuda::Event ended) {
  const gpu::Cuda& cuda = bench.cuda();
  TRY(cuda.record(began, bench.stream()));
  TRY(cuda.wait_for(other, began));
  for (int i = 0; i < copies; ++i) {
    TRY(cuda.copy(buffers.device.at(), buffers.host.at(), bytes, bench.stream()));
    TRY(cuda.copy(buffers.host_too.at(), buffers.device_too.at(), bytes, other));
  }
  TRY(cuda.record(ended, other));
  return cuda.wait_for(bench.stream(), ended);
}

Result<> all_of_it(Bench& bench, const Extent& extent, bool together, facts::NativeGpu& gpu) {
  const gpu::Cuda& cuda = bench.cuda();
  const std::size_t bytes = std::min(extent.host_bytes, TRY(cuda.memory()).free / 8 / kQuad * kQuad);
  const bool pinned = !extent.faults.contains("pageable");
  const Buffers buffers{.device = TRY(bench.take(bytes)),
                        .device_too = TRY(bench.take(bytes)),
                        .host = TRY(HostMemory::take(cuda, bytes, pinned)),
                        .host_too = TRY(HostMemory::take(cuda, bytes, pinned))};
  const double amount = static_cast<double>(bytes) * extent.host_copies;
  const auto copies = [&](gpu::Cuda::Address to, gpu::Cuda::Address from) -> Result<> {
    for (int i = 0; i < extent.host_copies; ++i) TRY(cuda.copy(to, from, bytes, bench.stream()));
    return ok;
  };
  const auto times =
      static_cast<std::uint64_t>(extent.host_samples + 1) * static_cast<std::uint64_t>(extent.host_copies);
  if (!together) gpu.host_copies_right = round_trip(bench, buffers, bytes);
  (together ? gpu.to_device_together : gpu.to_device) = bench.steady_rate(
      amount, extent.host_samples, [&] { return copies(buffers.device.at(), buffers.host.at()); });
  (together ? gpu.to_host_together : gpu.to_host) = bench.steady_rate(
      amount, extent.host_samples, [&] { return copies(buffers.host.at(), buffers.device.at()); });
  gpu.exposure.bytes_from_host += bytes * times;
  gpu.exposure.bytes_to_host += bytes * times;
  if (together || !extent.host_both_ways) return ok;
  const auto other = TRY(cuda.make_stream());
  const auto began = TRY(cuda.make_event());
  const auto ended = TRY(cuda.make_event());
  gpu.both_ways = bench.steady_rate(2 * amount, extent.host_samples, [&] {
    return both_ways(bench, buffers, bytes, extent.host_copies, other, began, ended);
  });
  gpu.exposure.bytes_from_host += bytes * times;
  gpu.exposure.bytes_to_host += bytes * times;
  TRY(cuda.destroy_event(began));
  TRY(cuda.destroy_event(ended));
  return cuda.destroy(other);
}

// Keeps what was measured; what was not gets the error.
template <typename T>
void explain(facts::Reading<T>& reading, const Error& why) {
  if (!reading && reading.error().code() == Errc::absent) reading = why;
}

}  // namespace

void rate_host_link(Bench& bench, const Extent& extent, bool together, facts::NativeGpu& gpu) {
  const auto done = all_of_it(bench, extent, together, gpu);
  if (done) return;
  if (together) {
    explain(gpu.to_device_together, done.error());
    explain(gpu.to_host_together, done.error());
    return;
  }
  explain(gpu.host_copies_right, done.error());
  explain(gpu.to_device, done.error());
  explain(gpu.to_host, done.error());
  explain(gpu.both_ways, done.error());
}

}  // namespace bringup::measure
