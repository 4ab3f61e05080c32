// SPDX-License-Identifier: Apache-2.0
// Minutes of load: matrix products on all GPUs at once, the memory test between them, and word of how they
// do.
#include <bringup/host/command.hpp>
#include <bringup/measure/conductor.hpp>

#include <algorithm>

namespace bringup::measure {
namespace {

constexpr double kMostRoundSeconds = 2.0;
constexpr double kLeastRounds = 10;
constexpr std::size_t kRoundsBetweenMemory = 8;

std::uint64_t errors_of(const facts::NativeGpu& gpu) {
  std::uint64_t errors = 0;
  if (gpu.memory) {
    for (const facts::MemoryPass& pass : gpu.memory->passes) errors += pass.errors;
  }
  for (const facts::MatrixRate& matrix : gpu.matrices) {
    if (!matrix.right && matrix.right.error().code() == Errc::failed) ++errors;
  }
  return errors;
}

std::optional<double> newest_rate(const facts::NativeGpu& gpu, const std::string& type) {
  const auto matrix = std::ranges::find(gpu.matrices, type, &facts::MatrixRate::type);
  if (matrix == gpu.matrices.end() || !matrix->operations || matrix->operations->samples.empty())
    return std::nullopt;
  return matrix->operations->samples.back();
}

}  // namespace

void Conductor::tell(std::string_view name, double done, const std::vector<facts::NativeGpu>& now) const {
  if (!request_.progress) return;
  NativeProgress progress{.phase = name, .done = std::min(done, 1.0), .gpus = {}};
  for (const facts::NativeGpu& gpu : proof_.gpus) {
    NativeProgress::Gpu one{.pci = gpu.pci, .name = gpu.name, .now = std::nullopt, .errors = errors_of(gpu)};
    one.operations = newest_rate(gpu, "bf16");
    if (!one.operations) one.operations = newest_rate(gpu, "fp16");
    const auto seen = std::ranges::find(now, gpu.pci, &facts::NativeGpu::pci);
    if (seen != now.end() && seen->load && !seen->load->empty()) one.now = seen->load->back();
    progress.gpus.push_back(std::move(one));
  }
  request_.progress(progress);
}

// Those that some GPU has: the hottest between each two others.
std::vector<std::string> Conductor::soak_types() const {
  const auto had = [this](const std::string& type) {
    return std::ranges::any_of(able_, [&](int position) {
      return newest_rate(proof_.gpus[static_cast<std::size_t>(position)], type).has_value();
    });
  };
  const std::string hottest = had("bf16") || !had("fp16") ? "bf16" : "fp16";
  std::vector<std::string> types;
  for (const char* type : {"fp8", "fp16", "int8", "tf32"}) {
    if (type == hottest || !had(type)) continue;
    types.push_back(hottest);
    types.emplace_back(type);
  }
  if (types.empty()) types.push_back(hottest);
  return types;
}

void Conductor::soak() {
  if (request_.soak.count() == 0) return;
  const auto began = Steady::now();
  const auto until = began + request_.soak;
  const std::vector<std::string> types = soak_types();
  const auto wanted = static_cast<double>(request_.soak.count());
  const double each = std::min(kMostRoundSeconds, wanted / kLeastRounds);
  soaking_ = true;
  tell("soak", 0, {});
  for (std::size_t round = 0; Steady::now() < until && !able_.empty() && !host::interrupted(); ++round) {
    if (round % kRoundsBetweenMemory == kRoundsBetweenMemory - 1)
      together("memory");
    else
      together("matrices", {{"seconds", each}, {"types", json::array({types[round % types.size()]})}});
    const auto now = ask(watcher_, {{"do", "now"}}, milliseconds(5000));
    tell("soak", seconds(Steady::now() - began) / wanted,
         now ? gpus_in(*now) : std::vector<facts::NativeGpu>());
  }
  soaking_ = false;
  note("soak", began);
  proof_.soak_seconds = seconds(Steady::now() - began);
}

}  // namespace bringup::measure
