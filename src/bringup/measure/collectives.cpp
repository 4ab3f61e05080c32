// SPDX-License-Identifier: Apache-2.0
// All GPUs together: all-reduce and all-gather through NCCL, a process for each rank as PyTorch does it, or
// over a ring of our own. Sums are of whole numbers, so that every element has one right value.
#include <bringup/measure/peers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace bringup::measure {
namespace {

constexpr int kSamples = 5;
constexpr double kSampleSeconds = 0.004;

using Operation = std::function<Result<>()>;

// How often an operation is done in one sample: by its size alone, so that all ranks do it as often.
int times_for(std::uint64_t bytes) {
  constexpr double kGuess = 200e9;  // bytes per second
  return std::clamp(static_cast<int>(kSampleSeconds / (static_cast<double>(bytes) / kGuess + 20e-6)), 1, 20);
}

facts::Reading<std::uint64_t> right_or(const Found& found, std::uint64_t count, std::string_view kind) {
  if (found.wrong == 0) return count;
  return Error(Errc::failed,
               fmt::format("wrong result: {} of {} elements of an {} are wrong, first element {}",
                           found.wrong, count, kind, found.first));
}

// Sizes for which there is memory three times; the smallest at least, whose error then says what is missing.
// All GPUs of a machine that others leave alone have as much.
std::vector<std::uint64_t> fitting(const Bench& bench, const std::vector<std::uint64_t>& sizes) {
  std::vector<std::uint64_t> out;
  const bool entered = static_cast<bool>(bench.enter());
  const auto memory = bench.cuda().memory();
  for (const std::uint64_t bytes : sizes) {
    if (out.empty() || (entered && memory && bytes * 3 <= memory->free)) out.push_back(bytes);
  }
  return out;
}

facts::Reading<facts::Rate> bus_rate(Bench& bench, std::string_view kind, int ranks, std::uint64_t bytes,
                                     const Operation& operation) {
  const int times = times_for(bytes);
  return bench.rate(static_cast<double>(bytes) * times * bus_factor(kind, ranks), kSamples,
                    [&]() -> Result<> {
                      for (int i = 0; i < times; ++i) TRY(operation());
                      return ok;
                    });
}

}  // namespace

int operations_at(std::uint64_t bytes) {
  return (kSamples + 1) * times_for(bytes) + 1;
}

double bus_factor(std::string_view kind, int ranks) {
  const double others = static_cast<double>(ranks - 1) / ranks;
  return kind == "all-reduce" ? 2 * others : others;
}

std::vector<facts::Collective> Rank::measure(int rank, int ranks, const std::vector<std::uint64_t>& sizes) {
  std::string by = "NCCL " + nccl_.version();
  if (!passed_over_.empty()) by += fmt::format(" (no NCCL: {})", passed_over_);
  facts::Collective reduce{.kind = "all-reduce", .by = by, .path = nccl_.path(), .ranks = ranks, .steps = {}};
  facts::Collective gather{.kind = "all-gather", .by = by, .path = nccl_.path(), .ranks = ranks, .steps = {}};
  const auto step = [&](std::uint64_t bytes, bool sum) -> Result<facts::CollectiveStep> {
    const std::uint64_t count =
        bytes / sizeof(float) / static_cast<std::uint64_t>(ranks) * static_cast<std::uint64_t>(ranks);
    const std::uint64_t own = sum ? count : count / static_cast<std::uint64_t>(ranks);
    const Block from = TRY(bench_->take(own * sizeof(float)));
    const Block to = TRY(bench_->take(count * sizeof(float)));
    const auto number = static_cast<std::uint32_t>(rank);
    const auto of = static_cast<std::uint32_t>(ranks);
    TRY(bench_->run("fill_share", bench_->wide(), from.at(), own, number));
    TRY(bench_->cuda().set_bytes(to.at(), 0xA5, to.bytes(), bench_->stream()));
    const Operation operation = [&] {
      return sum ? nccl_.all_reduce(to.at(), from.at(), own, bench_->stream())
                 : nccl_.all_gather(to.at(), from.at(), own, bench_->stream());
    };
    TRY(operation());
    facts::CollectiveStep made{.bytes = count * sizeof(float)};
    const Found found =
        TRY(bench_->compare(sum ? "compare_sum" : "compare_gathered", bench_->wide(), to.at(), own, of));
    made.right = right_or(found, count, sum ? "all-reduce" : "all-gather");
    made.bus = bus_rate(*bench_, sum ? "all-reduce" : "all-gather", ranks, made.bytes, operation);
    return made;
  };
  for (const std::uint64_t bytes : fitting(*bench_, sizes)) {
    for (facts::Collective* one : {&reduce, &gather}) {
      const auto made = step(bytes, one == &reduce);
      one->steps.push_back(
          made ? *made : facts::CollectiveStep{.bytes = bytes, .bus = made.error(), .right = made.error()});
    }
  }
  return {reduce, gather};
}

