// SPDX-License-Identifier: Apache-2.0
// The GPU's own memory: patterns over all of it that is free, and how fast it is. And the fp32 kernel whose
// every result is compared.
#include <bringup/measure/phases.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace bringup::measure {
namespace {

constexpr std::size_t kQuad = 16;  // bytes that the kernels treat at a time
constexpr std::uint32_t kChainRounds = 2048;
constexpr unsigned kChainThreads = 256;

// What the driver and other processes may want of the memory while the test runs; of little memory a quarter.
std::size_t reserve_of(const gpu::Cuda::Memory& memory) {
  return std::min(std::max(std::size_t{256} << 20U, memory.total / 100), memory.free / 4);
}

struct Pattern {
  std::uint32_t seed = 0;
  std::uint32_t mask = 0;
  bool inverted = false;  // each quad is compared and its inverse left behind, then compared again
};

Pattern pattern_of(const std::string& name, std::uint32_t seed) {
  if (name == "inverse") return {.seed = seed, .mask = ~0U};
  if (name == "checkers") return {.seed = seed * 3 + 1, .mask = 0x55555555U};
  if (name == "checkers inverse") return {.seed = seed * 3 + 1, .mask = 0xAAAAAAAAU};
  if (name == "moving inversion") return {.seed = seed * 5 + 7, .mask = 0, .inverted = true};
  if (name == "addresses") return {.seed = seed, .mask = 0};
  return {.seed = seed ^ static_cast<std::uint32_t>(std::hash<std::string>{}(name)), .mask = 0};
}

void note(facts::MemoryPass& pass, const Found& found) {
  pass.errors += found.wrong;
  if (found.wrong == 0) return;
  const std::uint64_t at = found.first * kQuad;
  pass.first_error = std::min(pass.first_error.value_or(at), at);
}

// A fault on purpose: one bit in the piece of 16 bytes that begins at byte 992.
Result<> flip_a_bit(const Bench& bench, const Block& block) {
  constexpr std::size_t kByte = 1000;
  std::uint8_t byte = 0;
  TRY(bench.synchronize());
  TRY(bench.cuda().to_host(&byte, block.at() + kByte, 1));
  byte ^= 1U;
  return bench.cuda().to_device(block.at() + kByte, &byte, 1);
}

Result<facts::MemoryPass> one_pass(Bench& bench, const Block& block, const std::string& name,
                                   const Pattern& pattern, bool flip) {
  const std::uint64_t count = block.bytes() / kQuad;
  const std::uint64_t first = 0;
  facts::MemoryPass pass{.pattern = name, .bytes = count * kQuad};
  pass.seconds = TRY(bench.time([&] {
    return bench.run("fill", Bench::tiles(count), block.at(), count, first, pattern.seed, pattern.mask);
  }));
  if (flip) TRY(flip_a_bit(bench, block));
  std::uint32_t mask = pattern.mask;
  const auto began = std::chrono::steady_clock::now();
  if (pattern.inverted) {
    note(pass, TRY(bench.compare("invert", bench.wide(), block.at(), count, first, pattern.seed, mask)));
    mask = ~mask;
  }
  note(pass,
       TRY(bench.compare("compare", Bench::tiles(count), block.at(), count, first, pattern.seed, mask)));
  pass.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return pass;
}

Result<facts::MemoryTest> all_passes(Bench& bench, const Extent& extent, std::uint32_t seed) {
  const auto memory = TRY(bench.cuda().memory());
  const std::size_t reserve = reserve_of(memory);
  const bool part = extent.most_memory < memory.free - std::min(memory.free, reserve);
  const Block block = part ? TRY(bench.take(extent.most_memory)) : TRY(bench.take_rest(reserve));
  facts::MemoryTest test{
      .total_bytes = memory.total, .free_bytes = memory.free, .taken_bytes = block.bytes()};
  for (const std::string& name : extent.patterns) {
    test.passes.push_back(
        TRY(one_pass(bench, block, name, pattern_of(name, seed), extent.faults.contains("memory"))));
  }
  return test;
}

// What the kernel `chains` computes in a thread.
float chain(unsigned thread, std::uint32_t rounds, float factor) {
  std::array<float, 8> x{};
  for (unsigned k = 0; k < 8; ++k) x[k] = static_cast<float>(thread % 32U) + static_cast<float>(k) * 0.125F;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (float& one : x) one = std::fma(one, factor, 0.5F);
  }
  return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

Result<std::uint64_t> all_chains(Bench& bench) {
  constexpr float kFactor = 0.99951171875F;  // far from its fixed point after all rounds
  const auto grid = bench.wide(4, kChainThreads);
  const std::size_t threads = std::size_t{grid.blocks} * grid.threads;
  const Block block = TRY(bench.take(threads * sizeof(float)));
  TRY(bench.cuda().set_bytes(block.at(), 0xFF, block.bytes(), bench.stream()));
  TRY(bench.run("chains", grid, block.at(), kChainRounds, kFactor));
  TRY(bench.synchronize());
  std::vector<float> results(threads);
  TRY(bench.cuda().to_host(results.data(), block.at(), block.bytes()));
  std::array<float, 32> right{};
  for (unsigned lane = 0; lane < 32; ++lane) right[lane] = chain(lane, kChainRounds, kFactor);
  for (std::size_t i = 0; i < threads; ++i) {
    if (results[i] == right[i % 32]) continue;
    return Error(Errc::failed,
                 fmt::format("wrong result: thread {} of block {} computed {} and should have {}",
                             i % kChainThreads, i / kChainThreads, results[i], right[i % 32]));
  }
  return std::uint64_t{threads};
}

}  // namespace

