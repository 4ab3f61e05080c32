// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/report/model.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

#include <algorithm>

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
    line += fmt::format(
        "; {} of the layers see a window of {}, which makes the cache smaller only after "
        "the prompt",
        shape.windowed_layers, *shape.sliding_window);
  if (shape.experts > 0)
    line += fmt::format("; {} experts a layer, {} for a token", shape.experts, shape.experts_used);
  return line;
}

void add_need(Page& page, const ModelPlan& plan, const stacks::MemoryNeed& need) {
  const std::vector<std::size_t> widths{20, 12, 20};
  page.row({{need.use}, {gib(need.needed_bytes)}, fits(plan, need)}, 2, widths);
  for (const stacks::MemoryPart& part : need.parts)
    page.row({{part.what, Tone::dim}, {gib(part.bytes), Tone::dim}, {part.how, Tone::dim}}, 4, widths);
}

std::string fewest_text(const ModelPlan& plan, std::string_view use) {
  const auto gpus = stacks::fewest_gpus(plan.shape, plan.ask, use, plan.gpu_bytes.value_or(0));
  return gpus ? counted(static_cast<std::size_t>(*gpus), "GPU") : "more than 64 GPUs";
}

void add_as_run(Page& page, const ModelPlan& plan) {
  if (plan.as_run.empty()) return;
  page.blank();
  page.heading("As 'bringup stack run' trains on one GPU, checkpointed");
  for (const stacks::MemoryNeed& need : plan.as_run) add_need(page, plan, need);
}

std::string fewest_of_all(const ModelPlan& plan) {
  std::string text = fmt::format("GPUs like the smallest that it takes, shared so: {} to run it in bf16",
                                 fewest_text(plan, "inference-bf16"));
  if (!stacks::training_is_known(plan.shape)) return text + ".";
  return text + fmt::format(", {} for LoRA, {} for all of it, both checkpointed.",
                            fewest_text(plan, "lora-checkpointed"), fewest_text(plan, "full-checkpointed"));
}

void add_quantized(Page& page, const ModelPlan& plan) {
  if (plan.quantized.empty()) return;
  page.blank();
  page.heading("On one GPU with 8 or 4 bits a weight, by bitsandbytes");
  for (const stacks::MemoryNeed& need : plan.quantized) add_need(page, plan, need);
  page.paragraph(
      {"8 and 4.5 bits for the blocks' matrices (nf4 without double quantization); embedding, head and norms "
       "in bf16: peft's prepare_model_for_kbit_training would double them."});
}

void add_estimates(Page& page, const ModelPlan& plan) {
  if (!plan.estimates.empty()) {
    page.blank();
    page.heading(
        fmt::format("Estimates: on each of {} GPUs, run by layers, trained fully sharded", plan.gpus));
    for (const stacks::MemoryNeed& need : plan.estimates) add_need(page, plan, need);
    page.paragraph(
        {"Estimates: on two GPUs one model of Llama's kind was measured; where it trained the plan was right "
         "within 3 %, where it generated the GPU with its head took 7 % more. Of others one rank of FSDP "
         "was, with collectives that move nothing: a batch on each GPU, a block and the next gathered."});
  }
  if (plan.gpu_bytes) page.paragraph({fewest_of_all(plan)});
}

constexpr std::size_t kMostShown = 24;

Cell licence_of(const HubSide& side) {
  std::string text = side.licence.empty() ? "not said" : side.licence;
  if (side.gated) text += "; it must be accepted on the model's page";
  return {std::move(text)};
}

Cell disk_of(const HubSide& side, std::uint64_t bytes) {
  const bool room = bytes <= side.free_bytes;
  return {fmt::format("{} free for {}{}", base::human_bytes(side.free_bytes), side.target,
                      room ? "" : ": not enough"),
          room ? Tone::good : Tone::bad};
}

void add_hub(Page& page, const HubSide& side) {
  const std::uint64_t bytes = stacks::bytes_of(side.files);
  const std::vector<Row> rows{
      {{"hub"}, {side.endpoint}},
      {{"revision"}, {fmt::format("{}, commit {}", side.revision, side.commit)}},
      {{"licence"}, licence_of(side)},
      {{"token"}, {side.token_from.empty() ? "none" : "from " + side.token_from}},
      {{"download"}, {fmt::format("{} files, {}", side.files.size(), base::human_bytes(bytes))}},
      {{"disk"}, disk_of(side, bytes)}};
  page.table(rows);
  for (std::size_t i = 0; i < std::min(side.files.size(), kMostShown); ++i)
    page.row({{base::human_bytes(side.files[i].size), Tone::dim}, {side.files[i].path, Tone::dim}}, 4,
             std::vector<std::size_t>{9, 60});
  if (side.files.size() > kMostShown)
    page.row({{"", Tone::dim}, {fmt::format("and {} more", side.files.size() - kMostShown), Tone::dim}}, 4,
             std::vector<std::size_t>{9, 60});
}

}  // namespace

std::string hub_text(const HubSide& side, const Style& style) {
  Page page(style);
  page.heading(side.repository);
  add_hub(page, side);
  return std::move(page).take();
}

std::string model_text(const ModelPlan& plan, const Style& style) {
  Page page(style);
  const stacks::ModelShape& shape = plan.shape;
  page.heading(plan.hub ? plan.hub->repository : plan.directory);
  if (plan.hub) add_hub(page, *plan.hub);
  if (plan.hub && !plan.hub->why_not.empty()) return std::move(page).take();
  std::vector<Row> rows{
      {{"architecture"}, {shape.architecture.empty() ? shape.model_type : shape.architecture}},
      {{"weights"}, {base::human_bytes(plan.weight_bytes) + " in safetensors files"}},
      {{"parameters"},
       {shape.quantization.empty() ? fmt::format("{}, counted from their headers", plan.ask.parameters)
                                   : "not told: they are packed"}}};
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
  for (const stacks::MemoryNeed& need : plan.memory) add_need(page, plan, need);
  page.paragraph({fmt::format(
      "The parts are what PyTorch allocates at the fullest moment; the sum adds {:.0f} % lost between "
      "blocks and {} of CUDA's own. Weights, gradients and AdamW in bf16, flash attention, LoRA of "
      "rank {} on every linear layer, no gradient accumulation.",
      stacks::kLostShare * 100, gib(stacks::kContextBytes), stacks::kLoraRank)});
  if (!stacks::training_is_known(shape))
    page.paragraph(
        {fmt::format("What training takes is not known of {}: it is not told rather than guessed.",
                     shape.experts > 0 ? "a mixture of experts" : "attention with bounded scores")});
  add_as_run(page, plan);
  add_quantized(page, plan);
  add_estimates(page, plan);
  return std::move(page).take();
}

}  // namespace bringup::report
