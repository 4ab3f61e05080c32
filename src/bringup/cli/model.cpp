// SPDX-License-Identifier: Apache-2.0
// The verb model: the memory that a model in a directory takes.
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/report/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace bringup::cli {
namespace {

constexpr std::int64_t kUsualContext = 8192;
constexpr std::uint64_t kMostHeader = 64U << 20U;

Result<std::int64_t> number_of(std::string_view option, const std::string& text) {
  constexpr std::int64_t kMost = 100'000'000;
  const auto number = base::to_integer(text);
  if (number && *number > 0 && *number <= kMost) return *number;
  return Error(Errc::usage, fmt::format("{} '{}': expected a number above 0", option, text));
}

// A safetensors file begins with the length of its header in eight bytes, the lowest first.
Result<std::string> header_of(const host::View& view, const std::string& path, std::uint64_t size) {
  const std::string length = TRY(view.read_part(path, 0, 8));
  std::uint64_t bytes = 0;
  for (std::size_t i = length.size(); i > 0; --i)
    bytes = bytes << 8U | static_cast<unsigned char>(length[i - 1]);
  if (length.size() < 8 || bytes > kMostHeader || bytes + 8 > size)
    return Error(Errc::malformed, path + ": no safetensors file, or one that is cut off");
  return view.read_part(path, 8, static_cast<std::size_t>(bytes));
}

// The files that hold the model once. Meta's own repositories carry it a second time, as
// consolidated*.safetensors.
std::vector<std::string> weight_files(const std::vector<std::string>& names) {
  std::vector<std::string> weights;
  std::ranges::copy_if(names, std::back_inserter(weights),
                       [](const std::string& name) { return name.ends_with(".safetensors"); });
  const auto second = [](const std::string& name) { return name.starts_with("consolidated"); };
  if (!std::ranges::all_of(weights, second)) std::erase_if(weights, second);
  return weights;
}

Result<> count_weights(const host::View& view, report::ModelPlan& plan) {
  for (const std::string& name : weight_files(TRY(view.list(plan.directory)))) {
    const std::string path = plan.directory + "/" + name;
    const std::uint64_t size = TRY(view.read_part(path, 0, 1)).empty() ? 0 : TRY(view.status(path)).size;
    plan.weight_bytes += size;
    plan.ask.parameters += TRY(stacks::count_parameters(TRY(header_of(view, path, size))).within(path));
  }
  if (plan.ask.parameters > 0) return ok;
  return Error(Errc::absent, plan.directory + ": no *.safetensors file with weights is in it");
}

// The smallest GPU decides; NVML knows the card, the catalog the product.
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

Error no_directory(const std::string& word) {
  return {Errc::unsupported,
          fmt::format("{}: no directory with a config.json; models are planned from a directory here, "
                      "a repository on a hub cannot be asked yet",
                      word)};
}

}  // namespace

Result<int> run_model(const Options& options, const Doors& doors) {
  if (options.words.size() != 2 || options.words[0] != "plan")
    return Error(Errc::usage, "expected 'bringup model plan DIR'; see 'bringup model --help'");
  if (!options.gpus.empty() && TRY(number_of("--gpus", options.gpus)) != 1)
    return Error(Errc::unsupported, "--gpus: memory is told for one GPU; several cannot be planned yet");
  report::ModelPlan plan{.directory = absolute(options.words[1]),
                         .shape = {},
                         .ask = {},
                         .memory = {},
                         .gpu_bytes = std::nullopt};
  const auto config = doors.view.read(plan.directory + "/config.json");
  if (!config && config.error().code() == Errc::absent) return no_directory(options.words[1]);
  plan.shape = TRY(stacks::parse_model_config(TRY(config)).within(plan.directory));
  plan.ask.batch = TRY(number_of("--batch", options.batch));
  const std::int64_t limit = plan.shape.context_limit;
  plan.ask.context = options.context.empty() ? std::min(limit > 0 ? limit : kUsualContext, kUsualContext)
                                             : TRY(number_of("--context", options.context));
  if (limit > 0 && plan.ask.context > limit)
    say(options, fmt::format("the model was made for a context of {} at most", limit));
  TRY(count_weights(doors.view, plan));
  if (plan.shape.quantization.empty()) plan.memory = stacks::memory_needs(plan.shape, plan.ask);
  plan.gpu_bytes = smallest_gpu(TRY(look(options, doors, {})).machine);
  TRY(print(options.json ? report::model_json(plan) : report::model_text(plan, output_style(options))));
  return plan.memory.empty() ? exit_not_measured : exit_ok;
}

}  // namespace bringup::cli
