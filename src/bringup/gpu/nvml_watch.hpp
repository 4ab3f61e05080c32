// SPDX-License-Identifier: Apache-2.0
#pragma once
// NVML kept open: what a GPU is built of, who holds it, what it counts and how it runs at this moment.

#include <bringup/facts/native.hpp>

#include <memory>
#include <string>
#include <vector>

namespace bringup::gpu {

class NvmlWatch {
 public:
  static Result<NvmlWatch> open(const std::string& library = "libnvidia-ml.so.1");
  NvmlWatch(NvmlWatch&&) noexcept;
  ~NvmlWatch();

  int count() const;
  // PCI address, UUID, what it is built of, links, power limits, holders and counts so far.
  facts::NativeGpu describe(int index) const;
  // `at_seconds` is left to the caller.
  facts::LoadSample sample(int index) const;
  facts::Reading<facts::ErrorCounts> errors(int index) const;
  facts::Reading<std::vector<facts::Holder>> holders(int index) const;
  // Begins to listen for Xid errors. Errc::unsupported where NVML cannot tell of them.
  Result<> listen();
  struct Xid {
    int index = 0;
    std::uint64_t number = 0;
  };
  std::vector<Xid> heard() const;  // since the last call

 private:
  struct State;
  explicit NvmlWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bringup::gpu
