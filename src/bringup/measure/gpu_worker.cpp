// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/facts/native_json.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/libraries.hpp>
#include <bringup/measure/peers.hpp>
#include <bringup/measure/phases.hpp>
#include <bringup/measure/workers.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>
#include <unistd.h>

namespace bringup::measure {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

// Set before any library reads them: nothing is written into the user's home, and NVLink multicast stays off.
void set_environment() {
  ::setenv("CUDA_CACHE_DISABLE", "1", 1);
  ::setenv("NCCL_NVLS_ENABLE", "0", 1);
}

// All that are told the same moment begin together.
void wait_until(const json& question) {
  if (!question.contains("at")) return;
  const auto at = Steady::time_point(std::chrono::nanoseconds(question["at"].get<std::int64_t>()));
  std::this_thread::sleep_until(at);
}

std::string hex(const gpu::Nccl::Id& id) {
  std::string text;
  for (const char byte : id) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}
Result<gpu::Nccl::Id> unhex(const std::string& text) {
  gpu::Nccl::Id id{};
  if (text.size() != id.size() * 2) return Error(Errc::malformed, "NCCL's id has not 128 bytes");
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto byte = base::to_hex(std::string_view(text).substr(i * 2, 2));
    if (!byte) return Error(Errc::malformed, "NCCL's id is not in hexadecimal");
    id[i] = static_cast<char>(*byte);
  }
  return id;
}

class GpuWorker {
 public:
  GpuWorker(const NativeRequest& request, int ordinal)
      : request_(request), extent_(extent_of(request.level)) {
    gpu_.index = ordinal;
    for (const Injection& injection : request.inject) {
      if (injection.gpu < 0 || injection.gpu == ordinal) extent_.faults.insert(injection.fault);
    }
  }

  Result<std::string> answer(const json& question) {
    const std::string phase = text_in(question, "do");
    if (phase == "hello") return hello();
    if (phase == "start") {
      TRY(start());
      return facts::part_to_json(gpu_);
    }
    if (!bench_) return Error(Errc::failed, "the GPU was not started");
    wait_until(question);
    if (phase == "memory rate") fail_on_purpose();
    if (phase == "nccl id") return nccl_id();
    if (phase == "nccl join") return nccl_join(question);
    if (phase == "collectives") return collectives(question);
    if (phase == "memory") test_memory(*bench_, extent_, question.value("seed", 1U), gpu_);
    if (phase == "memory rate") rate_memory(*bench_, extent_, gpu_);
    if (phase == "host link") rate_host_link(*bench_, extent_, false, gpu_);
    if (phase == "host link together") rate_host_link(*bench_, extent_, true, gpu_);
    if (phase == "matrices") {
      if (question.contains("seconds")) extent_.matrix_seconds = question["seconds"].get<double>();
      if (question.contains("types")) extent_.types = question["types"].get<std::vector<std::string>>();
      rate_matrices(*bench_, extent_, cublaslt_in(request_.site_packages, request_.elsewhere), gpu_);
    }
    return facts::part_to_json(gpu_);
  }

 private:
  void fail_on_purpose() const {
    if (extent_.faults.contains("die")) static_cast<void>(::raise(SIGKILL));
    while (extent_.faults.contains("hang")) ::pause();
  }

  Result<std::string> hello() {
    const auto began = Steady::now();
    cuda_ = std::make_unique<gpu::Cuda>(TRY(gpu::Cuda::open(request_.cuda)));
    TRY(cuda_->init());
    gpu_.init_seconds = seconds_since(began);
    const int count = TRY(cuda_->device_count());
    json told{{"count", count}, {"driver", cuda_->driver_version().value_or(0)}};
    if (gpu_.index < count) {
      const auto device = TRY(cuda_->device(gpu_.index));
      gpu_.name = TRY(cuda_->name(device));
      gpu_.pci = TRY(cuda_->pci_address(device));
      told["pci"] = gpu_.pci;
    }
    return dumped(told);
  }

  Result<> start() {
    if (extent_.faults.contains("far")) {
      TRY(go_far(gpu_.pci));
      gpu_.near = false;
    } else {
      gpu_.near = go_near(gpu_.pci);
    }
    const auto began = Steady::now();
    bench_ = std::make_unique<Bench>(TRY(Bench::open(*cuda_, gpu_.index)));
    gpu_.context_seconds = seconds_since(began);
    gpu_.build = build();
    prove_kernel(*bench_, gpu_);
    return ok;
  }

  // What CUDA knows of the GPU; NVML knows clocks better.
  facts::Reading<facts::GpuBuild> build() const {
    using Attribute = gpu::Cuda::Attribute;
    const auto device = bench_->device();
    return facts::GpuBuild{
        .compute_capability = fmt::format("{}.{}", bench_->capability() / 10, bench_->capability() % 10),
        .multiprocessors = bench_->multiprocessors(),
        .sm_megahertz_most = TRY(cuda_->attribute(Attribute::clock_kilohertz, device)) / 1000.0,
        .memory_megahertz_most = TRY(cuda_->attribute(Attribute::memory_clock_kilohertz, device)) / 1000.0,
        .memory_bus_bits = TRY(cuda_->attribute(Attribute::memory_bus_bits, device))};
  }

