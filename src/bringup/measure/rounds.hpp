// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pairs in rounds: in each round no GPU has two partners, and after all rounds everybody met everybody.

#include <algorithm>
#include <utility>
#include <vector>

namespace bringup::measure {

// The circle method: one stays, the others move on by one place a round.
inline std::vector<std::vector<std::pair<int, int>>> rounds_of(int count) {
  const int seats = count + count % 2;
  std::vector<std::vector<std::pair<int, int>>> rounds;
  for (int round = 0; round + 1 < seats; ++round) {
    std::vector<std::pair<int, int>> pairs;
    const auto at = [&](int seat) { return seat == 0 ? 0 : (seat - 1 + round) % (seats - 1) + 1; };
    for (int seat = 0; seat < seats / 2; ++seat) {
      const auto pair = std::minmax({at(seat), at(seats - 1 - seat)});
      if (pair.second < count) pairs.emplace_back(pair.first, pair.second);
    }
    rounds.push_back(std::move(pairs));
  }
  return rounds;
}

}  // namespace bringup::measure