void prove_kernel(Bench& bench, facts::NativeGpu& gpu) {
  gpu.kernel_elements = all_chains(bench);
  if (gpu.kernel_elements) gpu.exposure.results_compared += *gpu.kernel_elements;
}

void test_memory(Bench& bench, const Extent& extent, std::uint32_t seed, facts::NativeGpu& gpu) {
  auto test = all_passes(bench, extent, seed);
  for (const facts::MemoryPass& pass : test ? test->passes : std::vector<facts::MemoryPass>()) {
    const std::uint64_t times = pass.pattern == "moving inversion" ? 2 : 1;
    gpu.exposure.bytes_written += pass.bytes * times;
    gpu.exposure.bytes_read += pass.bytes * times;
  }
  if (test && gpu.memory)
    test->passes.insert(test->passes.begin(), gpu.memory->passes.begin(), gpu.memory->passes.end());
  gpu.memory = std::move(test);
}

void rate_memory(Bench& bench, const Extent& extent, facts::NativeGpu& gpu) {
  const auto all = [&]() -> Result<> {
    const auto memory = TRY(bench.cuda().memory());
    const std::size_t bytes = std::min(extent.rate_bytes, memory.free / 4) / kQuad * kQuad;
    const Block from = TRY(bench.take(bytes));
    const Block to = TRY(bench.take(bytes));
    const std::uint64_t count = bytes / kQuad;
    const auto amount = static_cast<double>(bytes);
    const std::uint32_t value = 0x9E3779B9U;
    const Block sum = TRY(bench.take(kQuad));
    gpu.memory_write = bench.rate(amount, extent.rate_samples, [&] {
      return bench.run("write", Bench::tiles(count), from.at(), count, value);
    });
    gpu.memory_read = bench.rate(amount, extent.rate_samples, [&] {
      return bench.run("read", Bench::tiles(count), from.at(), count, sum.at());
    });
    gpu.memory_copy = bench.rate(2 * amount, extent.rate_samples, [&] {
      return bench.run("copy", Bench::tiles(count), to.at(), from.at(), count);
    });
    const auto times = static_cast<std::uint64_t>(extent.rate_samples) + 1;
    gpu.exposure.bytes_written += 2 * bytes * times;
    gpu.exposure.bytes_read += 2 * bytes * times;
    return ok;
  };
  if (const auto done = all(); !done) {
    gpu.memory_read = done.error();
    gpu.memory_write = done.error();
    gpu.memory_copy = done.error();
  }
}

}  // namespace bringup::measure
