// SPDX-License-Identifier: Apache-2.0
#include <bringup/report/document.hpp>
#include <bringup/report/model.hpp>

#include <cmath>

namespace bringup::report {
namespace {

// 0 says that config.json does not.
ordered_json number_or_null(std::int64_t number) {
  return number == 0 ? ordered_json(nullptr) : ordered_json(number);
}

ordered_json need_json(const ModelPlan& plan, const stacks::MemoryNeed& need) {
  ordered_json parts = ordered_json::array();
  for (const stacks::MemoryPart& part : need.parts)
    parts.push_back({{"what", part.what}, {"bytes", std::llround(part.bytes)}, {"how", part.how}});
  return {{"use", need.use},
          {"gpus", need.gpus},
          {"estimate", need.estimate},
          {"moment", need.moment},
          {"parts", std::move(parts)},
          {"allocated_bytes", std::llround(need.allocated_bytes)},
          {"needed_bytes", std::llround(need.needed_bytes)},
          {"fits", plan.gpu_bytes ? ordered_json(need.needed_bytes <= static_cast<double>(*plan.gpu_bytes))
                                  : ordered_json(nullptr)}};
}

ordered_json fewest_json(const ModelPlan& plan) {
  ordered_json fewest = ordered_json::array();
  if (!plan.gpu_bytes || plan.memory.empty()) return fewest;
  for (const std::string_view use : {"inference-bf16", "lora-checkpointed", "full-checkpointed"}) {
    if (use != "inference-bf16" && !stacks::training_is_known(plan.shape)) continue;
    fewest.push_back(
        {{"use", use},
         {"gpus", value_or_null(stacks::fewest_gpus(plan.shape, plan.ask, use, *plan.gpu_bytes))}});
  }
  return fewest;
}

// Every key is there for a model in a directory, too.
void add_hub(ordered_json& json, const std::optional<HubSide>& side) {
  for (const char* key : {"repository", "endpoint", "revision", "commit", "licence", "gated", "token",
                          "readable", "why_not", "files", "download_bytes", "target", "disk_free_bytes"})
    json[key] = nullptr;
  if (!side) return;
  json["repository"] = side->repository;
  json["endpoint"] = side->endpoint;
  json["revision"] = side->revision;
  json["commit"] = side->commit;
  json["licence"] = text_or_null(side->licence);
  json["gated"] = side->gated;
  json["token"] = text_or_null(side->token_from);
  json["readable"] = side->why_not.empty();
  json["why_not"] = text_or_null(side->why_not);
  json["files"] = ordered_json::array();
  for (const stacks::RepoFile& file : side->files)
    json["files"].push_back({{"path", file.path}, {"bytes", file.size}});
  json["download_bytes"] = stacks::bytes_of(side->files);
  json["target"] = side->target;
  json["disk_free_bytes"] = side->free_bytes;
}

}  // namespace

std::string model_json(const ModelPlan& plan) {
  const stacks::ModelShape& shape = plan.shape;
  ordered_json memory = ordered_json::array();
  for (const auto* needs : {&plan.memory, &plan.as_run, &plan.quantized, &plan.estimates}) {
    for (const stacks::MemoryNeed& need : *needs) memory.push_back(need_json(plan, need));
  }
  ordered_json json = {
      {"schema", "bringup.model-plan/1"},
      {"directory", text_or_null(plan.directory)},
      {"architecture", text_or_null(shape.architecture)},
      {"model_type", text_or_null(shape.model_type)},
      {"known", shape.known},
      {"parameters", shape.quantization.empty() ? ordered_json(plan.ask.parameters) : ordered_json(nullptr)},
      {"weight_bytes", plan.weight_bytes},
      {"layers", number_or_null(shape.layers)},
      {"hidden", number_or_null(shape.hidden)},
      {"context_limit", number_or_null(shape.context_limit)},
      {"sliding_window", value_or_null(shape.sliding_window)},
      {"windowed_layers", shape.windowed_layers},
      {"experts", number_or_null(shape.experts)},
      {"experts_per_token", number_or_null(shape.experts_used)},
      {"rope_scaling", text_or_null(shape.rope_scaling)},
      {"quantization", text_or_null(shape.quantization)},
      {"context", plan.ask.context},
      {"batch", plan.ask.batch},
      {"gpu_bytes", value_or_null(plan.gpu_bytes)},
      {"memory", std::move(memory)}};
  json["fewest_gpus"] = fewest_json(plan);
  add_hub(json, plan.hub);
  return written(json);
}

std::string get_json(const HubSide& side, std::size_t missing) {
  ordered_json json = {{"schema", "bringup.model-get/1"}};
  add_hub(json, side);
  json["missing_files"] = missing;
  return written(json);
}

}  // namespace bringup::report
