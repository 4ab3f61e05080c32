// SPDX-License-Identifier: Apache-2.0
// How a native proof begins: NVML describes, CUDA counts, GPUs that others compute on are left alone, the
// rest start together.
#include <bringup/measure/conductor.hpp>

#include <algorithm>
#include <utility>

namespace bringup::measure {
namespace {

std::string who(const std::vector<facts::Holder>& holders) {
  std::string text;
  for (const facts::Holder& holder : holders) {
    text += fmt::format("{}process {}{} ({} MiB)", text.empty() ? "" : ", ", holder.pid,
                        holder.name.empty() ? "" : " " + holder.name, holder.bytes >> 20U);
  }
  return text;
}

}  // namespace

Result<> Conductor::begin() {
  watcher_ = crew_.hire("NVML", [this] { return watch_duty(request_); });
  // Starting CUDA takes a third of a second: when it is known how many will be needed, all of them start
  // while NVML is still describing.
  const bool at_once = request_.expected > 0;
  if (at_once) hire(request_.expected);
  const auto described = hello(true);
  std::vector<facts::NativeGpu> seen;
  if (described) seen = gpus_in(*described);
  proof_.nvml_count = described ? facts::Reading<int>(static_cast<int>(seen.size())) : described.error();
  const auto count = described ? static_cast<int>(seen.size()) : at_once ? 0 : most_gpus();
  if (std::cmp_greater(count, workers_.size())) {
    hire(count);
    static_cast<void>(hello(false));
  }
  TRY(hear_hello(described ? std::optional<Error>() : described.error()));
  for (facts::NativeGpu& gpu : proof_.gpus) take_description(gpu, seen);
  if (described) {
    static_cast<void>(ask(watcher_, {{"do", "begin"}, {"origin", since_boot(origin_)}}, milliseconds(5000)));
  }
  choose_able();
  start();
  return ok;
}

// Children for the GPUs up to `count`, and for their pairs.
void Conductor::hire(int count) {
  for (int ordinal = static_cast<int>(workers_.size()); ordinal < count; ++ordinal) {
    workers_.push_back(
        crew_.hire(fmt::format("GPU {}", ordinal), [this, ordinal] { return gpu_duty(request_, ordinal); }));
  }
  if (count > 1 && !peers_ && request_.level != Level::quick)
    peers_ = crew_.hire("pairs", [this] { return peers_duty(request_); });
}

// All that have not yet been asked open CUDA, while NVML describes what there is. Returns the description.
Result<std::string> Conductor::hello(bool describe) {
  std::vector<Crew::Question> questions;
  for (std::size_t i = hellos_.size(); i < workers_.size(); ++i)
    questions.push_back({workers_[i], json{{"do", "hello"}}.dump()});
  const std::size_t asked = questions.size();
  if (peers_ && asked > 0) questions.push_back({*peers_, json{{"do", "hello"}}.dump()});
  if (describe) questions.push_back({watcher_, json{{"do", "describe"}}.dump()});
  const auto answers = phase(asked > 0 ? "hello" : "look", [&] {
    return crew_.ask(questions, asked > 0 ? "opening CUDA and NVML" : "reading NVML", milliseconds(60000));
  });
  hellos_.insert(hellos_.end(), answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(asked));
  if (!describe) return std::string();
  if (const Result<std::string>& described = answers.back(); !described) return described;
  const json told = json::parse(*answers.back(), nullptr, false);
  if (told.is_object() && told.contains("error")) return error_from_json(told);
  return answers.back();
}

Result<> Conductor::hear_hello(const std::optional<Error>& nvml) {
  std::optional<Error> first = nvml;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const auto told = parsed(hellos_[i]);
    facts::NativeGpu gpu{.index = static_cast<int>(i), .pci = "", .name = "", .uuid = ""};
    if (!told) {
      if (!first || nvml) first = told.error();
      gpu.answered = told.error();
      explain_all(gpu, told.error());
    } else if (told->value("count", 0) <= gpu.index) {
      continue;  // hidden from CUDA, or not there
    } else {
      proof_.driver_version = told->value("driver", 0);
      proof_.cuda_count = told->value("count", 0);
      gpu.pci = text_in(*told, "pci");
      answered_.insert(gpu.index);
    }
    proof_.gpus.push_back(std::move(gpu));
  }
  if (answered_.empty()) return first ? *first : Error(Errc::absent, "CUDA counts no GPU");
  return ok;
}

// What NVML said of the GPU with this address. One that CUDA could not name gets the name of its number.
void Conductor::take_description(facts::NativeGpu& gpu, const std::vector<facts::NativeGpu>& seen) {
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
void Conductor::choose_able() {
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

void Conductor::start() {
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

}  // namespace bringup::measure
