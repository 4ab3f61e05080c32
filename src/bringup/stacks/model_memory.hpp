// SPDX-License-Identifier: Apache-2.0
#pragma once
// The memory of a GPU that a model takes, by use: what PyTorch allocates at the fullest moment, in parts.

#include <bringup/stacks/model_shape.hpp>

#include <vector>

namespace bringup::stacks {

struct MemoryPart {
  std::string what;  // "weights"
  double bytes = 0;
  std::string how;  // "2 B x 1.24e9"
};

struct MemoryNeed {
  std::string use;     // "inference-bf16", "lora", "lora-checkpointed", "full", "full-checkpointed"
  std::string moment;  // when it is fullest: "prefill", "loss", "last layer", "optimizer"
  std::vector<MemoryPart> parts;
  double allocated_bytes = 0;  // the sum of the parts
  double needed_bytes = 0;     // with CUDA's own and what is lost between blocks
};

struct MemoryAsk {
  std::int64_t parameters = 0;
  std::int64_t context = 0;
  std::int64_t batch = 1;
};

inline constexpr std::int64_t kLoraRank = 16;
// CUDA's context, libraries and their kernels: 0.67 GiB were measured on an H100 after a product of matrices
// (CUDA 13.0, 2026-11-25), with room for the rest of a program's kernels.
inline constexpr double kContextBytes = 0.8 * 1024 * 1024 * 1024;
inline constexpr double kLostShare = 0.03;  // between the allocator's blocks: an estimate

// On one GPU. Weights, gradients and AdamW's two states in bf16; the norms and the loss in fp32; attention
// that keeps no scores (flash); LoRA on every linear layer of the blocks. Empty for a family that is not
// known.
std::vector<MemoryNeed> memory_needs(const ModelShape& shape, const MemoryAsk& ask);

}  // namespace bringup::stacks
