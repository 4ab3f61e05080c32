// SPDX-License-Identifier: Apache-2.0
// Speeds: each against its roofline and against its like.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/native.hpp>
#include <bringup/diagnose/roofline.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bringup::diagnose {
namespace {

using facts::NativeGpu;
using facts::NativePair;
using facts::Outcome;
using facts::Rate;
using facts::Reading;
using facts::Verdict;

double middle(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  if (values.empty()) return 0;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// How far apart samples lie, as a part of their middle: the scaled median of their distances from it.
std::optional<double> spread_of(const std::vector<double>& samples) {
  constexpr std::size_t kLeast = 3;
  constexpr double kAsDeviation = 1.4826;  // of a normal distribution
  const double median = middle(samples);
  if (samples.size() < kLeast || !(median > 0)) return std::nullopt;
  std::vector<double> distances;
  distances.reserve(samples.size());
  for (const double one : samples) distances.push_back(std::abs(one - median));
  return middle(distances) * kAsDeviation / median;
}

// What a figure is compared with.
struct Yardstick {
  std::optional<Roof> roof;
  const Factor* factor = nullptr;
  const SiblingLimit* limit = nullptr;
  std::vector<double> like;  // the figure of others of its kind, itself left out
};

std::string percent(double part) {
  return fmt::format("{:.0f} %", part * 100);
}

Outcome against_roof(double value, const Yardstick& yard) {
  if (!yard.roof || yard.factor == nullptr) return Outcome::info;
  if (value < yard.roof->value * yard.factor->fail) return Outcome::fail;
  return value < yard.roof->value * yard.factor->warn ? Outcome::warn : Outcome::pass;
}

Outcome against_like(double value, const Yardstick& yard) {
  const double median = middle(yard.like);
  if (yard.limit == nullptr || !(median > 0)) return Outcome::info;
  if (value < median * (1 - yard.limit->fail)) return Outcome::fail;
  return value < median * (1 - yard.limit->warn) ? Outcome::warn : Outcome::pass;
}

bool complains(Outcome outcome) {
  return outcome == Outcome::warn || outcome == Outcome::fail;
}

// Two that complain agree on a failure. When only the roofline complains and several of its like are as slow,
// the machine is built so or the table is wrong: a warning. When only its like complains, several of them are
// believed; a single other may as well be the fast one, and only what would be a failure is a warning.
Outcome together(Outcome roof, Outcome like, std::size_t count) {
  if (complains(roof) && complains(like)) return Outcome::fail;
  if (complains(roof)) return like == Outcome::pass && count >= 2 ? Outcome::warn : roof;
  if (complains(like) && count >= 2) return like;
  if (like == Outcome::fail) return Outcome::warn;
  if (roof == Outcome::pass) return Outcome::pass;
  return like == Outcome::pass && count >= 2 ? Outcome::pass : Outcome::info;
}

std::string said(double value, const Yardstick& yard, Outcome roof, Outcome like) {
  std::vector<std::string> words;
  if (yard.roof) words.push_back(fmt::format("{} of {}", percent(value / yard.roof->value), yard.roof->from));
  if (complains(roof) && yard.factor != nullptr) {
    words.push_back(fmt::format("less than {} of it is {}",
                                percent(roof == Outcome::fail ? yard.factor->fail : yard.factor->warn),
                                roof == Outcome::fail ? "a failure" : "a warning"));
  }
  if (const double median = middle(yard.like); median > 0 && complains(like))
    words.push_back(fmt::format("{} below {}", percent(1 - value / median),
                                yard.like.size() == 1 ? "the other" : "the middle of the others"));
  if (!yard.roof) words.emplace_back("what is there does not say what to expect");
  return base::join(words, "; ");
}

// A speed, judged. `cause` is asked only when it is low.
Verdict judged(std::string check, std::vector<std::string> gpus, const Reading<Rate>& rate,
               const std::string& unit, const Yardstick& yard, const std::string& held,
               const std::function<std::string()>& cause) {
  const auto seen = Seen::of(rate);
  if (!seen) return unmeasured(std::move(check), std::move(gpus), rate.error());
  const double value = rate->median;
  Verdict verdict = passed(*seen, std::move(check), std::move(gpus), "");
  verdict.measured = facts::Quantity{.value = value, .unit = unit, .spread = spread_of(rate->samples)};
  if (yard.roof && yard.factor != nullptr) {
    verdict.expected =
        facts::Expectation{.value = yard.roof->value * yard.factor->expected,
                           .unit = unit,
                           .source = fmt::format("{} of {}: {}", percent(yard.factor->expected),
                                                 yard.roof->from, yard.factor->source)};
  }
  if (!(value > 0)) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why = "it took no time that could be measured";
    return verdict;
  }
  const Outcome roof = against_roof(value, yard);
  const Outcome like = against_like(value, yard);
  verdict.outcome = together(roof, like, yard.like.size());
  verdict.why = said(value, yard, roof, like);
  if (!complains(verdict.outcome)) return verdict;
  if (!held.empty()) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why += "; it was not alone: " + held + " (nvidia-smi)";
  } else if (const std::string why = cause(); !why.empty()) {
    verdict.why += "; " + why;
  } else {
    verdict.why += "; nothing that was read says why";
  }
  return verdict;
}