namespace {

facts::CollectiveStep merged_step(const std::vector<const facts::CollectiveStep*>& steps) {
  facts::CollectiveStep all = *steps.front();
  for (const facts::CollectiveStep* step : steps) {
    if (!step->bus && all.bus) all.bus = step->bus.error();
    if (!step->right && all.right) all.right = step->right.error();
    if (step == steps.front()) continue;
    if (all.right) *all.right += *step->right;
    if (!all.bus) continue;
    const std::size_t count = std::min(all.bus->samples.size(), step->bus->samples.size());
    all.bus->samples.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      all.bus->samples[i] = std::min(all.bus->samples[i], step->bus->samples[i]);
  }
  if (all.bus) all.bus->median = median(all.bus->samples);
  return all;
}

}  // namespace

std::vector<facts::Collective> merged(const std::vector<std::vector<facts::Collective>>& ranks) {
  std::vector<facts::Collective> all = ranks.front();
  for (std::size_t kind = 0; kind < all.size(); ++kind) {
    for (std::size_t i = 0; i < all[kind].steps.size(); ++i) {
      std::vector<const facts::CollectiveStep*> steps;
      for (const auto& rank : ranks) {
        if (kind < rank.size() && i < rank[kind].steps.size()) steps.push_back(&rank[kind].steps[i]);
      }
      all[kind].steps[i] = merged_step(steps);
    }
  }
  return all;
}

// ---- the ring of our own ---------------------------------------------------------------------------------

namespace {

struct Station {
  Bench* bench = nullptr;
  Block data;
  gpu::Cuda::Event done = nullptr;  // of its last step
};

// Every station takes a chunk from the one on its left, adding it or copying it, once that one has it.
class Ring {
 public:
  Ring(std::vector<Station>& stations, std::uint64_t floats) : stations_(stations), chunk_(floats / n()) {}

  Result<> all_reduce() {
    for (std::uint64_t step = 0; step + 1 < n(); ++step) {
      TRY(everywhere("add", [&](std::uint64_t r) { return r + 2 * n() - step - 1; }));
    }
    return spread(1);
  }
  Result<> all_gather() { return spread(0); }
  // So that nobody begins again while another still reads.
  Result<> meet() {
    for (Station& station : stations_) {
      TRY(station.bench->enter());
      for (const Station& other : stations_) {
        TRY(station.bench->cuda().wait_for(station.bench->stream(), other.done));
      }
    }
    return ok;
  }

 private:
  std::uint64_t n() const { return stations_.size(); }
  // `held`: 1 when station r holds chunk r + 1 to begin with, 0 when it holds chunk r.
  Result<> spread(std::uint64_t held) {
    for (std::uint64_t step = 0; step + 1 < n(); ++step) {
      TRY(everywhere("copy", [&](std::uint64_t r) { return r + 2 * n() - 1 + held - step; }));
    }
    return ok;
  }
  template <typename F>
  Result<> everywhere(std::string_view kernel, F chunk_of) {
    const std::uint64_t quads = chunk_ / 4;
    for (std::uint64_t r = 0; r < n(); ++r) {
      Bench& bench = *stations_[r].bench;
      const Station& left = stations_[(r + n() - 1) % n()];
      const std::uint64_t offset = chunk_of(r) % n() * chunk_ * sizeof(float);
      TRY(bench.enter());
      TRY(bench.cuda().wait_for(bench.stream(), left.done));
      TRY(bench.run(kernel, bench.wide(4), stations_[r].data.at() + offset, left.data.at() + offset, quads));
    }
    for (Station& station : stations_) {
      TRY(station.bench->enter());
      TRY(station.bench->cuda().record(station.done, station.bench->stream()));
    }
    return ok;
  }

