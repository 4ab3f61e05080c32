// SPDX-License-Identifier: Apache-2.0
// The order in which GPUs are best used: neighbours in a ring next to each other, those on a narrow way last.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/wires.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>

namespace bringup::diagnose {
namespace {

constexpr std::size_t kMostTried = 8;   // GPUs of which every ring is tried: 5040 rings
constexpr double kMuchLess = 0.6;       // half the lanes or one generation less
constexpr int kUnknownRank = 1000;      // after everything that is known
constexpr std::uint64_t kPerRank = 64;  // more than a ring has edges

using Ring = std::vector<std::size_t>;  // indices into Topology::gpus

// The nearer, the less.
int rank_of(const GpuPair& pair) {
  if (pair.nvlinks && *pair.nvlinks > 0) return -*pair.nvlinks;
  if (!pair.nvlinks && pair.nvlinked) return kUnknownRank;
  return pair.distance ? 1 + static_cast<int>(*pair.distance) : kUnknownRank;
}

class Costs {
 public:
  explicit Costs(const Topology& topology) : size_(topology.gpus.size()), costs_(size_ * size_, 0) {
    std::map<int, std::uint64_t> steps;  // one edge of a rank costs more than a whole ring of the rank below
    for (const GpuPair& pair : topology.pairs) steps.emplace(rank_of(pair), 0);
    std::uint64_t cost = 1;
    for (auto& [rank, step] : steps) {
      step = cost;
      if (cost < (std::uint64_t{1} << 48U)) cost *= kPerRank;
    }
    for (const GpuPair& pair : topology.pairs)
      costs_[pair.a * size_ + pair.b] = costs_[pair.b * size_ + pair.a] = steps[rank_of(pair)];
  }
  std::uint64_t between(std::size_t a, std::size_t b) const { return costs_[a * size_ + b]; }
  std::uint64_t of(const Ring& ring) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < ring.size(); ++i) sum += between(ring[i], ring[(i + 1) % ring.size()]);
    return sum;
  }
  std::vector<std::uint64_t> steps(const Ring& ring) const {
    std::vector<std::uint64_t> out;
    for (std::size_t i = 0; i + 1 < ring.size(); ++i) out.push_back(between(ring[i], ring[i + 1]));
    return out;
  }

 private:
  std::size_t size_;
  std::vector<std::uint64_t> costs_;
};

// Every ring that begins with the first GPU. Of equal ones the one that begins with near neighbours, for jobs
// on the first few; of those the one nearest to the order of the bus.
Ring best_of_all(const Ring& gpus, const Costs& costs) {
  Ring best = gpus;
  Ring tried = gpus;
  while (std::next_permutation(tried.begin() + 1, tried.end())) {
    if (costs.of(tried) > costs.of(best)) continue;
    if (costs.of(tried) < costs.of(best) || costs.steps(tried) < costs.steps(best)) best = tried;
  }
  return best;
}

// For many GPUs: from neighbour to nearest neighbour, then pieces are turned round while that is better.
Ring best_found(const Ring& gpus, const Costs& costs) {
  Ring left(gpus.begin() + 1, gpus.end());
  Ring ring{gpus.front()};
  while (!left.empty()) {
    const auto next =
        std::ranges::min_element(left, {}, [&](std::size_t gpu) { return costs.between(ring.back(), gpu); });
    ring.push_back(*next);
    left.erase(next);
  }
  for (bool better = true; better;) {
    better = false;
    for (std::size_t begin = 1; begin + 1 < ring.size(); ++begin) {
      for (std::size_t end = begin + 2; end <= ring.size(); ++end) {
        Ring turned = ring;
        std::reverse(turned.begin() + static_cast<std::ptrdiff_t>(begin),
                     turned.begin() + static_cast<std::ptrdiff_t>(end));
        if (costs.of(turned) >= costs.of(ring)) continue;
        ring = std::move(turned);
        better = true;
      }
    }
  }
  return costs.of(gpus) <= costs.of(ring) ? gpus : ring;
}

Ring best_ring(const Ring& gpus, const Costs& costs) {
  if (gpus.size() < 4) return gpus;  // of three there is only one
  return gpus.size() <= kMostTried ? best_of_all(gpus, costs) : best_found(gpus, costs);
}

const GpuPair& pair_of(const Topology& topology, std::size_t a, std::size_t b) {
  return *std::ranges::find_if(topology.pairs,
                               [low = std::min(a, b), high = std::max(a, b)](const GpuPair& one) {
                                 return one.a == low && one.b == high;
                               });
}

// "4 of PIX, 2 of SYS": the steps of a ring, nearest first.
std::string steps_of(const Topology& topology, const Ring& ring) {
  std::map<std::pair<int, std::string>, int> counts;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const GpuPair& pair = pair_of(topology, ring[i], ring[(i + 1) % ring.size()]);
    ++counts[{rank_of(pair), pair.word()}];
  }
  std::vector<std::string> parts;
  for (const auto& [kind, count] : counts) parts.push_back(fmt::format("{} {}", count, kind.second));
  return base::join(parts, ", ");
}

std::string indices(const Topology& topology, const Ring& gpus) {
  std::vector<std::string> parts;
  for (const std::size_t gpu : gpus) parts.push_back(std::to_string(topology.gpus[gpu].index));
  return base::join(parts, ",");
}

