// SPDX-License-Identifier: Apache-2.0
// Pairs of GPUs: tagged data by the copy engine, by the source's threads and by the destination's, each
// compared where it arrived; and how fast. A pair that answers every call well and moves wrong data is seen
// here.
#include <bringup/measure/peers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace bringup::measure {
namespace {

constexpr std::uint64_t kQuad = 16;
constexpr std::size_t kSmallBytes = 4096;  // tried first: a broken path may take more than data with it
constexpr int kCopies = 4;                 // in one sample of a rate
constexpr std::size_t kTaggedBytes = std::size_t{32} << 20U;

// One direction of one pair; `from` may be used by the thread of this pair alone.
struct Way {
  Bench& from;
  Bench& to;
  Block& source;
  Block& target;
};

enum class By { engine, store, load };

Result<> move_bytes(Way& way, By by, std::size_t bytes) {
  const std::uint64_t count = bytes / kQuad;
  if (by == By::engine) {
    TRY(way.from.enter());
    TRY(way.from.cuda().copy_between(way.target.at(), way.to.context(), way.source.at(), way.from.context(),
                                     bytes, way.from.stream()));
    return way.from.synchronize();
  }
  Bench& mover = by == By::store ? way.from : way.to;
  TRY(mover.enter());
  TRY(mover.run("copy", Bench::tiles(count), way.target.at(), way.source.at(), count));
  return mover.synchronize();
}

// The bytes that arrived as they left, tagged with `seed`, or what was wrong with them.
Result<std::uint64_t> tagged(Way& way, By by, std::uint32_t seed, std::size_t bytes) {
  const std::uint64_t count = bytes / kQuad;
  const std::uint64_t first = 0;
  const std::uint32_t mask = 0;
  TRY(way.from.enter());
  TRY(way.from.run("fill", Bench::tiles(count), way.source.at(), count, first, seed, mask));
  TRY(way.from.synchronize());
  TRY(way.to.enter());
  TRY(way.to.cuda().set_bytes(way.target.at(), 0xA5, bytes, way.to.stream()));
  TRY(way.to.synchronize());
  TRY(move_bytes(way, by, bytes));
  TRY(way.to.enter());
  const Found found =
      TRY(way.to.compare("compare", Bench::tiles(count), way.target.at(), count, first, seed, mask));
  if (found.wrong == 0) return std::uint64_t{bytes};
  return Error(Errc::failed, fmt::format("wrong data: {} of {} pieces of 16 bytes differ from what was sent, "
                                         "first at byte {}, and no call failed",
                                         found.wrong, count, found.first * kQuad));
}

facts::Reading<std::uint64_t> small_then_large(Way& way, By by, std::uint32_t seed) {
  TRY(tagged(way, by, seed, kSmallBytes));
  return tagged(way, by, seed + 1, std::min(kTaggedBytes, way.source.bytes()));
}

Result<facts::Rate> rate_one_way(Way& way, int samples) {
  TRY(way.from.enter());
  const auto amount = static_cast<double>(way.source.bytes());
  return way.from.steady_rate(amount * kCopies, samples, [&]() -> Result<> {
    for (int i = 0; i < kCopies; ++i) {
      TRY(way.from.cuda().copy_between(way.target.at(), way.to.context(), way.source.at(), way.from.context(),
                                       way.source.bytes(), way.from.stream()));
    }
    return ok;
  });
}

// Both directions from one moment on. Times are taken on the first GPU, whose stream waits for the second's.
Result<facts::Rate> rate_both_ways(Way& there, Way& back, int samples) {
  const gpu::Cuda& cuda = there.from.cuda();
  TRY(there.to.enter());
  const auto ended = TRY(cuda.make_event());
  TRY(there.from.enter());
  const auto began = TRY(cuda.make_event());
  const auto amount = static_cast<double>(there.source.bytes()) + static_cast<double>(back.source.bytes());
  return there.from.steady_rate(amount * kCopies, samples, [&]() -> Result<> {
    TRY(cuda.record(began, there.from.stream()));
    TRY(cuda.wait_for(back.from.stream(), began));
    for (int i = 0; i < kCopies; ++i) {
      TRY(cuda.copy_between(there.target.at(), there.to.context(), there.source.at(), there.from.context(),
                            there.source.bytes(), there.from.stream()));
      TRY(there.to.enter());
      TRY(cuda.copy_between(back.target.at(), back.to.context(), back.source.at(), back.from.context(),
                            back.source.bytes(), back.from.stream()));
      TRY(there.from.enter());
    }
    TRY(there.to.enter());
    TRY(cuda.record(ended, back.from.stream()));
    TRY(there.from.enter());
    return cuda.wait_for(there.from.stream(), ended);
  });
}

// That the one can reach the other, and that it may.
facts::Reading<bool> open_way(const Bench& from, const Bench& to) {
  if (!TRY(from.cuda().can_reach(from.device(), to.device()))) return false;
  TRY(from.enter());
  TRY(from.cuda().reach(to.context()));
  return true;
}

void prove_way(Way& way, std::uint32_t seed, int samples, facts::NativePair& pair) {
  pair.copied_right = small_then_large(way, By::engine, seed);
  if (pair.reachable && *pair.reachable) {
    pair.stored_right = small_then_large(way, By::store, seed + 16);
    pair.loaded_right = small_then_large(way, By::load, seed + 32);
  } else {
    const Error why = pair.reachable ? Error(Errc::unsupported, "CUDA says that they cannot reach each other")
                                     : pair.reachable.error();
    pair.stored_right = why;
    pair.loaded_right = why;
  }
  pair.copy = rate_one_way(way, samples);
  for (const auto* right : {&pair.copied_right, &pair.stored_right, &pair.loaded_right}) {
    if (*right) pair.moved_bytes += **right;
  }
  if (pair.copy) pair.moved_bytes += way.source.bytes() * kCopies * static_cast<std::uint64_t>(samples + 1);
}

Result<> prove_pair(Bench& a, Bench& b, std::size_t bytes, int samples,
                    std::vector<facts::NativePair>& both) {
  both[0].reachable = open_way(a, b);
  both[1].reachable = open_way(b, a);
  const bool direct = both[0].reachable.value_or(false) && both[1].reachable.value_or(false);
  if (!direct) bytes = std::min(bytes, std::size_t{64} << 20U);
  TRY(b.enter());
  bytes = std::min(bytes, TRY(b.cuda().memory()).free / 8 / kQuad * kQuad);
  TRY(a.enter());
  bytes = std::min(bytes, TRY(a.cuda().memory()).free / 8 / kQuad * kQuad);
  Block a_source = TRY(a.take(bytes));
  Block a_target = TRY(a.take(bytes));
  TRY(b.enter());
  Block b_source = TRY(b.take(bytes));
  Block b_target = TRY(b.take(bytes));
  Way there{a, b, a_source, b_target};
  Way back{b, a, b_source, a_target};
  prove_way(there, 0x7A6C0000U, samples, both[0]);
  prove_way(back, 0x7A6D0000U, samples, both[1]);
  both[0].both_ways = rate_both_ways(there, back, samples);
  both[1].both_ways = both[0].both_ways;
  return ok;
}

}  // namespace

