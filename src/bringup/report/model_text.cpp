// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/report/model.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

namespace bringup::report {
namespace {

std::string gib(double bytes) {
  return fmt::format("{:.2f} GiB", bytes / (1024.0 * 1024.0 * 1024.0));
}

Cell fits(const ModelPlan& plan, const stacks::MemoryNeed& need) {
  if (!plan.gpu_bytes) return {"no GPU to hold it against", Tone::dim};
  return need.needed_bytes <= static_cast<double>(*plan.gpu_bytes) ? Cell{"fits", Tone::good}
                                                                   : Cell{"does not fit", Tone::bad};
}

std::string shape_line(const stacks::ModelShape& shape) {
  std::string line = fmt::format("{} layers, {} wide, {} heads ({} for keys and values), vocabulary of {}",
                                 shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.vocabulary);
  if (shape.sliding_window)
    line += fmt::format("; sliding window of {}, the cache is counted without it", *shape.sliding_window);
  return line;
}

}  // namespace

std::string model_text(const ModelPlan& plan, const Style& style) {
  Page page(style);
  const stacks::ModelShape& shape = plan.shape;
  page.heading(plan.directory);
  std::vector<Row> rows{
      {{"architecture"}, {shape.architecture.empty() ? shape.model_type : shape.architecture}},
      {{"weights"}, {base::human_bytes(plan.weight_bytes) + " in safetensors files"}},
      {{"parameters"}, {fmt::format("{}, counted from their headers", plan.ask.parameters)}}};
  if (shape.known) rows.push_back({{"shape"}, {shape_line(shape)}});
  if (shape.context_limit > 0) {
    const std::string scaling = shape.rope_scaling.empty() ? "" : ", rope scaling " + shape.rope_scaling;
    rows.push_back({{"context"}, {fmt::format("at most {}{}", shape.context_limit, scaling)}});
  }
  page.table(rows);
  if (plan.memory.empty()) {
    const std::string why = shape.quantization.empty()
                                ? fmt::format("of the family '{}' is not known", shape.model_type)
                                : fmt::format("quantised by {} is not known", shape.quantization);
    page.paragraph({fmt::format("What a model {}: its memory is not told rather than guessed.", why)});
    return std::move(page).take();
  }
  page.blank();
  page.heading(fmt::format("Memory on one GPU, context {}, batch {}", plan.ask.context, plan.ask.batch));
  for (const stacks::MemoryNeed& need : plan.memory) {
    const Cell verdict = fits(plan, need);
    page.row({{need.use}, {gib(need.needed_bytes)}, verdict}, 2, std::vector<std::size_t>{20, 12, 20});
    for (const stacks::MemoryPart& part : need.parts)
      page.row({{part.what, Tone::dim}, {gib(part.bytes), Tone::dim}, {part.how, Tone::dim}}, 4,
               std::vector<std::size_t>{20, 12, 20});
  }
  page.paragraph({fmt::format(
      "The parts are what PyTorch allocates at the fullest moment; the sum adds {:.0f} % lost between "
      "blocks and {} of CUDA's own. Weights, gradients and AdamW in bf16, flash attention, LoRA of "
      "rank {} on every linear layer, no gradient accumulation.",
      stacks::kLostShare * 100, gib(stacks::kContextBytes), stacks::kLoraRank)});
  return std::move(page).take();
}

}  // namespace bringup::report
