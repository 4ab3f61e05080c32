// SPDX-License-Identifier: Apache-2.0
// The child that has NVML open while others load the GPUs: how they ran, what they counted, who else came.
#include <bringup/facts/native_json.hpp>
#include <bringup/gpu/nvml_watch.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/workers.hpp>

#include <algorithm>
#include <memory>

namespace bringup::measure {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;

class Watcher {
 public:
  explicit Watcher(std::string library) : library_(std::move(library)) {}

  Result<std::string> answer(const json& question) {
    const std::string phase = text_in(question, "do");
    if (phase == "describe") return describe();
    if (!watch_) return opened_.error();
    if (phase == "now") return now();
    if (phase == "begin") {
      origin_ = Steady::time_point(std::chrono::nanoseconds(question["origin"].get<std::int64_t>()));
      return dumped({{"began", true}});
    }
    return end(question["processes"].get<std::vector<std::int64_t>>());
  }

  void look() {
    if (!watch_ || !origin_ || looks_++ % every_ != 0) return;
    for (std::size_t i = 0; i < samples_.size(); ++i) samples_[i].push_back(sample(static_cast<int>(i)));
    if (!samples_.empty() && samples_[0].size() >= kMostSamples) thin_out();
  }

 private:
  facts::LoadSample sample(int i) const {
    facts::LoadSample sample = watch_->sample(i);
    sample.at_seconds = std::chrono::duration<double>(Steady::now() - *origin_).count();
    return sample;
  }

  // A long proof is looked at less often, so that its beginning is not forgotten.
  void thin_out() {
    every_ *= 2;
    for (auto& all : samples_) {
      for (std::size_t i = 0; i < all.size() / 2; ++i) all[i] = all[i * 2];
      all.resize(all.size() / 2);
    }
  }

  // How each GPU is doing at this moment.
  Result<std::string> now() {
    if (!origin_) return Error(Errc::absent, "the proof has not begun");
    return listed([this](int i) {
      facts::NativeGpu gpu{.pci = pcis_[static_cast<std::size_t>(i)]};
      gpu.load = std::vector{sample(i)};
      return gpu;
    });
  }

  Result<std::string> describe() {
    auto opened = gpu::NvmlWatch::open(library_);
    if (!opened) {
      opened_ = opened.error();
      return opened.error();
    }
    watch_ = std::make_unique<gpu::NvmlWatch>(std::move(*opened));
    samples_.resize(static_cast<std::size_t>(watch_->count()));
    listening_ = watch_->listen();
    pcis_.clear();
    return listed([this](int i) {
      facts::NativeGpu gpu = watch_->describe(i);
      pcis_.push_back(gpu.pci);
      return gpu;
    });
  }

  // `own`: the processes that load the GPUs for us.
  Result<std::string> end(const std::vector<std::int64_t>& own) {
    const auto xids = watch_->heard();
    return listed([&](int i) {
      facts::NativeGpu gpu = watch_->describe(i);
      gpu.errors_after = gpu.errors_before;
      gpu.holders = others(watch_->holders(i), own);
      gpu.load = samples_[static_cast<std::size_t>(i)];
      if (listening_) {
        gpu.xids = std::vector<std::uint64_t>();
        for (const auto& xid : xids) {
          if (xid.index == i) gpu.xids->push_back(xid.number);
        }
      } else {
        gpu.xids = listening_.error();
      }
      return gpu;
    });
  }

  // Those that are not ours. When none is ours, NVML numbers processes in another way than this process does
  // (a container's), and ours cannot be told from others.
  static facts::Reading<std::vector<facts::Holder>> others(facts::Reading<std::vector<facts::Holder>> all,
                                                           const std::vector<std::int64_t>& own) {
    if (!all) return all;
    const std::size_t before = all->size();
    std::erase_if(*all, [&](const facts::Holder& one) { return std::ranges::count(own, one.pid) != 0; });
    if (all->size() == before && before != 0)
      return Error(Errc::unsupported, "NVML's process numbers are not this container's");
    return all;
  }

  template <typename F>
  std::string listed(F&& one) {
    std::string text = "[";
    for (int i = 0; i < watch_->count(); ++i) text += (i == 0 ? "" : ",") + facts::part_to_json(one(i));
    return text + "]";
  }

  std::string library_;
  std::unique_ptr<gpu::NvmlWatch> watch_;
  Result<> opened_ = Error(Errc::absent, "NVML was not asked for");
  Result<> listening_ = Error(Errc::absent, "not tried");
  std::optional<Steady::time_point> origin_;
  std::vector<std::string> pcis_;
  static constexpr std::size_t kMostSamples = 4096;
  std::vector<std::vector<facts::LoadSample>> samples_;
  std::size_t looks_ = 0;
  std::size_t every_ = 1;  // of so many looks one is a sample
};

constexpr std::chrono::milliseconds kBetweenSamples{40};

}  // namespace

Duty watch_duty(const NativeRequest& request) {
  const auto watcher = std::make_shared<Watcher>(request.nvml);
  return {.answer =
              [watcher](const std::string& question) {
                const auto answer = watcher->answer(json::parse(question, nullptr, false));
                return answer ? *answer : dumped(error_to_json(answer.error()));
              },
          .idle = [watcher] { watcher->look(); },
          .every = kBetweenSamples};
}

}  // namespace bringup::measure