// Others of the same build.
std::vector<double> like_of(const NativeView& view, const NativeGpu& gpu,
                            const std::function<const Reading<Rate>*(const NativeGpu&)>& figure) {
  std::vector<double> values;
  for (const NativeGpu& other : view.proof.gpus) {
    if (&other == &gpu || other.name != gpu.name) continue;
    const Reading<Rate>* rate = figure(other);
    if (rate != nullptr && *rate) values.push_back((*rate)->median);
  }
  return values;
}

void judge_memory(const NativeView& view, const NativeGpu& gpu, std::vector<Verdict>& out) {
  struct Row {
    const char* figure;
    Reading<Rate> NativeGpu::*rate;
  };
  for (const auto& [figure, rate] :
       {Row{"memory-read", &NativeGpu::memory_read}, Row{"memory-write", &NativeGpu::memory_write},
        Row{"memory-copy", &NativeGpu::memory_copy}}) {
    const auto member = rate;
    const Yardstick yard{
        .roof = memory_roof(gpu),
        .factor = view.reference.factor(figure),
        .limit = view.reference.sibling("memory"),
        .like = like_of(view, gpu, [member](const NativeGpu& one) { return &(one.*member); })};
    out.push_back(judged(fmt::format("gpu-{}", figure), {gpu.pci}, gpu.*rate, "B/s", yard, holders_text(gpu),
                         [&gpu] { return memory_cause(gpu); }));
  }
}

void judge_host(const NativeView& view, const NativeGpu& gpu, std::vector<Verdict>& out) {
  struct Row {
    const char* check;
    Reading<Rate> NativeGpu::*rate;
  };
  for (const auto& [check, rate] :
       {Row{"gpu-from-host", &NativeGpu::to_device}, Row{"gpu-to-host", &NativeGpu::to_host}}) {
    const auto member = rate;
    const Yardstick yard{
        .roof = host_roof(gpu),
        .factor = view.reference.factor("host-link"),
        .limit = view.reference.sibling("host-link"),
        .like = like_of(view, gpu, [member](const NativeGpu& one) { return &(one.*member); })};
    out.push_back(judged(check, {gpu.pci}, gpu.*rate, "B/s", yard, holders_text(gpu),
                         [&gpu] { return host_cause(gpu); }));
  }
}

const Reading<Rate>* matrix_rate(const NativeGpu& gpu, const facts::MatrixRate& as) {
  for (const facts::MatrixRate& one : gpu.matrices) {
    if (one.type == as.type && one.by == as.by && one.size == as.size) return &one.operations;
  }
  return nullptr;
}

void judge_matrices(const NativeView& view, const NativeGpu& gpu, std::vector<Verdict>& out) {
  for (const facts::MatrixRate& matrix : gpu.matrices) {
    const bool own = matrix.by.starts_with("own");
    const Yardstick yard{
        .roof = matrix_roof(view.reference, gpu, matrix.type),
        .factor = view.reference.factor("matrix", own ? "own" : "library"),
        .limit = view.reference.sibling("matrix"),
        .like = like_of(view, gpu, [&matrix](const NativeGpu& one) { return matrix_rate(one, matrix); })};
    Verdict verdict = judged("gpu-matrix-" + matrix.type, {gpu.pci}, matrix.operations, "FLOP/s", yard,
                             holders_text(gpu), [&gpu] { return matrix_cause(gpu); });
    if (matrix.operations) verdict.why += "; by " + matrix.by;
    // That a GPU has no such type, or this machine no library for it, takes nothing from the proof of the
    // others.
    if (verdict.outcome == Outcome::not_measured) {
      verdict.outcome = Outcome::info;
      verdict.why = "not measured: " + verdict.why;
    }
    out.push_back(std::move(verdict));
  }
}

