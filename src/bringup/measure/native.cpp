// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/facts/native_json.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/conductor.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace bringup::measure {
namespace {

using std::chrono::milliseconds;

// For a child to be told a common moment before that moment comes.
constexpr milliseconds kNotice{2};

// What libraries heed and a figure may depend on.
constexpr std::array kSettings{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",  "NVIDIA_VISIBLE_DEVICES",
                               "NCCL_P2P_DISABLE",     "NCCL_P2P_LEVEL",     "NCCL_SHM_DISABLE",
                               "NCCL_NVLS_ENABLE",     "NCCL_ALGO",          "NCCL_PROTO",
                               "NCCL_MAX_NCHANNELS",   "NCCL_MIN_NCHANNELS", "NCCL_BUFFSIZE",
                               "NCCL_CONF_FILE",       "NCCL_SOCKET_IFNAME", "NCCL_TOPO_FILE",
                               "CUDA_LAUNCH_BLOCKING", "LD_LIBRARY_PATH",    "BRINGUP_INJECT"};

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
      gpu.matrices.push_back(
          {.type = type, .by = "", .path = "", .operations = why, .right = why, .digest = why});
    }
  } else if (phase == "matrices") {
    for (facts::MatrixRate& matrix : gpu.matrices) {
      matrix.operations = why;
      matrix.right = why;
    }
  }
}

// Below what a free link of its generation and width gives.
bool slow_to_host(const facts::NativeGpu& gpu) {
  // GB/s of a lane after line coding, generations 1 to 6.
  constexpr std::array<double, 7> kLane{0, 0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};
  constexpr double kFree = 0.8;
  if (!gpu.link || !gpu.to_device || !gpu.to_host) return false;
  const auto generation = static_cast<std::size_t>(std::clamp(gpu.link->max_generation, 0, 6));
  const double wanted = kLane.at(generation) * gpu.link->max_width * kFree;
  return gpu.to_device->median < wanted || gpu.to_host->median < wanted;
}

}  // namespace

Conductor::Conductor(const NativeRequest& request) : request_(request), extent_(extent_of(request.level)) {
  proof_.level = level_name(request.level);
  for (const char* name : kSettings) {
    if (const char* value = std::getenv(name)) proof_.settings.push_back(fmt::format("{}={}", name, value));
  }
}

facts::Reading<facts::NativeProof> Conductor::prove() {
  TRY(begin());
  together("memory");
  together("memory rate");
  host_links();
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

// One after the other, as the links are the machine's; then all of them together.
void Conductor::host_links() {
  const bool last = request_.level == Level::quick && request_.soak.count() == 0;
  for (const int gpu : std::vector<int>(able_)) {
    ask_gpus("host link", {gpu});
    if (request_.inject.empty()) again_where_slow(gpu);  // what is slow on purpose stays so
    if (last) crew_.let_go(worker_of(gpu));  // leaving takes the driver as long as all that was measured
  }
  if (able_.size() > 1 && request_.level != Level::quick) together("host link together");
}

// Others on the host may use its memory and links meanwhile: what is slow is measured again, and its best
// counts. A narrow link stays narrow.
void Conductor::again_where_slow(int position) {
  constexpr int kTimes = 2;
  facts::NativeGpu& gpu = proof_.gpus[static_cast<std::size_t>(position)];
  for (int time = 0; time < kTimes && slow_to_host(gpu); ++time) {
    const facts::NativeGpu before = gpu;
    ask_gpus("host link", {position});
    for (auto rate :
         {&facts::NativeGpu::to_device, &facts::NativeGpu::to_host, &facts::NativeGpu::both_ways}) {
      if (gpu.*rate && before.*rate && (before.*rate)->median > (gpu.*rate)->median) gpu.*rate = before.*rate;
    }
  }
}

// Asks the GPUs with these positions to do a phase, from one moment on.
void Conductor::ask_gpus(std::string_view name, const std::vector<int>& gpus, json question) {
  question["do"] = name;
  question["seed"] = ++seed_;
  question["at"] = since_boot(Steady::now() + kNotice);
  std::vector<Crew::Question> questions;
  questions.reserve(gpus.size());
  for (const int gpu : gpus) questions.push_back({worker_of(gpu), question.dump()});
  const auto answers =
      phase(name, [&] { return crew_.ask(questions, fmt::format("doing '{}'", name), deadline()); });
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (!take(gpus[i], name, answers[i])) std::erase(able_, gpus[i]);
  }
}

