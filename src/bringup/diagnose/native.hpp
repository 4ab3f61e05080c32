// SPDX-License-Identifier: Apache-2.0
#pragma once
// The native proof judged: against what is there, against its like, and with the cause of what is low. For
// judge.cpp and tests.

#include <bringup/diagnose/reference.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>

#include <functional>

namespace bringup::diagnose {

// What was measured. Only a reading that has a value makes one, and only from one is a pass made.
class Seen {
 public:
  template <typename T>
  static std::optional<Seen> of(const facts::Reading<T>& reading) {
    return reading ? std::optional(Seen()) : std::nullopt;
  }

 private:
  Seen() = default;
};

// The verdict `check` in its best form; what was found wrong is put into it afterwards.
facts::Verdict passed(const Seen& seen, std::string check, std::vector<std::string> gpus, std::string why);
// What the lack of a measurement is: inconclusive (something stood in the way), not measured, or failed (it
// was tried and went wrong). Never a pass.
facts::Verdict unmeasured(std::string check, std::vector<std::string> gpus, const Error& why);

struct NativeView {
  const facts::Machine& machine;
  const facts::NativeProof& proof;
  const Reference& reference;
};

// Verdicts on a proof, or on the lack of one.
std::vector<facts::Verdict> judge_native(const facts::Machine& machine,
                                         const facts::Reading<facts::NativeProof>& proof,
                                         const Reference& reference);

// native_speed.cpp
void judge_speeds(const NativeView& view, std::vector<facts::Verdict>& out);
void judge_pairs(const NativeView& view, std::vector<facts::Verdict>& out);
void judge_collectives(const NativeView& view, std::vector<facts::Verdict>& out);

// native_cause.cpp: why a figure may be low, with the command that shows it; "" when the facts name no cause.
std::string memory_cause(const facts::NativeGpu& gpu);
std::string matrix_cause(const facts::NativeGpu& gpu);
std::string host_cause(const facts::NativeGpu& gpu);
std::string pair_cause(const NativeView& view, const facts::NativePair& pair);
std::string collective_cause(const NativeView& view);
// What throttled the GPU while it was loaded.
facts::Verdict judge_throttling(const facts::NativeGpu& gpu);

// "process 1234 python3"
std::string holders_text(const facts::NativeGpu& gpu);

}  // namespace bringup::diagnose
