// SPDX-License-Identifier: Apache-2.0
// The coordinator of the native proof: which child does what and when, and whose error is whose.
#include <bringup/facts/native_json.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/native.hpp>
#include <bringup/measure/phases.hpp>
#include <bringup/measure/rounds.hpp>
#include <bringup/measure/peers.hpp>
#include <bringup/measure/workers.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <type_traits>

namespace bringup::measure {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// For a child to be told a common moment before that moment comes.
constexpr milliseconds kNotice{2};

// What libraries heed and a figure may depend on.
constexpr std::array kSettings{"CUDA_VISIBLE_DEVICES",  "CUDA_DEVICE_ORDER",   "NVIDIA_VISIBLE_DEVICES",
                               "NCCL_P2P_DISABLE",      "NCCL_P2P_LEVEL",      "NCCL_SHM_DISABLE",
                               "NCCL_NVLS_ENABLE",      "NCCL_ALGO",           "NCCL_PROTO",
                               "NCCL_MAX_NCHANNELS",    "NCCL_MIN_NCHANNELS",  "NCCL_BUFFSIZE",
                               "NCCL_CONF_FILE",        "NCCL_SOCKET_IFNAME",  "NCCL_TOPO_FILE",
                               "CUDA_LAUNCH_BLOCKING",  "LD_LIBRARY_PATH"};

// Keeps what was measured; what was not gets the error.
template <typename T>
void explain(facts::Reading<T>& reading, const Error& why) {
  if (!reading && reading.error().code() == Errc::absent) reading = why;
}

// The error of everything that one phase measures on a GPU.
void explain_phase(facts::NativeGpu& gpu, std::string_view phase, const Error& why,
                   const std::vector<std::string>& types) {
  if (phase == "start") {
    explain(gpu.context_seconds, why);
    explain(gpu.kernel_elements, why);
    explain(gpu.near, why);
  } else if (phase == "memory") {
    gpu.memory = why;  // a later round that did not end is no pass either
  } else if (phase == "memory rate") {
    explain(gpu.memory_read, why);
    explain(gpu.memory_write, why);
    explain(gpu.memory_copy, why);
  } else if (phase == "host link") {
    explain(gpu.host_copies_right, why);
    explain(gpu.to_device, why);
    explain(gpu.to_host, why);
    explain(gpu.both_ways, why);
  } else if (phase == "host link together") {
    explain(gpu.to_device_together, why);
    explain(gpu.to_host_together, why);
  } else if (phase == "matrices" && gpu.matrices.empty()) {
    for (const std::string& type : types) {
      gpu.matrices.push_back({.type = type, .by = "", .path = "", .operations = why, .right = why, .digest = why});
    }
  } else if (phase == "matrices") {
    for (facts::MatrixRate& matrix : gpu.matrices) {
      matrix.operations = why;
      matrix.right = why;
    }
  }
}

std::string who(const std::vector<facts::Holder>& holders) {
  std::string text;
  for (const facts::Holder& holder : holders) {
    text += fmt::format("{}process {}{} ({} MiB)", text.empty() ? "" : ", ", holder.pid,
                        holder.name.empty() ? "" : " " + holder.name, holder.bytes >> 20U);
  }
  return text;
}

class Conductor {
 public:
  explicit Conductor(const NativeRequest& request) : request_(request), extent_(extent_of(request.level)) {
    proof_.level = level_name(request.level);
    for (const char* name : kSettings) {
      if (const char* value = std::getenv(name)) proof_.settings.push_back(fmt::format("{}={}", name, value));
    }
  }

