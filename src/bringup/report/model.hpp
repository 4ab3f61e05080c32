// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `model plan` tells: a model's shape, and the memory that each use takes.

#include <bringup/report/report.hpp>
#include <bringup/stacks/model_memory.hpp>

namespace bringup::report {

struct ModelPlan {
  std::string directory;
  std::uint64_t weight_bytes = 0;  // of the safetensors files
  stacks::ModelShape shape;
  stacks::MemoryAsk ask;
  std::vector<stacks::MemoryNeed> memory;
  std::optional<std::uint64_t> gpu_bytes;  // of the smallest GPU; nullopt: none that can be seen
};

std::string model_text(const ModelPlan& plan, const Style& style);
std::string model_json(const ModelPlan& plan);

}  // namespace bringup::report
