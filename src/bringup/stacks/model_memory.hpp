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
  std::string use;     // "inference-bf16", "lora", "lora-checkpointed", "full", "full-checkpointed";
                       // quantized "inference-int8", "inference-int4" and "qlora-checkpointed"
  std::string moment;  // when it is fullest: "prefill", "loss", "last layer", "backward", "optimizer"
  std::vector<MemoryPart> parts;
  double allocated_bytes = 0;  // the sum of the parts
  double needed_bytes = 0;     // with CUDA's own and what is lost between blocks
  std::int64_t gpus = 1;       // that share it; the figures are of the one that holds most
  bool estimate = false;       // by formula alone: no such run was measured
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

// Whether the memory of training is known, too: not of a mixture of experts, nor where attention keeps scores
// between bounds, which flash attention does not do.
bool training_is_known(const ModelShape& shape);

// On one GPU. Weights, gradients and AdamW's two states in bf16; the norms and the loss in fp32; attention
// that keeps no scores (flash); LoRA on every linear layer of the blocks. A sliding window makes no cache
// smaller here: while the prompt is read all of it is there. Empty for a family that is not known, inference
// alone where training is not.
std::vector<MemoryNeed> memory_needs(const ModelShape& shape, const MemoryAsk& ask);

// On one GPU as `stack run` trains: checkpointed; trl keeps adapters in fp32 and takes the loss piece by
// piece, torchtune (a Llama alone) in eight pieces. "trl-lora", "torchtune-full"...
std::vector<MemoryNeed> stack_needs(const ModelShape& shape, const MemoryAsk& ask);

// On one GPU with the blocks' matrices in 8 or 4 bits by bitsandbytes, as transformers loads them and peft
// trains upon them (nf4, adapters in bf16); embedding, head and norms stay in bf16, as trl leaves them. Dense
// models alone.
std::vector<MemoryNeed> quantized_needs(const ModelShape& shape, const MemoryAsk& ask);

// Estimates for two GPUs and more, of what each of them holds: to run a model by whole layers one GPU after
// the other (exllamav2, pipeline), to train it fully sharded (FSDP), `batch` sequences on each. Of a mixture
// of experts only the first.
std::vector<MemoryNeed> memory_estimates(const ModelShape& shape, const MemoryAsk& ask, std::int64_t gpus);

// The fewest GPUs of that memory that a use takes when it is shared so: 1 of those that are measured, else 2,
// 4, 8 to 64; nullopt: more, or a use that is not shared.
std::optional<std::int64_t> fewest_gpus(const ModelShape& shape, const MemoryAsk& ask, std::string_view use,
                                        std::uint64_t gpu_bytes);

}  // namespace bringup::stacks