// What minutes of heat did to the products that were repeated most: the last quarter beside the first.
void judge_soak(const NativeView& view, const NativeGpu& gpu, std::vector<Verdict>& out) {
  constexpr std::size_t kLeast = 16;
  const facts::MatrixRate* longest = nullptr;
  for (const facts::MatrixRate& one : gpu.matrices) {
    if (one.operations &&
        (longest == nullptr || one.operations->samples.size() > longest->operations->samples.size()))
      longest = &one;
  }
  const Reading<Rate> few = Error(Errc::absent, "it was too short to tell its end from its beginning");
  const bool enough = longest != nullptr && longest->operations->samples.size() >= kLeast;
  const auto seen = Seen::of(enough ? longest->operations : few);
  if (!seen) {
    out.push_back(unmeasured("gpu-soak", {gpu.pci}, gpu.answered ? few.error() : gpu.answered.error()));
    return;
  }
  const std::vector<double>& all = longest->operations->samples;
  const auto quarter = static_cast<std::ptrdiff_t>(all.size() / 4);
  const std::vector<double> early(all.begin(), all.begin() + quarter);
  const std::vector<double> late(all.end() - quarter, all.end());
  Verdict verdict = passed(*seen, "gpu-soak", {gpu.pci}, "");
  verdict.measured = facts::Quantity{.value = middle(late), .unit = "FLOP/s", .spread = spread_of(late)};
  verdict.expected =
      facts::Expectation{.value = middle(early), .unit = "FLOP/s", .source = "its own first quarter"};
  const double lost = 1 - middle(late) / std::max(middle(early), 1.0);
  verdict.why = fmt::format("{} s of load; {} products ended {} {} than they began",
                            std::lround(view.proof.soak_seconds), longest->type, percent(std::abs(lost)),
                            lost > 0 ? "slower" : "faster");
  const SiblingLimit* limit = view.reference.sibling("soak");
  if (limit != nullptr && lost > limit->warn) {
    verdict.outcome = lost > limit->fail ? Outcome::fail : Outcome::warn;
    const std::string why = matrix_cause(gpu);
    verdict.why += why.empty() ? "; nothing that was read says why" : "; " + why;
  }
  out.push_back(std::move(verdict));
}

const NativeGpu* gpu_at(const NativeView& view, const std::string& pci) {
  const auto found = std::ranges::find(view.proof.gpus, pci, &NativeGpu::pci);
  return found == view.proof.gpus.end() ? nullptr : &*found;
}

// All NVLinks of a GPU lead to one peer when there are but two GPUs, or through a switch. Without a word of a
// switch, what most pairs reach shows it.
bool all_links_to_each(const NativeView& view) {
  const auto is_switch = [](const facts::PciFunction& one) { return one.kind == facts::PciKind::nvswitch; };
  if (view.proof.gpus.size() == 2 || std::ranges::any_of(view.machine.pci, is_switch)) return true;
  std::vector<double> parts;
  for (const NativePair& pair : view.proof.pairs ? *view.proof.pairs : std::vector<NativePair>()) {
    const NativeGpu* from = gpu_at(view, pair.from);
    const NativeGpu* to = gpu_at(view, pair.to);
    const auto roof = from == nullptr || to == nullptr ? std::nullopt : nvlink_roof(*from, *to);
    if (roof && pair.copy) parts.push_back(pair.copy->median / roof->value);
  }
  constexpr double kThroughSwitch = 0.6;
  return middle(parts) > kThroughSwitch;
}

std::optional<Roof> narrower_host(const NativeGpu& a, const NativeGpu& b) {
  const auto one = host_roof(a);
  const auto other = host_roof(b);
  if (!one || !other) return std::nullopt;
  return one->value < other->value ? one : other;
}

Yardstick pair_yard(const NativeView& view, const NativePair& pair, bool whole) {
  Yardstick yard{
      .roof = std::nullopt, .factor = nullptr, .limit = view.reference.sibling("pair"), .like = {}};
  for (const NativePair& other : *view.proof.pairs) {
    if (&other != &pair && other.copy) yard.like.push_back(other.copy->median);
  }
  const NativeGpu* from = gpu_at(view, pair.from);
  const NativeGpu* to = gpu_at(view, pair.to);
  if (from == nullptr || to == nullptr) return yard;
  const auto nvlink = nvlink_roof(*from, *to);
  if (nvlink && whole) {
    yard.roof = nvlink;
    yard.factor = view.reference.factor("pair-nvlink");
  } else {
    const bool direct = pair.reachable && *pair.reachable;
    yard.roof = narrower_host(*from, *to);
    yard.factor = view.reference.factor(direct ? "pair-pcie" : "pair-staged");
    // Paths differ by design: through a switch, a bridge, the sockets' link.
    yard.like.clear();
  }
  return yard;
}

