// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `model plan` tells: a model's shape, and the memory that each use takes.

#include <bringup/report/report.hpp>
#include <bringup/stacks/model_memory.hpp>
#include <bringup/stacks/model_repo.hpp>

namespace bringup::report {

// What a hub says of a model, and the disk that it would go to.
struct HubSide {
  std::string endpoint;
  std::string repository;
  std::string revision;
  std::string commit;
  std::string licence;     // "" when it is not said
  bool gated = false;      // a licence must be accepted first
  std::string token_from;  // where a token was found, never the token; "" for none
  std::string target;
  std::uint64_t free_bytes = 0;
  std::vector<stacks::RepoFile> files;  // that `model get` would fetch
  std::string why_not;                  // the hub does not give them; "" when it does
};

// Lines about the files, for plan and for get.
std::string hub_text(const HubSide& side, const Style& style);

struct ModelPlan {
  std::string directory;           // "" for a model on a hub
  std::optional<HubSide> hub;      // nullopt for a model in a directory
  std::uint64_t weight_bytes = 0;  // of the safetensors files
  stacks::ModelShape shape;
  stacks::MemoryAsk ask;
  std::vector<stacks::MemoryNeed> memory;
  std::vector<stacks::MemoryNeed> as_run;  // by the stacks that train
  std::vector<stacks::MemoryNeed> quantized;
  std::vector<stacks::MemoryNeed> estimates;  // for several GPUs
  std::int64_t gpus = 0;                      // that can be seen
  std::optional<std::uint64_t> gpu_bytes;     // of the smallest GPU; nullopt: none that can be seen
};

std::string model_text(const ModelPlan& plan, const Style& style);
std::string model_json(const ModelPlan& plan);
// Of `model get`; `missing`: files that are still to come.
std::string get_json(const HubSide& side, std::size_t missing);

}  // namespace bringup::report
