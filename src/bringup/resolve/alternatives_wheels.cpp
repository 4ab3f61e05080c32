// SPDX-License-Identifier: Apache-2.0
// The sets of wheels next to the chosen one: a newer one that was ruled out, and the next that would do.
#include <bringup/resolve/alternatives.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using catalog::Known;
using catalog::WheelSet;

constexpr std::size_t kMost = 2;

Alternative alternative(const WheelSet& wheels, std::string ruled_out) {
  return {.what = wheels_text(wheels) +
                  (wheels.torchaudio ? fmt::format(", torchaudio {}", *wheels.torchaudio) : ""),
          .ruled_out = std::move(ruled_out),
          .source = wheels.from.source,
          .known = wheels.from.known};
}

// Everything that a set is asked about, for one environment.
struct Asked {
  const Problem& problem;
  const Solution& solution;
  Wishes wishes;
  const WheelSet* chosen = nullptr;

  std::optional<WheelRejection> rejection(const WheelSet& wheels) const {
    return wheel_rejection(problem, solution.driver, solution.python.choice.version, wishes, wheels);
  }
  std::string reason(const WheelSet& wheels) const {
    const auto why = rejection(wheels);
    if (why) return say(problem, solution.driver, solution.python.choice.version, wishes, wheels, *why);
    if (chosen == nullptr) return "it would do, and what is here already does as well and needs no change";
    if (wheels.from.known == Known::inferred && chosen->from.known != Known::inferred)
      return "it should do, and nobody has seen that it works: it is only inferred";
    if (!problem.has_gpus() && wheels.variant != "cpu")
      return "it would do, and is larger than the CPU's own";
    if (wheels.torch < chosen->torch) return "it would do, and is older";
    if (wheels.from.known != Known::tried && chosen->from.known == Known::tried)
      return "it would do, and was only read about: what was tried comes first";
    return wheels.index == chosen->index ? "it would do, and is for an older CUDA"
                                         : "it would do, and PyPI comes before the PyTorch index";
  }
};

// Of each newer torch, the set that says most about why it was not taken; the nearest first.
std::vector<const WheelSet*> newer(const Asked& asked) {
  std::vector<const WheelSet*> out;
  const auto telling = [&asked](const WheelSet& wheels) {
    const auto why = asked.rejection(wheels);
    return why ? weight(why->rule) : -1;
  };
  for (const WheelSet& wheels : asked.problem.catalog->wheels) {
    if (asked.chosen == nullptr || wheels.torch <= asked.chosen->torch) break;
    if (out.empty() || out.back()->torch != wheels.torch)
      out.push_back(&wheels);
    else if (telling(wheels) < telling(*out.back()))
      out.back() = &wheels;
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<const WheelSet*> that_would_do(const Asked& asked) {
  std::vector<const WheelSet*> out;
  for (const WheelSet& wheels : asked.problem.catalog->wheels) {
    if (&wheels != asked.chosen && !asked.rejection(wheels)) out.push_back(&wheels);
  }
  std::ranges::stable_sort(out, {}, [&asked](const WheelSet* one) {
    return std::tuple(asked.chosen != nullptr && asked.chosen->torch < one->torch,
                      one->from.known == Known::inferred);
  });
  return out;
}

}  // namespace

Alternatives wheel_alternatives(const Problem& problem, const Solution& solution, std::size_t index) {
  const Asked asked{.problem = problem,
                    .solution = solution,
                    .wishes = wishes_of(problem.envs[index]),
                    .chosen = solution.envs[index].wheels};
  const std::vector<const WheelSet*> better = newer(asked);
  std::vector<const WheelSet*> order;
  if (!better.empty()) order.push_back(better.front());
  for (const WheelSet* one : that_would_do(asked)) order.push_back(one);
  for (const WheelSet* one : better) order.push_back(one);
  for (const WheelSet& one : problem.catalog->wheels) order.push_back(&one);
  Alternatives out;
  std::vector<const WheelSet*> told{asked.chosen};
  for (const WheelSet* one : order) {
    if (out.size() >= kMost) break;
    if (std::ranges::find(told, one) != told.end()) continue;
    told.push_back(one);
    out.push_back(alternative(*one, asked.reason(*one)));
  }
  return out;
}

}  // namespace bringup::resolve