Result<std::unique_ptr<Peers>> Peers::open(const gpu::Cuda& cuda, const std::vector<int>& ordinals) {
  auto peers = std::make_unique<Peers>();
  peers->benches_.resize(ordinals.size());
  std::vector<Result<>> opened(ordinals.size(), ok);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    threads.emplace_back([&, i] {
      auto bench = Bench::open(cuda, ordinals[i]);
      if (bench)
        peers->benches_[i] = std::make_unique<Bench>(std::move(*bench));
      else
        opened[i] = bench.error();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Result<>& one : opened) TRY(one);
  return peers;
}

std::vector<facts::NativePair> Peers::prove(const std::vector<std::pair<int, int>>& pairs, std::size_t bytes,
                                            int samples) {
  std::vector<std::vector<facts::NativePair>> results(pairs.size(), std::vector<facts::NativePair>(2));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    threads.emplace_back([&, i] {
      auto& both = results[i];
      const auto done = prove_pair(bench(pairs[i].first), bench(pairs[i].second), bytes, samples, both);
      if (done) return;
      for (facts::NativePair& pair : both) {
        pair.copied_right = done.error();
        pair.copy = done.error();
        pair.both_ways = done.error();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<facts::NativePair> all;
  for (const auto& both : results) all.insert(all.end(), both.begin(), both.end());
  return all;
}

}  // namespace bringup::measure
