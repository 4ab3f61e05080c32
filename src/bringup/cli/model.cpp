// SPDX-License-Identifier: Apache-2.0
// The verb model: the memory that a model in a directory takes.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/cli/model.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

constexpr std::int64_t kUsualContext = 8192;
constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeader = 64U << 20U;  // what View reads of one file

// A safetensors file begins with the length of its header in eight bytes, the lowest first. Read and not
// asked for its size: the hub's cache is made of links.
Result<> count_file(const host::View& view, const std::string& path, report::ModelPlan& plan) {
  const Error cut(Errc::malformed, path + ": no safetensors file, or one that is cut off");
  const std::string length = TRY(view.read_part(path, 0, kLengthBytes));
  std::uint64_t size = 0;
  for (std::size_t i = length.size(); i > 0; --i)
    size = size << 8U | static_cast<unsigned char>(length[i - 1]);
  if (length.size() < kLengthBytes || size > kMostHeader) return cut;
  const std::string header = TRY(view.read_part(path, kLengthBytes, static_cast<std::size_t>(size)));
  if (header.size() < size) return cut;
  const stacks::Tensors tensors = TRY(stacks::parse_tensors(header).within(path));
  const std::uint64_t whole = kLengthBytes + size + tensors.bytes;
  if (TRY(view.read_part(path, whole - 1, 1)).empty()) return cut;
  plan.weight_bytes += whole;
  plan.ask.parameters += tensors.parameters;
  return ok;
}

// The files that hold the model once: its index says which; without one all do, but for consolidated*, in
// which Mistral's repositories carry it a second time.
Result<std::vector<std::string>> weight_files(const host::View& view, const std::string& directory) {
  const std::string index = directory + "/model.safetensors.index.json";
  const auto text = view.read(index);
  if (text) return stacks::parse_weight_index(*text).within(index);
  if (text.error().code() != Errc::absent) return text.error();
  std::vector<std::string> weights = TRY(view.list(directory));
  std::erase_if(weights, [](const std::string& name) { return !name.ends_with(".safetensors"); });
  const auto second = [](const std::string& name) { return name.starts_with("consolidated"); };
  if (!std::ranges::all_of(weights, second)) std::erase_if(weights, second);
  if (!weights.empty()) return weights;
  return Error(Errc::absent, directory + ": no *.safetensors file with weights is in it");
}

Error no_directory(const std::string& word) {
  return {Errc::unsupported,
          fmt::format("{}: no directory with a config.json; models are planned from a directory here, "
                      "a repository on a hub cannot be asked yet",
                      word)};
}

}  // namespace

Result<std::int64_t> number_of(std::string_view option, const std::string& text) {
  constexpr std::int64_t kMost = 100'000'000;
  const auto number = base::to_integer(text);
  if (number && *number > 0 && *number <= kMost) return *number;
  return Error(Errc::usage, fmt::format("{} '{}': expected a number above 0", option, text));
}

std::optional<std::uint64_t> smallest_gpu(const facts::Machine& machine) {
  std::optional<std::uint64_t> least;
  const auto note = [&least](std::uint64_t bytes) { least = std::min(least.value_or(bytes), bytes); };
  if (machine.nvml && !machine.hypothetical) {
    for (const facts::NvmlGpu& gpu : machine.nvml->gpus) {
      if (gpu.memory_bytes) note(*gpu.memory_bytes);
    }
    return least;
  }
  for (const facts::PciFunction& function : machine.pci) {
    const catalog::Gpu* gpu = catalog::built_in().gpu(function.device_id);
    if (function.kind == facts::PciKind::gpu && gpu != nullptr && gpu->memory_bytes) note(*gpu->memory_bytes);
  }
  return least;
}

Result<report::ModelPlan> weigh_model(const host::View& view, const std::string& directory,
                                      stacks::MemoryAsk ask) {
  report::ModelPlan plan{
      .directory = absolute(directory), .shape = {}, .ask = ask, .memory = {}, .gpu_bytes = std::nullopt};
  const auto config = view.read(plan.directory + "/config.json");
  if (!config && config.error().code() == Errc::absent) return no_directory(directory);
  plan.shape = TRY(stacks::parse_model_config(TRY(config)).within(plan.directory));
  const std::int64_t limit = plan.shape.context_limit;
  if (ask.context == 0) plan.ask.context = std::min(limit > 0 ? limit : kUsualContext, kUsualContext);
  for (const std::string& name : TRY(weight_files(view, plan.directory)))
    TRY(count_file(view, plan.directory + "/" + name, plan));
  if (plan.shape.quantization.empty()) plan.memory = stacks::memory_needs(plan.shape, plan.ask);
  return plan;
}

Result<int> run_model(const Options& options, const Doors& doors) {
  if (options.words.size() != 2 || options.words[0] != "plan")
    return Error(Errc::usage, "expected 'bringup model plan DIR'; see 'bringup model --help'");
  const std::int64_t context = options.context.empty() ? 0 : TRY(number_of("--context", options.context));
  const std::int64_t batch = options.batch.empty() ? 1 : TRY(number_of("--batch", options.batch));
  report::ModelPlan plan =
      TRY(weigh_model(doors.view, options.words[1], {.context = context, .batch = batch}));
  if (plan.shape.context_limit > 0 && plan.ask.context > plan.shape.context_limit)
    say(options, fmt::format("the model was made for a context of {} at most", plan.shape.context_limit));
  plan.gpu_bytes = smallest_gpu(TRY(look(options, doors, {})).machine);
  TRY(print(options.json ? report::model_json(plan) : report::model_text(plan, output_style(options))));
  return plan.memory.empty() ? exit_not_measured : exit_ok;
}

}  // namespace bringup::cli