std::string held_of_either(const NativeView& view, const NativePair& pair) {
  for (const std::string& pci : {pair.from, pair.to}) {
    const NativeGpu* gpu = gpu_at(view, pci);
    if (gpu == nullptr) continue;
    if (std::string held = holders_text(*gpu); !held.empty()) return held;
  }
  return "";
}

Verdict pair_data(const NativePair& pair) {
  struct Row {
    const char* how;
    const Reading<std::uint64_t>* right;
  };
  std::uint64_t bytes = 0;
  Verdict verdict =
      unmeasured("gpu-pair-data", {pair.from, pair.to}, Error(Errc::absent, "nothing was copied"));
  for (const auto& [how, right] :
       {Row{"the copy engine", &pair.copied_right}, Row{"the source's threads", &pair.stored_right},
        Row{"the destination's threads", &pair.loaded_right}}) {
    const auto seen = Seen::of(*right);
    if (!seen && right->error().code() == Errc::unsupported) continue;  // they cannot reach each other
    if (!seen) {
      verdict = unmeasured("gpu-pair-data", {pair.from, pair.to}, right->error());
      verdict.why = fmt::format("by {}: {}", how, verdict.why);
      return verdict;
    }
    bytes += **right;
    verdict = passed(*seen, "gpu-pair-data", {pair.from, pair.to}, "tagged data arrived as it left");
    verdict.measured = facts::Quantity{.value = static_cast<double>(bytes), .unit = "B"};
  }
  return verdict;
}

}  // namespace

void judge_speeds(const NativeView& view, std::vector<Verdict>& out) {
  for (const NativeGpu& gpu : view.proof.gpus) {
    if (!gpu.context_seconds) continue;
    judge_memory(view, gpu, out);
    judge_host(view, gpu, out);
    judge_matrices(view, gpu, out);
    if (view.proof.soak_seconds > 0) judge_soak(view, gpu, out);
  }
}

void judge_pairs(const NativeView& view, std::vector<Verdict>& out) {
  if (!view.proof.pairs) {
    Verdict verdict = unmeasured("gpu-pair", {}, view.proof.pairs.error());
    if (verdict.outcome == Outcome::not_measured) verdict.outcome = Outcome::info;
    verdict.why = "not measured: " + verdict.why;
    out.push_back(std::move(verdict));
    return;
  }
  const bool whole = all_links_to_each(view);
  for (const NativePair& pair : *view.proof.pairs) {
    out.push_back(pair_data(pair));
    out.push_back(judged("gpu-pair-speed", {pair.from, pair.to}, pair.copy, "B/s",
                         pair_yard(view, pair, whole), held_of_either(view, pair),
                         [&] { return pair_cause(view, pair); }));
  }
}

void judge_collectives(const NativeView& view, std::vector<Verdict>& out) {
  if (!view.proof.collectives) {
    Verdict verdict = unmeasured("gpu-all-reduce", {}, view.proof.collectives.error());
    if (verdict.outcome == Outcome::not_measured) verdict.outcome = Outcome::info;
    verdict.why = "not measured: " + verdict.why;
    out.push_back(std::move(verdict));
    return;
  }
  const bool whole = all_links_to_each(view) && view.proof.gpus.size() > 1;
  for (const facts::Collective& one : *view.proof.collectives) {
    if (one.steps.empty()) continue;
    const std::string check = "gpu-" + one.kind;
    for (const facts::CollectiveStep& step : one.steps) {
      const auto seen = Seen::of(step.right);
      if (seen) continue;
      out.push_back(unmeasured(check + "-result", {}, step.right.error()));
      break;
    }
    const facts::CollectiveStep& largest = one.steps.back();
    const NativeGpu& first = view.proof.gpus.front();
    const NativeGpu& last = view.proof.gpus.back();
    const auto nvlink = nvlink_roof(first, last);
    const bool by_nvlink = nvlink && whole;
    const Yardstick yard{.roof = by_nvlink ? nvlink : narrower_host(first, last),
                         .factor = view.reference.factor(one.kind + (by_nvlink ? "-nvlink" : "-pcie")),
                         .limit = nullptr,
                         .like = {}};
    Verdict verdict = judged(check, {}, largest.bus, "B/s", yard, "", [&] { return collective_cause(view); });
    verdict.why += fmt::format("; {} GPUs, {} MiB, by {}", one.ranks, largest.bytes >> 20U, one.by);
    out.push_back(std::move(verdict));
  }
}

}  // namespace bringup::diagnose
