// SPDX-License-Identifier: Apache-2.0
// Pairs of GPUs in rounds, and all of them together.
#include <bringup/facts/native_json.hpp>
#include <bringup/measure/conductor.hpp>
#include <bringup/measure/peers.hpp>
#include <bringup/measure/rounds.hpp>

#include <algorithm>

namespace bringup::measure {

// Rounds of pairs that share no GPU. When the child hangs or dies in a round of several, each pair of that
// round is tried alone, so that the error is the pair's own.
void Conductor::pairs() {
  std::vector<facts::NativePair> all;
  for (const auto& round : rounds_of(static_cast<int>(able_.size()))) {
    std::vector<std::pair<int, int>> again;
    const auto together_now = prove_round(round, all);
    if (!together_now && round.size() > 1) again = round;
    if (!together_now && round.size() == 1) miss(round.front(), together_now.error(), all);
    for (const auto& pair : again) {
      if (const auto alone = prove_round({pair}, all); !alone) miss(pair, alone.error(), all);
    }
  }
  proof_.pairs = std::move(all);
}

Result<> Conductor::prove_round(const std::vector<std::pair<int, int>>& round,
                                std::vector<facts::NativePair>& all) {
  TRY(open_peers());
  json positions = json::array();
  for (const auto& [a, b] : round) positions.push_back({position_in_peers(a), position_in_peers(b)});
  const json question{{"do", "pairs"}, {"pairs", positions}};
  const auto answer =
      phase("pairs", [&] { return ask(*peers_, question, deadline(), "copying between GPUs"); });
  if (!answer) return answer.error();
  auto made = TRY(facts::part_from_json<std::vector<facts::NativePair>>(*answer));
  if (made.size() != round.size() * 2) return Error(Errc::malformed, "not two answers for each pair");
  for (std::size_t i = 0; i < made.size(); ++i) {
    const auto& [a, b] = round[i / 2];
    made[i].from = pci_of(i % 2 == 0 ? a : b);
    made[i].to = pci_of(i % 2 == 0 ? b : a);
    gpu_of(i % 2 == 0 ? a : b).exposure.bytes_to_peers += made[i].moved_bytes;
    all.push_back(std::move(made[i]));
  }
  return ok;
}

void Conductor::miss(const std::pair<int, int>& pair, const Error& why,
                     std::vector<facts::NativePair>& all) const {
  for (const auto& [a, b] : {pair, std::pair(pair.second, pair.first)}) {
    all.push_back({.from = pci_of(a),
                   .to = pci_of(b),
                   .reachable = why,
                   .copied_right = why,
                   .stored_right = why,
                   .loaded_right = why,
                   .copy = why,
                   .both_ways = why});
  }
}

// A fresh child when the last one is gone.
Result<> Conductor::open_peers() {
  if (peers_ && !peers_error_ && !crew_.gone(*peers_)) return ok;
  peers_error_.reset();
  peers_ = crew_.hire("pairs", [this] { return peers_duty(request_); });
  peer_positions_ = able_;
  std::vector<int> ordinals;
  for (const int gpu : able_) ordinals.push_back(proof_.gpus[static_cast<std::size_t>(gpu)].index);
  const auto hello = ask(*peers_, {{"do", "hello"}}, milliseconds(60000), "opening CUDA");
  if (!hello) return hello.error();
  const auto opened =
      parsed(ask(*peers_, {{"do", "open"}, {"ordinals", ordinals}}, milliseconds(60000), "making contexts"));
  if (!opened) peers_error_ = opened.error();
  return opened ? ok : Result<>(opened.error());
}

void Conductor::collectives() {
  auto through_nccl = phase("nccl join", [this] { return join(); });
  if (through_nccl) {
    proof_.collectives = phase("collectives", [this] { return ask_ranks(); });
    return;
  }
  // No library is a reason for a ring of our own; a library that failed is its own error.
  if (through_nccl.error().code() != Errc::absent) {
    proof_.collectives = through_nccl.error();
    return;
  }
  proof_.collectives = own_ring(through_nccl.error());
}

facts::Reading<std::vector<facts::Collective>> Conductor::own_ring(const Error& no_library) {
  TRY(open_peers());
  const auto answer = phase("ring", [&] {
    return ask(*peers_, {{"do", "ring"}}, deadline(), "summing over a ring");
  });
  if (!answer) return answer.error();
  auto made = TRY(facts::part_from_json<std::vector<facts::Collective>>(*answer));
  for (facts::Collective& one : made) one.by += fmt::format(" (no NCCL: {})", no_library.message());
  return made;
}

Result<> Conductor::join() {
  const std::string first =
      TRY(ask(worker_of(able_.front()), {{"do", "nccl id"}}, deadline(), "opening NCCL"));
  const json told = TRY(parsed(first));
  std::vector<Crew::Question> questions;
  for (std::size_t rank = 0; rank < able_.size(); ++rank) {
    const json question{
        {"do", "nccl join"}, {"id", text_in(told, "id")}, {"ranks", able_.size()}, {"rank", rank}};
    questions.push_back({worker_of(able_[rank]), question.dump()});
  }
  for (const auto& answer : crew_.ask(questions, "joining NCCL's ranks", deadline())) TRY(parsed(answer));
  return ok;
}

// One size after the other, until the memory or the time is too little for the next: over a slow way a few
// sizes tell enough.
facts::Reading<std::vector<facts::Collective>> Conductor::ask_ranks() {
  std::vector<facts::Collective> all;
  for (const std::uint64_t bytes : extent_.sizes) {
    if (!all.empty() && seconds_for(all, bytes) > seconds(deadline()) / 3) break;
    std::vector<facts::Collective> one = TRY(ask_ranks(bytes));
    const bool full = std::ranges::any_of(one, [](const facts::Collective& kind) {
      const auto& bus = kind.steps.back().bus;
      return !bus && bus.error().code() == Errc::busy;
    });
    if (full && !all.empty()) break;
    if (all.empty()) {
      all = std::move(one);
      continue;
    }
    for (std::size_t kind = 0; kind < std::min(one.size(), all.size()); ++kind)
      all[kind].steps.push_back(one[kind].steps.back());
  }
  return all;
}

// What `bytes` will take at the rates of the size before. The very first operation opens connections, so that
// the time it took tells nothing.
double Conductor::seconds_for(const std::vector<facts::Collective>& so_far, std::uint64_t bytes) {
  double all = 0;
  for (const facts::Collective& kind : so_far) {
    const facts::Reading<facts::Rate>& bus = kind.steps.back().bus;
    if (bus) all += operations_at(bytes) * static_cast<double>(bytes) / std::max(bus->median, 1.0);
  }
  return all;
}

facts::Reading<std::vector<facts::Collective>> Conductor::ask_ranks(std::uint64_t bytes) {
  std::vector<Crew::Question> questions;
  for (std::size_t rank = 0; rank < able_.size(); ++rank) {
    const json question{
        {"do", "collectives"}, {"ranks", able_.size()}, {"rank", rank}, {"sizes", json::array({bytes})}};
    questions.push_back({worker_of(able_[rank]), question.dump()});
  }
  std::vector<std::vector<facts::Collective>> ranks;
  for (const auto& answer : crew_.ask(questions, "summing through NCCL", deadline())) {
    if (!answer) return answer.error();
    ranks.push_back(TRY(facts::part_from_json<std::vector<facts::Collective>>(*answer)));
  }
  return merged(ranks);
}

}  // namespace bringup::measure