  std::vector<Station>& stations_;
  std::uint64_t chunk_;
};

Result<std::vector<Station>> stations_of(Peers& peers, std::uint64_t bytes) {
  std::vector<Station> stations;
  for (int i = 0; i < peers.count(); ++i) {
    Bench& bench = peers.bench(i);
    Bench& left = peers.bench((i + peers.count() - 1) % peers.count());
    TRY(bench.enter());
    if (!TRY(bench.cuda().can_reach(bench.device(), left.device())))
      return Error(Errc::unsupported, "no NCCL was found, and the GPUs cannot reach each other");
    TRY(bench.cuda().reach(left.context()));
    stations.push_back(
        {.bench = &bench, .data = TRY(bench.take(bytes)), .done = TRY(bench.cuda().make_event())});
    TRY(bench.cuda().record(stations.back().done, bench.stream()));
  }
  return stations;
}

// Fills, runs once, compares; then the rate, by the host's clock, as all GPUs are one process's.
Result<facts::CollectiveStep> ring_step(Peers& peers, std::uint64_t bytes, bool sum) {
  const std::uint64_t n = static_cast<std::uint64_t>(peers.count());
  const std::uint64_t count = std::max<std::uint64_t>(1, bytes / sizeof(float) / (4 * n)) * 4 * n;
  auto stations = TRY(stations_of(peers, count * sizeof(float)));
  Ring ring(stations, count);
  const auto sync = [&]() -> Result<> {
    for (Station& station : stations) {
      TRY(station.bench->enter());
      TRY(station.bench->synchronize());
    }
    return ok;
  };
  for (std::uint64_t r = 0; r < n; ++r) {
    Bench& bench = *stations[r].bench;
    const auto rank = static_cast<std::uint32_t>(r);
    const std::uint64_t own = sum ? count : count / n;
    TRY(bench.enter());
    TRY(bench.cuda().set_bytes(stations[r].data.at(), 0xA5, count * sizeof(float), bench.stream()));
    TRY(bench.run("fill_share", bench.wide(), stations[r].data.at() + (sum ? 0 : r * own * sizeof(float)),
                  own, rank));
  }
  TRY(sync());
  facts::CollectiveStep step{.bytes = count * sizeof(float)};
  TRY(sum ? ring.all_reduce() : ring.all_gather());
  TRY(sync());
  step.right = std::uint64_t{0};
  for (Station& station : stations) {
    TRY(station.bench->enter());
    const Found found = TRY(station.bench->compare(sum ? "compare_sum" : "compare_gathered",
                                                   station.bench->wide(), station.data.at(),
                                                   sum ? count : count / n, static_cast<std::uint32_t>(n)));
    const auto one = right_or(found, count, sum ? "all-reduce" : "all-gather");
    if (!one)
      step.right = one.error();
    else if (step.right)
      *step.right += *one;
  }
  std::vector<double> rates;
  const int times = times_for(bytes);
  for (int sample = 0; sample <= kSamples; ++sample) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) {
      TRY(sum ? ring.all_reduce() : ring.all_gather());
      TRY(ring.meet());
    }
    TRY(sync());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double factor = bus_factor(sum ? "all-reduce" : "all-gather", peers.count());
    if (sample > 0) rates.push_back(static_cast<double>(step.bytes) * times * factor / seconds);
  }
  step.bus = rate_of(std::move(rates));
  return step;
}

}  // namespace

facts::Reading<std::vector<facts::Collective>> Peers::ring(const std::vector<std::uint64_t>& sizes) {
  std::vector<facts::Collective> all;
  for (const char* kind : {"all-reduce", "all-gather"}) {
    facts::Collective one{.kind = kind, .by = "own ring", .path = "", .ranks = count(), .steps = {}};
    for (const std::uint64_t bytes : fitting(bench(0), sizes)) {
      const auto step = ring_step(*this, bytes, one.kind == "all-reduce");
      one.steps.push_back(
          step ? *step : facts::CollectiveStep{.bytes = bytes, .bus = step.error(), .right = step.error()});
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace bringup::measure
