// SPDX-License-Identifier: Apache-2.0
// The verb model: what a model is, and the memory that it takes.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>
#include <bringup/report/model.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

constexpr std::int64_t kUsualContext = 8192;
constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeader = 64U << 20U;  // what View reads of one file

// A safetensors file begins with the length of its header in eight bytes, the lowest first.
Result<> count_file(const ModelFiles& files, const std::string& name, report::ModelPlan& plan) {
  const Error cut(Errc::malformed, files.where + name + ": no safetensors file, or one that is cut off");
  const std::string length = TRY(files.part(name, 0, kLengthBytes));
  std::uint64_t size = 0;
  for (std::size_t i = length.size(); i > 0; --i)
    size = size << 8U | static_cast<unsigned char>(length[i - 1]);
  if (length.size() < kLengthBytes || size > kMostHeader) return cut;
  const std::string header = TRY(files.part(name, kLengthBytes, static_cast<std::size_t>(size)));
  if (header.size() < size) return cut;
  const stacks::Tensors tensors = TRY(stacks::parse_tensors(header).within(files.where + name));
  const std::uint64_t whole = kLengthBytes + size + tensors.bytes;
  if (!TRY(files.has_bytes(name, whole))) return cut;
  plan.weight_bytes += whole;
  plan.ask.parameters += tensors.parameters;
  return ok;
}

// The files that hold the model once: its index says which; without one all do, but for consolidated*, in
// which Mistral's repositories carry it a second time.
Result<std::vector<std::string>> weight_files(const ModelFiles& files) {
  const std::string index = "model.safetensors.index.json";
  const auto text = files.read(index);
  if (text) return stacks::parse_weight_index(*text).within(files.where + index);
  if (text.error().code() != Errc::absent) return text.error();
  std::vector<std::string> weights = TRY(files.names());
  std::erase_if(weights, [](const std::string& name) { return !name.ends_with(".safetensors"); });
  const auto second = [](const std::string& name) { return name.starts_with("consolidated"); };
  if (!std::ranges::all_of(weights, second)) std::erase_if(weights, second);
  if (!weights.empty()) return weights;
  return Error(Errc::absent, files.where + ": no *.safetensors file with weights is in it");
}

// The smallest GPU decides; NVML knows the card, the catalog the product.
void hold_against(const facts::Machine& machine, report::ModelPlan& plan) {
  const auto note = [&plan](std::optional<std::uint64_t> bytes) {
    ++plan.gpus;
    if (bytes) plan.gpu_bytes = std::min(plan.gpu_bytes.value_or(*bytes), *bytes);
  };
  if (machine.nvml && !machine.hypothetical) {
    for (const facts::NvmlGpu& gpu : machine.nvml->gpus)
      note(gpu.memory_bytes ? std::optional(*gpu.memory_bytes) : std::nullopt);
    return;
  }
  for (const facts::PciFunction& function : machine.pci) {
    if (function.kind != facts::PciKind::gpu) continue;
    const catalog::Gpu* gpu = catalog::built_in().gpu(function.device_id);
    note(gpu == nullptr ? std::nullopt : gpu->memory_bytes);
  }
}

Error no_model(const std::string& word) {
  return {
      Errc::unsupported,
      fmt::format("{}: no directory with a config.json, and no name of a repository like org/name", word)};
}

// What its own files say, and the memory that follows; a context of 0 is the model's own.
Result<> weigh(const ModelFiles& files, stacks::MemoryAsk ask, report::ModelPlan& plan) {
  plan.shape = TRY(stacks::parse_model_config(TRY(files.read("config.json"))).within(files.where));
  plan.ask = ask;
  const std::int64_t limit = plan.shape.context_limit;
  if (ask.context == 0) plan.ask.context = std::min(limit > 0 ? limit : kUsualContext, kUsualContext);
  for (const std::string& name : TRY(weight_files(files))) TRY(count_file(files, name, plan));
  if (plan.shape.quantization.empty()) plan.memory = stacks::memory_needs(plan.shape, plan.ask);
  return ok;
}

Result<> weigh_in(const host::View& view, const std::string& directory, stacks::MemoryAsk ask,
                  report::ModelPlan& plan) {
  plan.directory = absolute(directory);
  const auto config = view.read(plan.directory + "/config.json");
  if (!config && config.error().code() == Errc::absent) return no_model(directory);
  return weigh(files_in(view, plan.directory), ask, plan);
}

// What the hub tells everybody is printed even where it does not give the files.
Result<> tell_from_hub(const Options& options, const Doors& doors, stacks::MemoryAsk ask,
                       report::ModelPlan& plan) {
  const HubModel model = TRY(ask_model(options, doors, current_user()));
  plan.hub = side_of(model);
  auto told = check_gate(model);
  if (told) told = weigh(files_on(model), ask, plan);
  if (!told) plan.hub->why_not = told.error().message();
  return told;
}

Result<int> run_model_plan(const Options& options, const Doors& doors) {
  const std::string& word = options.words[1];
  const stacks::MemoryAsk ask{
      .context = options.context.empty() ? 0 : TRY(number_of("--context", options.context)),
      .batch = options.batch.empty() ? 1 : TRY(number_of("--batch", options.batch))};
  report::ModelPlan plan;
  Result<> told = ok;
  if (names_repository(doors.view, word)) {
    told = tell_from_hub(options, doors, ask, plan);
    if (!plan.hub) return told.error();
  } else {
    TRY(weigh_in(doors.view, word, ask, plan));
  }
  if (plan.shape.context_limit > 0 && plan.ask.context > plan.shape.context_limit)
    say(options, fmt::format("the model was made for a context of {} at most", plan.shape.context_limit));
  hold_against(TRY(look(options, doors, {})).machine, plan);
  if (!plan.memory.empty()) plan.as_run = stacks::stack_needs(plan.shape, plan.ask);
  if (!plan.memory.empty()) plan.quantized = stacks::quantized_needs(plan.shape, plan.ask);
  if (!plan.memory.empty()) plan.estimates = stacks::memory_estimates(plan.shape, plan.ask, plan.gpus);
  TRY(print(options.json ? report::model_json(plan) : report::model_text(plan, output_style(options))));
  if (!told) return told.error();
  return plan.memory.empty() ? exit_not_measured : exit_ok;
}

}  // namespace

Result<std::int64_t> number_of(std::string_view option, const std::string& text) {
  constexpr std::int64_t kMost = 100'000'000;
  const auto number = base::to_integer(text);
  if (number && *number > 0 && *number <= kMost) return *number;
  return Error(Errc::usage, fmt::format("{} '{}': expected a number above 0", option, text));
}

Result<report::ModelPlan> weigh_model(const host::View& view, const std::string& directory,
                                      stacks::MemoryAsk ask) {
  report::ModelPlan plan;
  TRY(weigh_in(view, directory, ask, plan));
  return plan;
}

std::optional<std::uint64_t> smallest_gpu(const facts::Machine& machine) {
  report::ModelPlan plan;
  hold_against(machine, plan);
  return plan.gpu_bytes;
}

Result<int> run_model(const Options& options, const Doors& doors) {
  const bool two = options.words.size() == 2;
  if (two && options.words[0] == "plan") return run_model_plan(options, doors);
  if (two && options.words[0] == "get") return run_model_get(options, doors);
  return Error(Errc::usage,
               "expected 'bringup model plan DIR', 'bringup model plan REPO' or 'bringup model get REPO'; "
               "see 'bringup model --help'");
}

}  // namespace bringup::cli