// Sets of GPUs that the shortest distance joins; none when that is all of them, or a set is of one alone.
std::vector<std::vector<int>> nearest_groups(const Topology& topology, const Ring& gpus) {
  int nearest = kUnknownRank;
  for (const std::size_t a : gpus) {
    for (const std::size_t b : gpus) {
      if (a != b) nearest = std::min(nearest, rank_of(pair_of(topology, a, b)));
    }
  }
  std::vector<std::vector<int>> groups;
  Ring left = gpus;
  while (!left.empty() && nearest != kUnknownRank) {
    Ring group{left.front()};
    left.erase(left.begin());
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (auto other = left.begin(); other != left.end();) {
        const bool joined = rank_of(pair_of(topology, group[i], *other)) == nearest;
        if (joined) group.push_back(*other);
        other = joined ? left.erase(other) : other + 1;
      }
    }
    if (group.size() == gpus.size() || group.size() == 1) return {};
    std::vector<int> members;
    for (const std::size_t gpu : group) members.push_back(topology.gpus[gpu].index);
    groups.push_back(std::move(members));
  }
  return groups;
}

double best_rate(const Topology& topology) {
  double best = 0;
  for (const TopologyGpu& gpu : topology.gpus) best = std::max(best, gpu.host_bytes_per_second);
  return best;
}

std::string why_last(const Topology& topology, std::size_t gpu, const Ring& fast) {
  const TopologyGpu& slow = topology.gpus[gpu];
  std::string why = fmt::format(
      "GPU {} comes last: its way to the processor carries {:.1f} GB/s where that of "
      "another carries {:.1f} GB/s",
      slow.index, slow.host_bytes_per_second / 1e9, best_rate(topology) / 1e9);
  if (!fast.empty()) why += fmt::format("; CUDA_VISIBLE_DEVICES={} leaves it out", indices(topology, fast));
  return why;
}

std::string why_ring(const Topology& topology, const Ring& fast, const Ring& ring) {
  const std::string steps = steps_of(topology, ring);
  if (ring != fast)
    return fmt::format(
        "in a ring, where each GPU sends to the next one, this order takes {}; by the bus ({}) "
        "it would take {}",
        steps, indices(topology, fast), steps_of(topology, fast));
  const bool alike = std::ranges::all_of(ring, [&](std::size_t a) {
    return std::ranges::all_of(ring, [&](std::size_t b) {
      return a == b || rank_of(pair_of(topology, a, b)) == rank_of(pair_of(topology, ring[0], ring[1]));
    });
  });
  if (alike && ring.size() > 1)
    return fmt::format("{} joined by {}", ring.size() == 2 ? "the two are" : "every two of them are",
                       pair_of(topology, ring[0], ring[1]).word());
  if (ring.size() < 4) return "";  // there is no other ring
  return fmt::format(
      "the order of the bus is already the best: in a ring, where each GPU sends to the next "
      "one, it takes {}",
      steps);
}

void add_direct(const Topology& topology, Suggestion& suggestion) {
  const bool none =
      std::ranges::all_of(topology.pairs, [](const GpuPair& pair) { return pair.direct && !*pair.direct; });
  if (none)
    suggestion.reasons.emplace_back(
        "no GPU can read another's memory directly, NVML says: what goes between them passes through main "
        "memory, and so over the way of each to the processor");
}

}  // namespace

std::optional<Suggestion> suggest(const Topology& topology) {
  Ring fast;
  Ring slow;
  const double best = best_rate(topology);
  for (std::size_t gpu = 0; gpu < topology.gpus.size(); ++gpu) {
    const TopologyGpu& one = topology.gpus[gpu];
    if (one.index < 0) continue;  // CUDA will not show it
    const bool narrow = one.host_bytes_per_second > 0 && one.host_bytes_per_second < best * kMuchLess;
    (narrow ? slow : fast).push_back(gpu);
  }
  const bool seen =
      std::ranges::any_of(topology.pairs, [](const GpuPair& pair) { return rank_of(pair) != kUnknownRank; });
  if (fast.size() + slow.size() < 2 || (!seen && slow.empty())) return std::nullopt;
  std::ranges::stable_sort(slow, std::ranges::greater{},
                           [&topology](std::size_t gpu) { return topology.gpus[gpu].host_bytes_per_second; });
  const Costs costs(topology);
  const Ring ring = best_ring(fast, costs);
  Suggestion out;
  for (const std::size_t gpu : ring) out.order.push_back(topology.gpus[gpu].index);
  std::string why = ring.size() > 1 && seen ? why_ring(topology, fast, ring) : "";
  if (!why.empty()) out.reasons.push_back(std::move(why));
  for (const std::size_t gpu : slow) {
    out.order.push_back(topology.gpus[gpu].index);
    out.last.push_back(topology.gpus[gpu].index);
    out.reasons.push_back(why_last(topology, gpu, fast));
  }
  out.any_order = slow.empty() && std::ranges::all_of(topology.pairs, [&](const GpuPair& pair) {
                    return rank_of(pair) == rank_of(topology.pairs.front());
                  });
  out.groups = nearest_groups(topology, ring);
  add_direct(topology, out);
  return out;
}

}  // namespace bringup::diagnose
