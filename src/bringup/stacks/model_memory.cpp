// SPDX-License-Identifier: Apache-2.0
#include <bringup/stacks/model_memory.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bringup::stacks {
namespace {

// bitsandbytes: 8 bits, its scales left out; 4 bits and a scale of 32 bits for each 64 weights (its double
// quantization, which is asked for apart, has 4.13).
constexpr double kEightBits = 8;
constexpr double kFourBits = 4.5;

// The sizes as real numbers, so that nothing overflows.
struct Sizes {
  double h, f, layers, q, kv, heads, shared, vocabulary, tokens, weights, adapters;
  double mlps, used;  // MLPs a layer, and of them for one token
  double windowed;    // share of the layers that see less than all of the context
  bool tied, head_norms, gemma, joined;
  bool packed = false;       // the blocks' matrices are in 4 bits
  double adapter_width = 2;  // bytes of an adapter's value
  double logit_width = 12;   // bytes of a token's logit in the loss
  double logit_tokens = 0;   // whose logits are there at once
  std::string how;           // the weights come to so much
};

Sizes sizes_of(const ModelShape& shape, const MemoryAsk& ask) {
  const auto real = [](std::int64_t number) { return static_cast<double>(number); };
  Sizes s{.h = real(shape.hidden),
          .f = real(shape.intermediate),
          .layers = real(shape.layers),
          .q = real(shape.heads) * real(shape.head_width),
          .kv = real(shape.kv_heads) * real(shape.head_width),
          .heads = real(shape.heads),
          .shared = real(shape.kv_heads),
          .vocabulary = real(shape.vocabulary),
          .tokens = real(ask.context) * real(ask.batch),
          .weights = 2 * real(ask.parameters),
          .adapters = 0,
          .mlps = real(std::max<std::int64_t>(shape.experts, 1)),
          .used = real(std::max<std::int64_t>(shape.experts_used, 1)),
          .windowed = 0,
          .tied = shape.tied,
          .head_norms = shape.head_norms,
          .gemma = shape.gemma,
          .joined = shape.joined,
          .how = fmt::format("2 B x {:.4g}", real(ask.parameters))};
  s.logit_tokens = s.tokens;
  if (shape.sliding_window && ask.context > *shape.sliding_window)
    s.windowed = real(shape.windowed_layers) / s.layers;
  const double sides = shape.joined ? 4 * s.h + 2 * s.q + 2 * s.kv + 3 * s.f
                                    : 2 * (s.h + s.q) + 2 * (s.h + s.kv) + 3 * (s.h + s.f);
  s.adapters = 2 * s.layers * real(kLoraRank) * sides;
  return s;
}

// What one layer keeps of the forward pass, and what its backward pass needs on top of that when it is
// fullest.
double norms_of(const Sizes& s, bool lora) {
  double bytes = (lora ? 12 : 16) * s.h + 8;
  if (s.gemma) bytes = (lora ? 20 : 36) * s.h + 16;
  const double heads = s.head_norms ? s.q + s.kv : 0;
  bytes += (lora ? 4 : (s.gemma ? 8 : 6)) * heads;
  if (s.head_norms) bytes += 4 * (s.heads + s.shared);
  if (lora) bytes += (s.joined ? 8 : 14) * static_cast<double>(kLoraRank);
  return bytes;
}
MemoryPart kept(const Sizes& s, bool lora, double layers) {
  // joined: values are a part of what one matrix made, which stays whole for them; windowed: keys and values
  // are repeated for all heads, and attention's output is laid out anew
  double more = s.joined ? 4 * s.q + 2 * s.kv : 0;
  more += s.windowed * (6 * s.q - 4 * s.kv);
  const double each = norms_of(s, lora) + more + 4 * s.q + 4 * s.kv + 8 * s.f + 4 * s.heads;
  return {"activations", layers * s.tokens * each,
          fmt::format("{:.0f} layers x {:.0f} tokens x {:.0f} B", layers, s.tokens, each)};
}
MemoryPart backward(const Sizes& s, double wide) {
  return {"backward of a layer", s.tokens * (wide * s.f + 4 * s.h),
          fmt::format("{:.0f} tokens x ({:g} x {:.0f} + 4 x {:.0f}) B", s.tokens, wide, s.f, s.h)};
}
MemoryPart loss_part(const Sizes& s, bool lora) {
  const double norm = (lora ? 4 : 8) * s.h;
  const double logits = s.logit_tokens * s.logit_width * s.vocabulary;
  return {"logits and loss", logits + s.tokens * norm,
          s.logit_tokens == s.tokens
              ? fmt::format("{:.0f} tokens x ({:g} x {:.0f} + {:.0f}) B", s.tokens, s.logit_width,
                            s.vocabulary, norm)
              : fmt::format("{:.0f} x {:g} x {:.0f} B + {:.0f} x {:.0f} B", s.logit_tokens, s.logit_width,
                            s.vocabulary, s.tokens, norm)};
}
MemoryPart inputs(const Sizes& s) {
  return {"checkpoints", 2 * s.layers * s.tokens * s.h,
          fmt::format("{:.0f} layers x {:.0f} tokens x 2 x {:.0f} B", s.layers, s.tokens, s.h)};
}
MemoryPart weights(const Sizes& s) {
  return {"weights", s.weights, s.how};
}

MemoryNeed moment(std::string name, std::vector<MemoryPart> parts) {
  MemoryNeed need{.use = "", .moment = std::move(name), .parts = std::move(parts)};
  for (const MemoryPart& part : need.parts) need.allocated_bytes += part.bytes;
  need.needed_bytes = need.allocated_bytes * (1 + kLostShare) + kContextBytes;
  return need;
}

MemoryNeed fullest(std::string use, std::vector<MemoryNeed> moments) {
  MemoryNeed most = *std::ranges::max_element(moments, {}, &MemoryNeed::allocated_bytes);
  most.use = std::move(use);
  return most;
}

MemoryPart cache_part(const Sizes& s) {
  return {"key and value cache", 4 * s.layers * s.kv * s.tokens,
          fmt::format("2 x {:.0f} layers x {:.0f} x {:.0f} tokens x 2 B", s.layers, s.kv, s.tokens)};
}
MemoryPart at_work(const Sizes& s, double h_bytes, double h, double f_bytes, double f) {
  return {
      "one layer at work", s.tokens * (h_bytes * h + f_bytes * f),
      fmt::format("{:.0f} tokens x ({:.0f} x {:.0f} + {:.0f} x {:.0f}) B", s.tokens, h_bytes, h, f_bytes, f)};
}

// A matrix is made bf16 again for as long as it is multiplied.
MemoryPart matrix_part(double h, double f) {
  return {"one matrix in bf16", 2 * h * f, fmt::format("2 B x {:.0f} x {:.0f}", h, f)};
}

MemoryNeed inference(const Sizes& s) {
  const double each = s.joined ? 8 : 6;             // gate and up are halves of one, which stays
  const double rows = s.mlps > 1 ? 1 + s.used : 1;  // a token's row is laid out for each of its experts
  return fullest(
      "inference-bf16",
      {moment("prefill", {weights(s), cache_part(s), at_work(s, 6, s.h * rows, each, s.f * s.used)})});
}

// What is there besides what lasts. Of quantized weights, too, while the MLP's last matrix is there and one
// of its gradients is not yet.
std::vector<std::vector<MemoryPart>> last_layer(const Sizes& s, bool lora, bool again,
                                                const MemoryPart& gradients) {
  std::vector<MemoryPart> last{gradients, kept(s, lora, 1), backward(s, 4)};
  const MemoryPart checkpoints =
      lora ? inputs(s) : MemoryPart{"checkpoints", 2 * s.tokens * s.h, "of one layer"};
  if (again) last.push_back(checkpoints);
  if (!s.packed) return {last};
  return {last, {gradients, kept(s, lora, 1), backward(s, 2), checkpoints, matrix_part(s.h, s.f)}};
}

// Gradients come during the backward pass and are gone before the next loss.
MemoryNeed training(const Sizes& s, bool lora, bool again) {
  const double width = lora ? s.adapter_width : 2;
  const double values = (lora ? s.adapters : s.weights) / 2;
  const double embedding = 2 * s.vocabulary * s.h;
  const MemoryPart states{"AdamW's states", 2 * width * values,
                          fmt::format("2 x {:g} B x {:.4g}", width, values)};
  const MemoryPart gradients{"gradients", width * values, fmt::format("{:g} B x {:.4g}", width, values)};
  // Untied, the embedding's own gradient comes after the last layer's.
  MemoryPart so_far = gradients;
  if (!lora && !s.tied) {
    so_far.bytes -= embedding;
    so_far.how += fmt::format(" - 2 B x {:.0f} x {:.0f}", s.vocabulary, s.h);
  }
  MemoryPart all = kept(s, lora, s.layers);
  if (lora) {  // nothing learns before the first layer's norm
    all.bytes -= 4 * s.tokens * s.h;
    all.how += fmt::format(" - {:.0f} tokens x 4 x {:.0f} B", s.tokens, s.h);
  }
  std::vector<MemoryPart> base{weights(s), states};
  if (lora)
    base.push_back(
        {"adapters", width * values, fmt::format("rank {}, {:g} B x {:.4g}", kLoraRank, width, values)});
  auto with = [&base](std::vector<MemoryPart> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  MemoryPart doubled = gradients;
  if (!lora && s.tied) {
    doubled.bytes += embedding;
    doubled.how += fmt::format(" + 2 B x {:.0f} x {:.0f}", s.vocabulary, s.h);
  }
  std::vector<MemoryNeed> moments{moment("loss", with({again ? inputs(s) : all, loss_part(s, lora)})),
                                  moment("optimizer", with({doubled}))};
  for (std::vector<MemoryPart>& parts : last_layer(s, lora, again, so_far))
    moments.push_back(moment("last layer", with(std::move(parts))));
  return fullest(std::string(lora ? "lora" : "full") + (again ? "-checkpointed" : ""), std::move(moments));
}

// The weights of one block's linear layers.
double linear_of(const Sizes& s) {
  return 2 * s.h * s.q + 2 * s.h * s.kv + 3 * s.h * s.f * s.mlps;
}
// With its two norms.
double block_of(const Sizes& s) {
  return linear_of(s) + 2 * s.h;
}

// Linear layers in fewer bits; what is left stays in bf16.
Sizes with_bits(Sizes s, double bits) {
  const double linear = s.layers * linear_of(s);
  const double rest = std::max(0.0, s.weights / 2 - linear);
  s.weights = linear * bits / 8 + 2 * rest;
  s.how = fmt::format("{:.4g} bits x {:.4g} + 2 B x {:.4g}", bits, linear, rest);
  return s;
}

// int8: while the second of gate and up is scaled its products are there in 32, 16 and 16 bits and its input
// in 8, beside the first. A gate and up in one are scaled at once.
MemoryNeed inference_int8(const Sizes& s) {
  return fullest(
      "inference-int8",
      {moment("prefill", {weights(s), cache_part(s), at_work(s, 9, s.h, s.joined ? 16 : 10, s.f)})});
}

// nf4: either all three of the MLP's products are there, or two of them and the matrix that makes the second.
MemoryNeed inference_int4(const Sizes& s) {
  std::vector<MemoryPart> three{weights(s), cache_part(s), at_work(s, 8, s.h, s.joined ? 8 : 6, s.f)};
  std::vector<MemoryPart> two{weights(s), cache_part(s), at_work(s, 8, s.h, 4, s.f),
                              matrix_part(s.h, s.joined ? 2 * s.f : s.f)};
  return fullest("inference-int4", {moment("prefill", std::move(three)), moment("prefill", std::move(two))});
}

MemoryNeed summed(std::string use, std::int64_t gpus, MemoryNeed need) {
  MemoryNeed sum = moment(std::move(need.moment), std::move(need.parts));
  sum.use = std::move(use);
  sum.gpus = gpus;
  sum.estimate = true;
  return sum;
}

// The GPU with most layers, and the larger end: the embedding stands before the first, the head after the
// last.
MemoryNeed inference_split(const Sizes& s, std::int64_t gpus) {
  const double layers = std::ceil(s.layers / static_cast<double>(gpus));
  const double ends = s.vocabulary * s.h;
  const double block = block_of(s);
  Sizes one = s;
  one.layers = layers;
  one.weights = 2 * (layers * block + ends);
  one.how = fmt::format("2 B x ({:.0f} layers x {:.4g} + {:.4g})", layers, block, ends);
  return summed("inference-bf16", gpus, inference(one));
}

MemoryPart sharded(MemoryPart part, std::int64_t gpus) {
  part.bytes /= static_cast<double>(gpus);
  part.how += fmt::format(" / {}", gpus);
  return part;
}

MemoryPart gathered_ends(const Sizes& s) {
  const double ends = (s.tied ? 1 : 2) * s.vocabulary * s.h;
  return {"gathered ends", 2 * ends, fmt::format("2 B x {:.4g}", ends)};
}
MemoryPart sharded_gradients(double values, std::int64_t gpus) {
  return sharded({"gradients", 2 * values, fmt::format("2 B x {:.4g}", values)}, gpus);
}

// While blocks are gathered again: what is there at the first of them and at the last. A block's gradients
// are whole until they are shared, the head's until all are.
std::vector<std::vector<MemoryPart>> backward_sharded(const Sizes& s, bool lora, std::int64_t gpus) {
  const double block = block_of(s);
  std::vector<MemoryPart> last{{"gathered blocks", 4 * block, fmt::format("2 x 2 B x {:.4g}", block)},
                               gathered_ends(s),
                               kept(s, lora, 1),
                               backward(s, 4)};
  if (lora) {
    last.insert(last.end(), {sharded_gradients(s.adapters / 2, gpus), inputs(s)});
    return {last};
  }
  last.push_back({"gradients of a block", 2 * block, fmt::format("2 B x {:.4g}", block)});
  last.push_back({"gradient of the head", 2 * s.vocabulary * s.h,
                  fmt::format("2 B x {:.0f} x {:.0f}", s.vocabulary, s.h)});
  std::vector<MemoryPart> first = last;
  first.insert(first.end(), {sharded_gradients(block, gpus), inputs(s)});
  last.insert(last.end(), {sharded_gradients(std::max(0.0, s.layers - 2) * block, gpus),
                           {"checkpoints", 4 * s.tokens * s.h, "of two layers"}});
  return {first, last};
}

// Everything that lasts is shared; what is computed with is gathered: a block and the next, the two ends for
// the loss.
MemoryNeed training_sharded(const Sizes& s, bool lora, std::int64_t gpus) {
  const double learning = lora ? s.adapters : s.weights;
  std::vector<MemoryPart> base{
      sharded(weights(s), gpus),
      sharded({"AdamW's states", 2 * learning, fmt::format("2 x 2 B x {:.4g}", learning / 2)}, gpus)};
  if (lora)
    base.push_back(sharded({"adapters", s.adapters, fmt::format("2 B x {:.4g}", s.adapters / 2)}, gpus));
  auto with = [&base](std::vector<MemoryPart> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  std::vector<MemoryNeed> moments{moment("loss", with({inputs(s), loss_part(s, lora), gathered_ends(s)})),
                                  moment("optimizer", with({sharded_gradients(learning / 2, gpus)}))};
  for (std::vector<MemoryPart>& parts : backward_sharded(s, lora, gpus))
    moments.push_back(moment("backward", with(std::move(parts))));
  return summed(lora ? "lora-checkpointed" : "full-checkpointed", gpus, fullest("", std::move(moments)));
}

}  // namespace

bool training_is_known(const ModelShape& shape) {
  return shape.known && shape.experts == 0 && !shape.soft_capped;
}

std::vector<MemoryNeed> memory_needs(const ModelShape& shape, const MemoryAsk& ask) {
  if (!shape.known) return {};
  const Sizes s = sizes_of(shape, ask);
  if (!training_is_known(shape)) return {inference(s)};
  return {inference(s), training(s, true, false), training(s, true, true), training(s, false, false),
          training(s, false, true)};
}

std::vector<MemoryNeed> stack_needs(const ModelShape& shape, const MemoryAsk& ask) {
  if (!training_is_known(shape)) return {};
  constexpr double kPiece = 256;  // tokens whose logits trl takes at once
  constexpr double kInPieces =
      7.25;  // torchtune: in bf16 and their softmax in fp32 for all, the rest of an eighth
  std::vector<MemoryNeed> needs;
  const auto add = [&needs](const Sizes& s, const std::string& stack) {
    for (const bool lora : {true, false}) {
      needs.push_back(training(s, lora, true));
      needs.back().use = stack + (lora ? "-lora" : "-full");
    }
  };
  Sizes s = sizes_of(shape, ask);
  if (shape.model_type == "llama") {
    s.logit_width = kInPieces;
    add(s, "torchtune");
  }
  s = sizes_of(shape, ask);
  s.adapter_width = 4;
  s.logit_tokens = std::min(s.tokens, kPiece);
  add(s, "trl");
  return needs;
}

std::vector<MemoryNeed> quantized_needs(const ModelShape& shape, const MemoryAsk& ask) {
  if (!shape.known || shape.experts > 0) return {};
  const Sizes s = sizes_of(shape, ask);
  Sizes four = with_bits(s, kFourBits);
  four.packed = true;
  std::vector<MemoryNeed> needs{inference_int8(with_bits(s, kEightBits)), inference_int4(four)};
  if (!training_is_known(shape)) {
    for (MemoryNeed& need : needs) need.estimate = true;
    return needs;
  }
  needs.push_back(training(four, true, true));
  needs.back().use = "qlora-checkpointed";
  return needs;
}

std::vector<MemoryNeed> memory_estimates(const ModelShape& shape, const MemoryAsk& ask, std::int64_t gpus) {
  if (!shape.known || gpus < 2) return {};
  const Sizes s = sizes_of(shape, ask);
  std::vector<MemoryNeed> needs{inference_split(s, gpus)};
  if (!training_is_known(shape)) return needs;
  needs.push_back(training_sharded(s, true, gpus));
  needs.push_back(training_sharded(s, false, gpus));
  return needs;
}

std::optional<std::int64_t> fewest_gpus(const ModelShape& shape, const MemoryAsk& ask, std::string_view use,
                                        std::uint64_t gpu_bytes) {
  constexpr std::int64_t kMostGpus = 64;
  const auto fits = [&](const std::vector<MemoryNeed>& needs) {
    return std::ranges::any_of(needs, [&](const MemoryNeed& need) {
      return need.use == use && need.needed_bytes <= static_cast<double>(gpu_bytes);
    });
  };
  if (fits(memory_needs(shape, ask))) return 1;
  for (std::int64_t gpus = 2; gpus <= kMostGpus; gpus *= 2) {
    if (fits(memory_estimates(shape, ask, gpus))) return gpus;
  }
  return std::nullopt;
}

}  // namespace bringup::stacks