  Result<> open_nccl() {
    if (rank_) return ok;
    std::string passed_over;
    auto nccl = TRY(open_first<gpu::Nccl>(nccl_in(request_.site_packages, request_.elsewhere), &passed_over));
    rank_ = std::make_unique<Rank>(*bench_, std::move(nccl), std::move(passed_over));
    return ok;
  }
  Result<std::string> nccl_id() {
    TRY(open_nccl());
    return dumped({{"id", hex(TRY(rank_->nccl().make_id()))}});
  }
  Result<std::string> nccl_join(const json& question) {
    TRY(open_nccl());
    TRY(rank_->nccl().join(TRY(unhex(text_in(question, "id"))), question.value("ranks", 0),
                           question.value("rank", 0)));
    return dumped({{"joined", true}});
  }
  Result<std::string> collectives(const json& question) {
    if (!rank_) return Error(Errc::failed, "NCCL was not opened");
    return facts::part_to_json(rank_->measure(question.value("rank", 0), question.value("ranks", 0),
                                              question["sizes"].get<std::vector<std::uint64_t>>()));
  }

  NativeRequest request_;
  Extent extent_;
  facts::NativeGpu gpu_;
  std::unique_ptr<gpu::Cuda> cuda_;
  std::unique_ptr<Bench> bench_;
  std::unique_ptr<Rank> rank_;
};

class PeersWorker {
 public:
  explicit PeersWorker(const NativeRequest& request) : request_(request), extent_(extent_of(request.level)) {}

  Result<std::string> answer(const json& question) {
    const std::string phase = text_in(question, "do");
    if (phase == "hello") {
      cuda_ = std::make_unique<gpu::Cuda>(TRY(gpu::Cuda::open(request_.cuda)));
      TRY(cuda_->init());
      return dumped({{"count", TRY(cuda_->device_count())}});
    }
    if (!cuda_) return Error(Errc::failed, "CUDA was not opened");
    if (phase == "open") {
      peers_ = TRY(Peers::open(*cuda_, question["ordinals"].get<std::vector<int>>()));
      return dumped({{"count", peers_->count()}});
    }
    if (!peers_) return Error(Errc::failed, "the GPUs were not opened");
    if (phase == "pairs") {
      return facts::part_to_json(peers_->prove(question["pairs"].get<std::vector<std::pair<int, int>>>(),
                                               extent_.pair_bytes, extent_.host_samples));
    }
    return facts::part_to_json(TRY(peers_->ring(extent_.sizes)));
  }

 private:
  NativeRequest request_;
  Extent extent_;
  std::unique_ptr<gpu::Cuda> cuda_;
  std::unique_ptr<Peers> peers_;
};

// A worker as a duty: what it throws at malformed questions would be our own mistake.
template <typename W>
Duty duty_of(std::shared_ptr<W> worker) {
  return {.answer = [worker](const std::string& question) {
    const auto answer = worker->answer(json::parse(question, nullptr, false));
    return answer ? *answer : dumped(error_to_json(answer.error()));
  }};
}

}  // namespace

Duty gpu_duty(const NativeRequest& request, int ordinal) {
  set_environment();
  return duty_of(std::make_shared<GpuWorker>(request, ordinal));
}

Duty peers_duty(const NativeRequest& request) {
  set_environment();
  return duty_of(std::make_shared<PeersWorker>(request));
}

std::string_view level_name(Level level) {
  return level == Level::quick ? "quick" : level == Level::standard ? "standard" : "full";
}

Extent extent_of(Level level) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
  Extent extent;
  switch (level) {
    case Level::quick:
      extent.most_memory = std::size_t{2} << 30U;
      extent.patterns = {"addresses"};
      extent.rate_bytes = std::size_t{1} << 30U;
      extent.rate_samples = 3;
      extent.host_bytes = std::size_t{16} << 20U;
      extent.host_samples = 3;
      extent.host_both_ways = false;
      break;
    case Level::standard:
      extent.patterns = {"addresses", "inverse"};
      extent.types = {"bf16", "fp16", "tf32", "fp32", "fp8", "int8"};
      extent.matrix_seconds = 0.05;
      extent.sizes = {kMiB, 16 * kMiB, 64 * kMiB, 256 * kMiB, 1024 * kMiB};
      break;
    case Level::full:
      extent.patterns = {"addresses", "inverse",  "checkers", "checkers inverse", "moving inversion",
                         "random 1",  "random 2", "random 3", "random 4"};
      extent.rate_samples = 25;
      extent.host_samples = 15;
      extent.types = {"bf16", "fp16", "tf32", "fp32", "fp8", "int8"};
      extent.matrix_seconds = 2;
      extent.sizes = {kMiB / 16, kMiB, 4 * kMiB, 16 * kMiB, 64 * kMiB, 256 * kMiB, 1024 * kMiB, 4096 * kMiB};
      break;
  }
  return extent;
}

}  // namespace bringup::measure
