// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/measure/bench.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::measure {
namespace {

using gpu::Cuda;

// What is asked for at a time when the rest is taken: the driver hands memory out in pieces of 2 MiB.
constexpr std::size_t kPiece = std::size_t{2} << 20U;

// The driver compiles a file when its first kernel is needed, so each holds what is needed together.
std::string_view file_of(std::string_view kernel) {
  constexpr std::array<std::string_view, 7> kMemory{"fill",  "compare", "invert", "read",
                                                    "write", "copy",    "chains"};
  if (kernel == "exact_product") return "exact.ptx";
  if (kernel.starts_with("product_")) return "matrix.ptx";
  return std::ranges::find(kMemory, kernel) != kMemory.end() ? "memory.ptx" : "numbers.ptx";
}

Result<int> capability_of(const Cuda& cuda, Cuda::Device device) {
  return TRY(cuda.attribute(Cuda::Attribute::major, device)) * 10 +
         TRY(cuda.attribute(Cuda::Attribute::minor, device));
}

}  // namespace

std::string_view embedded(std::string_view name) {
  const auto files = embedded_measure_scripts();
  const auto found = std::ranges::find(files, name, &base::EmbeddedFile::name);
  return found == files.end() ? std::string_view() : found->text;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

facts::Rate rate_of(std::vector<double> samples) {
  facts::Rate rate{.median = median(samples), .samples = {}};
  rate.samples = std::move(samples);
  return rate;
}

Result<Bench> Bench::open(const Cuda& cuda, int ordinal) {
  Bench bench;
  bench.cuda_ = &cuda;
  bench.device_ = TRY(cuda.device(ordinal));
  bench.context_ = TRY(cuda.retain_primary(bench.device_));
  bench.multiprocessors_ = TRY(cuda.attribute(Cuda::Attribute::multiprocessors, bench.device_));
  bench.capability_ = TRY(capability_of(cuda, bench.device_));
  bench.stream_ = TRY(cuda.make_stream());
  bench.began_ = TRY(cuda.make_event());
  bench.ended_ = TRY(cuda.make_event());
  bench.found_ = TRY(cuda.allocate(sizeof(Found)));
  return bench;
}

Result<Block> Bench::take(std::size_t bytes) const {
  return Block(*cuda_, TRY(cuda_->allocate(bytes)), bytes);
}

Result<Block> Bench::take_rest(std::size_t reserve) const {
  const Cuda::Memory memory = TRY(cuda_->memory());
  if (memory.free <= reserve + kPiece) {
    return Error(Errc::busy, fmt::format("only {} MiB of the GPU's memory are free", memory.free >> 20U));
  }
  // Free is not always free in one piece: a little less each time.
  std::size_t bytes = (memory.free - reserve) / kPiece * kPiece;
  for (int tries = 0; tries < 8; ++tries, bytes = bytes / 10 * 9 / kPiece * kPiece) {
    if (auto address = cuda_->allocate(bytes)) return Block(*cuda_, *address, bytes);
  }
  return take(bytes);
}

Result<Cuda::Function> Bench::function(std::string_view kernel) {
  if (const auto known = functions_.find(kernel); known != functions_.end()) return known->second;
  const std::string file(file_of(kernel));
  if (!modules_.contains(file)) modules_[file] = TRY(cuda_->load_ptx(std::string(embedded(file))));
  const std::string name(kernel);
  const Cuda::Function function = TRY(cuda_->function(modules_[file], name.c_str()));
  functions_[name] = function;
  return function;
}

Result<> Bench::run_with(std::string_view kernel, Cuda::Grid grid, void** arguments) {
  const Cuda::Function wanted = TRY(function(kernel));
  constexpr unsigned kAlwaysAllowed = 48U << 10U;
  if (grid.shared_bytes > kAlwaysAllowed) TRY(cuda_->allow_shared(wanted, grid.shared_bytes));
  return cuda_->launch(wanted, grid, stream_, arguments);
}

Result<double> Bench::time(const std::function<Result<>()>& work) {
  TRY(cuda_->record(began_, stream_));
  TRY(work());
  TRY(cuda_->record(ended_, stream_));
  return cuda_->seconds_between(began_, ended_);
}

Result<facts::Rate> Bench::rate(double amount, int samples, const std::function<Result<>()>& work) {
  TRY(time(work));
  std::vector<double> rates;
  for (int sample = 0; sample < samples; ++sample) {
    const double seconds = TRY(time(work));
    if (!(seconds > 0)) return Error(Errc::failed, "the GPU's clock stood still");
    rates.push_back(amount / seconds);
  }
  return rate_of(std::move(rates));
}

Result<facts::Rate> Bench::steady_rate(double amount, int samples, const std::function<Result<>()>& work) {
  constexpr int kTries = 3;
  constexpr double kApart = 0.05;
  facts::Rate best;
  for (int tries = 0; tries < kTries; ++tries) {
    facts::Rate rate = TRY(this->rate(amount, samples, work));
    const auto [low, high] = std::ranges::minmax(rate.samples);
    if (rate.median > best.median) best = std::move(rate);
    if (low > high * (1 - kApart)) break;
  }
  return best;
}

Result<> Bench::clear_found() {
  TRY(cuda_->set_bytes(found_, 0, sizeof(std::uint64_t), stream_));
  return cuda_->set_bytes(found_ + sizeof(std::uint64_t), 0xFF, sizeof(std::uint64_t), stream_);
}

Result<Found> Bench::read_found() {
  Found found;
  TRY(synchronize());
  TRY(cuda_->to_host(&found, found_, sizeof found));
  return found;
}

}  // namespace bringup::measure
