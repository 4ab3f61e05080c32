// SPDX-License-Identifier: Apache-2.0
#pragma once
// The coordinator of one native proof: which child does what and when, and whose error is whose. For
// native.cpp and conductor_*.cpp.

#include <bringup/measure/answer.hpp>
#include <bringup/measure/phases.hpp>
#include <bringup/measure/workers.hpp>

#include <optional>
#include <set>
#include <type_traits>

namespace bringup::measure {

class Conductor {
 public:
  explicit Conductor(const NativeRequest& request);
  facts::Reading<facts::NativeProof> prove();

 private:
  using json = nlohmann::json;
  using Steady = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  // Before: who is there, who may be used (conductor_begin.cpp).
  Result<> begin();
  // Without NVML nobody has counted: as many as there may be say whether they are there.
  static int most_gpus() { return 16; }
  void hire(int count);
  Result<std::string> hello(bool describe);
  Result<> hear_hello(const std::optional<Error>& nvml);
  static void take_description(facts::NativeGpu& gpu, const std::vector<facts::NativeGpu>& seen);
  void choose_able();
  void start();

  // Each GPU (native.cpp).
  template <typename F>
  std::invoke_result_t<F> phase(std::string_view name, F&& work) {
    const auto began = Steady::now();
    if (!soaking_) tell(name, static_cast<double>(proof_.phases.size()) / 12.0, {});
    auto result = work();
    if (!soaking_) note(name, began);
    return result;
  }
  void note(std::string_view name, Steady::time_point began) {
    proof_.phases.push_back({.name = std::string(name),
                             .began_seconds = seconds(began - origin_),
                             .seconds = seconds(Steady::now() - began)});
  }
  void tell(std::string_view name, double done, const std::vector<facts::NativeGpu>& now) const;
  void together(std::string_view name, const json& question = json::object()) {
    ask_gpus(name, able_, question);
  }
  void ask_gpus(std::string_view name, const std::vector<int>& gpus, json question = json::object());
  void host_links();
  void again_where_slow(int position);
  bool take(int position, std::string_view name, const Result<std::string>& answer);

  // Again and again (conductor_soak.cpp).
  void soak();
  std::vector<std::string> soak_types() const;

  // Pairs and all together (conductor_together.cpp).
  void pairs();
  Result<> prove_round(const std::vector<std::pair<int, int>>& round, std::vector<facts::NativePair>& all);
  void miss(const std::pair<int, int>& pair, const Error& why, std::vector<facts::NativePair>& all) const;
  Result<> open_peers();
  void collectives();
  facts::Reading<std::vector<facts::Collective>> own_ring(const Error& no_library);
  Result<> join();
  facts::Reading<std::vector<facts::Collective>> ask_ranks();
  facts::Reading<std::vector<facts::Collective>> ask_ranks(std::uint64_t bytes);
  static double seconds_for(const std::vector<facts::Collective>& so_far, std::uint64_t bytes);

  // After (native.cpp).
  void end();
  void say_what_was_not_asked();
  void say_what_was_unseen();

  // What all of them use.
  static double seconds(Steady::duration duration) { return std::chrono::duration<double>(duration).count(); }
  static std::int64_t since_boot(Steady::time_point moment) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(moment.time_since_epoch()).count();
  }
  milliseconds deadline() const {
    return milliseconds(request_.level == Level::full       ? 180000
                        : request_.level == Level::standard ? 10000
                                                            : 5000);
  }
  int worker_of(int position) const {
    return workers_[static_cast<std::size_t>(proof_.gpus[static_cast<std::size_t>(position)].index)];
  }
  facts::NativeGpu& gpu_of(int able) {
    return proof_.gpus[static_cast<std::size_t>(able_[static_cast<std::size_t>(able)])];
  }
  std::string pci_of(int able) const {
    return proof_.gpus[static_cast<std::size_t>(able_[static_cast<std::size_t>(able)])].pci;
  }
  // Where the peers' child has the GPU that is number `able` of those that can be used.
  std::ptrdiff_t position_in_peers(int able) const {
    return std::ranges::find(peer_positions_, able_[static_cast<std::size_t>(able)]) -
           peer_positions_.begin();
  }
  Result<std::string> ask(int member, const json& question, milliseconds deadline,
                          const std::string& doing = "reading NVML");
  static Result<json> parsed(const Result<std::string>& answer);
  static std::vector<facts::NativeGpu> gpus_in(const std::string& text);
  void explain_all(facts::NativeGpu& gpu, const Error& why) const;

  NativeRequest request_;
  Extent extent_;
  Steady::time_point origin_ = Steady::now();
  facts::NativeProof proof_;
  Crew crew_;
  int watcher_ = -1;
  std::vector<int> workers_;  // by CUDA ordinal
  std::set<int> answered_;    // CUDA ordinals whose children opened CUDA
  std::vector<int> able_;     // positions in proof_.gpus of those that still answer
  std::optional<int> peers_;
  std::optional<Error> peers_error_;
  std::vector<int> peer_positions_;          // able_ as it was when the peers' child opened them
  std::vector<Result<std::string>> hellos_;  // one for each of workers_
  std::uint32_t seed_ = 0x1A7E0000U;
  bool soaking_ = false;
};

}  // namespace bringup::measure