  facts::Reading<facts::NativeProof> prove() {
    TRY(begin());
    together("memory");
    together("memory rate");
    for (const int gpu : able_) ask_gpus("host link", {gpu});
    if (able_.size() > 1)
      together("host link together");
    else
      for_all("host link together", {Errc::absent, "one GPU: nothing is done together"});
    if (!extent_.types.empty()) together("matrices");
    soak();
    if (request_.level == Level::quick) {
      proof_.pairs = Error(Errc::absent, "not measured at level quick");
      proof_.collectives = proof_.pairs.error();
    } else if (able_.size() < 2) {
      const bool one = proof_.gpus.size() == 1;
      proof_.pairs = one ? Error(Errc::absent, "one GPU: there are no pairs")
                         : Error(Errc::busy, "fewer than two GPUs could be used");
      proof_.collectives = proof_.pairs.error();
    } else {
      pairs();
      collectives();
    }
    end();
    if (host::interrupted()) return Error(Errc::cancelled, "stopped at your word");
    return std::move(proof_);
  }

 private:
  // ---- before ---------------------------------------------------------------------------------------------

  Result<> begin() {
    watcher_ = crew_.hire("NVML", [this] { return watch_duty(request_); });
    const auto described = phase("look", [this] { return ask(watcher_, {{"do", "describe"}}, milliseconds(15000)); });
    std::vector<facts::NativeGpu> seen;
    if (described) seen = gpus_in(*described);
    const int count = described ? static_cast<int>(seen.size()) : most_gpus();
    TRY(hello(count, described ? std::optional<Error>() : described.error()));
    for (facts::NativeGpu& gpu : proof_.gpus) take_description(gpu, seen);
    if (described) {
      static_cast<void>(ask(watcher_, {{"do", "begin"}, {"origin", since_boot(origin_)}}, milliseconds(5000)));
    }
    choose_able();
    start();
    return ok;
  }

  // Without NVML nobody has counted: as many as there may be say whether they are there.
  static int most_gpus() { return 16; }

  Result<> hello(int count, const std::optional<Error>& nvml) {
    for (int ordinal = 0; ordinal < count; ++ordinal) {
      workers_.push_back(
          crew_.hire(fmt::format("GPU {}", ordinal), [this, ordinal] { return gpu_duty(request_, ordinal); }));
    }
    if (count > 1 && request_.level != Level::quick)
      peers_ = crew_.hire("pairs", [this] { return peers_duty(request_); });
    std::vector<Crew::Question> questions;
    for (const int worker : workers_) questions.push_back({worker, json{{"do", "hello"}}.dump()});
    if (peers_) questions.push_back({*peers_, json{{"do", "hello"}}.dump()});
    const auto answers =
        phase("hello", [&] { return crew_.ask(questions, "opening CUDA", milliseconds(60000)); });
    std::optional<Error> first = nvml;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const auto told = parsed(answers[i]);
      facts::NativeGpu gpu{.index = static_cast<int>(i), .pci = "", .name = "", .uuid = ""};
      if (!told) {
        if (!first || nvml) first = told.error();
        explain_all(gpu, told.error());
      } else if (told->value("count", 0) <= gpu.index) {
        continue;  // hidden from CUDA, or not there
      } else {
        proof_.driver_version = told->value("driver", 0);
        gpu.pci = text_in(*told, "pci");
        answered_.insert(gpu.index);
      }
      proof_.gpus.push_back(std::move(gpu));
    }
    if (answered_.empty()) return first ? *first : Error(Errc::absent, "CUDA counts no GPU");
    return ok;
  }