// False when the GPU's child is no more, or never began.
bool Conductor::take(int position, std::string_view name, const Result<std::string>& answer) {
  facts::NativeGpu& gpu = proof_.gpus[static_cast<std::size_t>(position)];
  auto part = answer ? facts::part_from_json<facts::NativeGpu>(*answer) : answer.error();
  if (!part) {
    explain_phase(gpu, name, part.error(), extent_.types);
    gpu.answered = part.error();
    explain_all(gpu, {Errc::stale, "not tried: " + part.error().message()});
    return false;
  }
  // Of what is known already, the child knows nothing.
  part->answered = gpu.answered;
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

void Conductor::end() {
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
  say_what_was_not_asked();
  say_what_was_unseen();
  phase("leave", [this] {
    crew_.dismiss();
    return 0;
  });
  proof_.seconds = seconds(Steady::now() - origin_);
}

// Of those that were well, what was not asked for at this level or on this machine.
void Conductor::say_what_was_not_asked() {
  const bool one = proof_.gpus.size() == 1;
  const Error why(Errc::absent, one ? "nothing is done together by one GPU" : "not measured at this level");
  for (facts::NativeGpu& gpu : proof_.gpus) {
    explain_phase(gpu, "host link together", why, extent_.types);
    explain(gpu.both_ways, {Errc::absent, "not measured at this level"});
  }
}

void Conductor::say_what_was_unseen() {
  auto& unseen = proof_.unseen;
  if (request_.level == Level::quick) {
    unseen.emplace_back(
        "memory beyond the first 2 GiB, both directions of the host link at once, matrix products, pairs of "
        "GPUs, all GPUs together, and what Python "
        "environments do with them");
  }
  if (request_.level != Level::full) {
    unseen.emplace_back(
        "memory cells that lose their content only after seconds, or under certain patterns only");
  }
  if (request_.soak.count() == 0) unseen.emplace_back("faults that only minutes of heat bring out");
  if (request_.level != Level::quick && proof_.gpus.size() > 1)
    unseen.emplace_back("NVLink multicast, which is never used");
  for (const facts::NativeGpu& gpu : proof_.gpus) {
    if (!gpu.memory || request_.level == Level::quick) continue;
    const std::uint64_t left = gpu.memory->total_bytes - gpu.memory->taken_bytes;
    unseen.push_back(fmt::format("{} MiB of {}'s memory, which were not free", left >> 20U, gpu.pci));
  }
}

Result<std::string> Conductor::ask(int member, const json& question, milliseconds deadline,
                                   const std::string& doing) {
  const auto answers = crew_.ask({{member, question.dump()}}, doing, deadline);
  if (!answers.front()) return answers.front().error();
  // An error in the place of an answer is one.
  const json told = json::parse(*answers.front(), nullptr, false);
  if (told.is_object() && told.contains("error")) return error_from_json(told);
  return *answers.front();
}

Result<nlohmann::json> Conductor::parsed(const Result<std::string>& answer) {
  if (!answer) return answer.error();
  json told = json::parse(*answer, nullptr, false);
  if (!told.is_object()) return Error(Errc::malformed, "the child's answer is no object");
  if (told.contains("error")) return error_from_json(told);
  return told;
}

std::vector<facts::NativeGpu> Conductor::gpus_in(const std::string& text) {
  std::vector<facts::NativeGpu> gpus;
  for (const json& one : json::parse(text, nullptr, false)) {
    if (auto gpu = facts::part_from_json<facts::NativeGpu>(one.dump())) gpus.push_back(std::move(*gpu));
  }
  return gpus;
}

// The error of everything that was not measured on a GPU.
void Conductor::explain_all(facts::NativeGpu& gpu, const Error& why) const {
  for (const char* name : {"start", "memory rate", "host link", "host link together"})
    explain_phase(gpu, name, why, extent_.types);
  explain(gpu.memory, why);
  if (gpu.matrices.empty()) explain_phase(gpu, "matrices", why, extent_.types);
}

facts::Reading<facts::NativeProof> prove_native(const NativeRequest& request) {
  return Conductor(request).prove();
}

std::span<const std::string_view> injections() {
  static constexpr std::array<std::string_view, 6> kFaults{"memory", "product",  "hang",
                                                           "die",    "pageable", "far"};
  return kFaults;
}

Result<std::vector<Injection>> parse_injections(std::string_view text) {
  std::vector<Injection> all;
  for (const std::string_view part : base::split(text, ',')) {
    const std::size_t colon = part.find(':');
    Injection one{.fault = std::string(base::trim(part.substr(0, colon)))};
    if (std::ranges::find(injections(), one.fault) == injections().end()) {
      const std::vector<std::string> known(injections().begin(), injections().end());
      return Error(Errc::usage, fmt::format("no fault '{}' can be injected; there are {}", one.fault,
                                            base::join(known, ", ")));
    }
    if (colon != std::string_view::npos) {
      const auto gpu = base::to_integer(base::trim(part.substr(colon + 1)));
      if (!gpu || *gpu < 0 || *gpu > 1023)
        return Error(Errc::usage,
                     fmt::format("'{}': a GPU's CUDA number is expected behind the colon", part));
      one.gpu = static_cast<int>(*gpu);
    }
    all.push_back(std::move(one));
  }
  return all;
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