  // What NVML said of the GPU with this address. One that CUDA could not name gets the name of its number.
  static void take_description(facts::NativeGpu& gpu, const std::vector<facts::NativeGpu>& seen) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const bool same = gpu.pci.empty() ? static_cast<int>(i) == gpu.index : seen[i].pci == gpu.pci;
      if (!same) continue;
      gpu.pci = seen[i].pci;
      gpu.name = seen[i].name;
      gpu.uuid = seen[i].uuid;
      gpu.build = seen[i].build;
      gpu.link = seen[i].link;
      gpu.nvlink = seen[i].nvlink;
      gpu.power_limit_watts = seen[i].power_limit_watts;
      gpu.power_default_watts = seen[i].power_default_watts;
      gpu.holders = seen[i].holders;
      gpu.errors_before = seen[i].errors_before;
    }
  }

  // GPUs that others compute on are left alone.
  void choose_able() {
    for (std::size_t i = 0; i < proof_.gpus.size(); ++i) {
      facts::NativeGpu& gpu = proof_.gpus[i];
      if (!answered_.contains(gpu.index)) continue;
      if (gpu.holders && !gpu.holders->empty()) {
        explain_all(gpu, {Errc::busy, "held by " + who(*gpu.holders)});
        continue;
      }
      able_.push_back(static_cast<int>(i));
    }
  }

  void start() {
    std::vector<Crew::Question> questions;
    for (const int gpu : able_) questions.push_back({worker_of(gpu), json{{"do", "start"}}.dump()});
    if (peers_ && able_.size() > 1) {
      std::vector<int> ordinals;
      for (const int gpu : able_) ordinals.push_back(proof_.gpus[static_cast<std::size_t>(gpu)].index);
      questions.push_back({*peers_, json{{"do", "open"}, {"ordinals", ordinals}}.dump()});
    }
    const auto answers =
        phase("start", [&] { return crew_.ask(questions, "making a context", milliseconds(60000)); });
    std::vector<int> started;
    for (std::size_t i = 0; i < able_.size(); ++i) {
      if (take(able_[i], "start", answers[i])) started.push_back(able_[i]);
    }
    peer_positions_ = able_;
    able_ = started;
    if (answers.size() > peer_positions_.size()) {
      if (const auto opened = parsed(answers.back()); !opened) peers_error_ = opened.error();
    }
  }

  // ---- phases ---------------------------------------------------------------------------------------------

  template <typename F>
  std::invoke_result_t<F> phase(std::string_view name, F&& work) {
    if (request_.progress) request_.progress(name, static_cast<double>(proof_.phases.size()) / 12.0);
    const auto began = Steady::now();
    auto result = work();
    proof_.phases.push_back({.name = std::string(name),
                             .began_seconds = seconds(began - origin_),
                             .seconds = seconds(Steady::now() - began)});
    return result;
  }

  void together(std::string_view name, json question = json::object()) { ask_gpus(name, able_, question); }

  // Asks the GPUs with these positions to do a phase, from one moment on.
  void ask_gpus(std::string_view name, const std::vector<int>& gpus, json question = json::object()) {
    question["do"] = name;
    question["seed"] = ++seed_;
    question["at"] = since_boot(Steady::now() + kNotice);
    std::vector<Crew::Question> questions;
    for (const int gpu : gpus) questions.push_back({worker_of(gpu), question.dump()});
    const auto answers = phase(name, [&] {
      return crew_.ask(questions, fmt::format("doing '{}'", name), deadline());
    });
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      if (!take(gpus[i], name, answers[i])) std::erase(able_, gpus[i]);
    }
  }

  // False when the GPU's child is no more, or never began.
  bool take(int position, std::string_view name, const Result<std::string>& answer) {
    facts::NativeGpu& gpu = proof_.gpus[static_cast<std::size_t>(position)];
    auto part = answer ? facts::part_from_json<facts::NativeGpu>(*answer) : answer.error();
    if (!part) {
      explain_phase(gpu, name, part.error(), extent_.types);
      explain_all(gpu, part.error());
      return false;
    }
    // Of what is known already, the child knows nothing.
    part->pci = gpu.pci;
    part->uuid = gpu.uuid;
    part->link = gpu.link;
    part->nvlink = gpu.nvlink;
    part->power_limit_watts = gpu.power_limit_watts;
    part->power_default_watts = gpu.power_default_watts;
    part->holders = gpu.holders;
    part->errors_before = gpu.errors_before;
    if (gpu.build && part->build) {  // NVML's clocks are those that the card may reach
      const int multiprocessors = part->build->multiprocessors;
      part->build = gpu.build;
      part->build->multiprocessors = multiprocessors;
    }
    gpu = std::move(*part);
    return true;
  }

  void soak() {
    const auto until = Steady::now() + request_.soak;
    while (Steady::now() < until && !able_.empty() && !host::interrupted()) {
      together("matrices", {{"seconds", 5.0}});
      together("memory");
    }
  }

  // Rounds of pairs that share no GPU. When the child hangs or dies in a round of several, each pair of that
  // round is tried alone, so that the error is the pair's own.
  void pairs() {
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

  Result<> prove_round(const std::vector<std::pair<int, int>>& round, std::vector<facts::NativePair>& all) {
    TRY(open_peers());
    json positions = json::array();
    for (const auto& [a, b] : round) positions.push_back({position_in_peers(a), position_in_peers(b)});
    const json question{{"do", "pairs"}, {"pairs", positions}};
    const auto answer = phase("pairs", [&] { return ask(*peers_, question, deadline(), "copying between GPUs"); });
    if (!answer) return answer.error();
    auto made = TRY(facts::part_from_json<std::vector<facts::NativePair>>(*answer));
    if (made.size() != round.size() * 2) return Error(Errc::malformed, "not two answers for each pair");
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto& [a, b] = round[i / 2];
      made[i].from = pci_of(i % 2 == 0 ? a : b);
      made[i].to = pci_of(i % 2 == 0 ? b : a);
      note_peer_bytes(i % 2 == 0 ? a : b, made[i]);
      all.push_back(std::move(made[i]));
    }
    return ok;
  }

  void note_peer_bytes(int able, const facts::NativePair& pair) {
    auto& exposure = proof_.gpus[static_cast<std::size_t>(able_[static_cast<std::size_t>(able)])].exposure;
    const auto copies = static_cast<std::uint64_t>(extent_.host_samples + 1) * 4;
    for (const auto* right : {&pair.copied_right, &pair.stored_right, &pair.loaded_right}) {
      if (*right) exposure.bytes_to_peers += **right;
    }
    if (pair.copy) exposure.bytes_to_peers += copies * extent_.pair_bytes;
    if (pair.both_ways) exposure.bytes_to_peers += copies * extent_.pair_bytes;
  }

  void miss(const std::pair<int, int>& pair, const Error& why, std::vector<facts::NativePair>& all) const {
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
  Result<> open_peers() {
    if (peers_ && !peers_error_ && !crew_.gone(*peers_)) return ok;
    peers_error_.reset();
    peers_ = crew_.hire("pairs", [this] { return peers_duty(request_); });
    peer_positions_ = able_;
    std::vector<int> ordinals;
    for (const int gpu : able_) ordinals.push_back(proof_.gpus[static_cast<std::size_t>(gpu)].index);
    const auto hello = ask(*peers_, {{"do", "hello"}}, milliseconds(60000), "opening CUDA");
    if (!hello) return hello.error();
    const auto opened = parsed(ask(*peers_, {{"do", "open"}, {"ordinals", ordinals}}, milliseconds(60000),
                                   "making contexts"));
    if (!opened) peers_error_ = opened.error();
    return opened ? ok : Result<>(opened.error());
  }

  void collectives() {
    auto through_nccl = phase("nccl join", [this] { return join(); });
    if (through_nccl) {
      proof_.collectives = ask_ranks();
      return;
    }
    // No library is a reason for a ring of our own; a library that failed is its own error.
    if (through_nccl.error().code() != Errc::absent) {
      proof_.collectives = through_nccl.error();
      return;
    }
    proof_.collectives = own_ring(through_nccl.error());
  }

  facts::Reading<std::vector<facts::Collective>> own_ring(const Error& no_library) {
    TRY(open_peers());
    const auto answer =
        phase("ring", [&] { return ask(*peers_, {{"do", "ring"}}, deadline(), "summing over a ring"); });
    if (!answer) return answer.error();
    auto made = TRY(facts::part_from_json<std::vector<facts::Collective>>(*answer));
    for (facts::Collective& one : made) one.by += fmt::format(" (no NCCL: {})", no_library.message());
    return made;
  }

  Result<> join() {
    const std::string first = TRY(ask(worker_of(able_.front()), {{"do", "nccl id"}}, deadline(), "opening NCCL"));
    const json told = TRY(parsed(first));
    std::vector<Crew::Question> questions;
    for (std::size_t rank = 0; rank < able_.size(); ++rank) {
      const json question{{"do", "nccl join"}, {"id", text_in(told, "id")}, {"ranks", able_.size()}, {"rank", rank}};
      questions.push_back({worker_of(able_[rank]), question.dump()});
    }
    for (const auto& answer : crew_.ask(questions, "joining NCCL's ranks", deadline())) TRY(parsed(answer));
    return ok;
  }

  facts::Reading<std::vector<facts::Collective>> ask_ranks() {
    std::vector<Crew::Question> questions;
    for (std::size_t rank = 0; rank < able_.size(); ++rank) {
      const json question{{"do", "collectives"}, {"ranks", able_.size()}, {"rank", rank}};
      questions.push_back({worker_of(able_[rank]), question.dump()});
    }
    const auto answers =
        phase("collectives", [&] { return crew_.ask(questions, "summing through NCCL", deadline()); });
    std::vector<std::vector<facts::Collective>> ranks;
    for (const auto& answer : answers) {
      if (!answer) return answer.error();
      ranks.push_back(TRY(facts::part_from_json<std::vector<facts::Collective>>(*answer)));
    }
    return merged(ranks);
  }

  // ---- after ----------------------------------------------------------------------------------------------

  void end() {
    std::vector<std::int64_t> own;
    for (const int worker : workers_) own.push_back(crew_.process(worker));
    if (peers_) own.push_back(crew_.process(*peers_));
    const auto told = ask(watcher_, {{"do", "end"}, {"processes", own}}, milliseconds(15000), "reading NVML");
    for (facts::NativeGpu& gpu : proof_.gpus) {
      if (!told) {
        explain(gpu.load, told.error());
        explain(gpu.errors_after, told.error());
        explain(gpu.xids, told.error());
        continue;
      }
      for (facts::NativeGpu& seen : gpus_in(*told)) {
        if (seen.pci != gpu.pci) continue;
        gpu.load = std::move(seen.load);
        gpu.errors_after = std::move(seen.errors_after);
        gpu.xids = std::move(seen.xids);
        if (!seen.holders || !gpu.holders) continue;
        for (const facts::Holder& other : *seen.holders) {  // who came meanwhile
          if (std::ranges::find(*gpu.holders, other.pid, &facts::Holder::pid) == gpu.holders->end())
            gpu.holders->push_back(other);
        }
      }
    }
    say_what_was_unseen();
    phase("leave", [this] {
      crew_.dismiss();
      return 0;
    });
    proof_.seconds = seconds(Steady::now() - origin_);
  }

  void say_what_was_unseen() {
    auto& unseen = proof_.unseen;
    if (request_.level == Level::quick) {
      unseen.emplace_back("memory beyond the first 2 GiB, matrix products, pairs of GPUs and all GPUs together");
    }
    if (request_.level != Level::full) {
      unseen.emplace_back("memory cells that lose their content only after seconds, or under certain patterns only");
    }
    if (request_.soak.count() == 0) unseen.emplace_back("faults that only minutes of heat bring out");
    if (request_.level != Level::quick && proof_.gpus.size() > 1) unseen.emplace_back("NVLink multicast, which is never used");
    for (const facts::NativeGpu& gpu : proof_.gpus) {
      if (!gpu.memory) continue;
      const std::uint64_t left = gpu.memory->total_bytes - gpu.memory->taken_bytes;
      unseen.push_back(fmt::format("{} MiB of {}'s memory, which were not free", left >> 20U, gpu.pci));
    }
  }

  // ---- small things ---------------------------------------------------------------------------------------

  static double seconds(Steady::duration duration) { return std::chrono::duration<double>(duration).count(); }
  static std::int64_t since_boot(Steady::time_point moment) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(moment.time_since_epoch()).count();
  }
  milliseconds deadline() const {
    return request_.level == Level::full ? milliseconds(180000) : milliseconds(20000);
  }
  int worker_of(int position) const {
    return workers_[static_cast<std::size_t>(proof_.gpus[static_cast<std::size_t>(position)].index)];
  }
  std::string pci_of(int able) const {
    return proof_.gpus[static_cast<std::size_t>(able_[static_cast<std::size_t>(able)])].pci;
  }
  // Where the peers' child has the GPU that is number `able` of those that can be used.
  std::ptrdiff_t position_in_peers(int able) const {
    return std::ranges::find(peer_positions_, able_[static_cast<std::size_t>(able)]) - peer_positions_.begin();
  }

  Result<std::string> ask(int member, const json& question, milliseconds deadline,
                          const std::string& doing = "reading NVML") {
    const auto answers = crew_.ask({{member, question.dump()}}, doing, deadline);
    if (!answers.front()) return answers.front().error();
    // An error in the place of an answer is one.
    const json told = json::parse(*answers.front(), nullptr, false);
    if (told.is_object() && told.contains("error")) return error_from_json(told);
    return *answers.front();
  }
  static Result<json> parsed(const Result<std::string>& answer) {
    if (!answer) return answer.error();
    json told = json::parse(*answer, nullptr, false);
    if (!told.is_object()) return Error(Errc::malformed, "the child's answer is no object");
    if (told.contains("error")) return error_from_json(told);
    return told;
  }
  static std::vector<facts::NativeGpu> gpus_in(const std::string& text) {
    std::vector<facts::NativeGpu> gpus;
    for (const json& one : json::parse(text, nullptr, false)) {
      if (auto gpu = facts::part_from_json<facts::NativeGpu>(one.dump())) gpus.push_back(std::move(*gpu));
    }
    return gpus;
  }
  // The error of everything that was not measured on a GPU.
  void explain_all(facts::NativeGpu& gpu, const Error& why) const {
    for (const char* name : {"start", "memory rate", "host link", "host link together"})
      explain_phase(gpu, name, why, extent_.types);
    explain(gpu.memory, why);
    if (gpu.matrices.empty()) explain_phase(gpu, "matrices", why, extent_.types);
  }
  void for_all(std::string_view name, const Error& why) {
    for (facts::NativeGpu& gpu : proof_.gpus) explain_phase(gpu, name, why, extent_.types);
  }

  NativeRequest request_;
  Extent extent_;
  Steady::time_point origin_ = Steady::now();
  facts::NativeProof proof_;
  Crew crew_;
  int watcher_ = -1;
  std::vector<int> workers_;          // by CUDA ordinal
  std::set<int> answered_;            // CUDA ordinals whose children opened CUDA
  std::vector<int> able_;             // positions in proof_.gpus of those that still answer
  std::optional<int> peers_;
  std::optional<Error> peers_error_;
  std::vector<int> peer_positions_;   // able_ as it was when the peers' child opened them
  std::uint32_t seed_ = 0x1A7E0000U;
};

}  // namespace

facts::Reading<facts::NativeProof> prove_native(const NativeRequest& request) {
  return Conductor(request).prove();
}

std::chrono::seconds native_takes(const NativeRequest& request, int gpus) {
  switch (request.level) {
    case Level::quick:
      return std::chrono::seconds(1);
    case Level::standard:
      return std::chrono::seconds(gpus > 4 ? 10 : gpus > 1 ? 6 : 3);
    case Level::full:
      break;
  }
  return std::chrono::seconds(30 + 3 * gpus) + request.soak;
}

}  // namespace bringup::measure
