// SPDX-License-Identifier: Apache-2.0
// The native proof judged: what was right and what was wrong. Speeds are native_speed.cpp's.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/judge.hpp>
#include <bringup/diagnose/native.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace bringup::diagnose {
namespace {

using facts::NativeGpu;
using facts::Outcome;
using facts::Verdict;

Verdict judge_kernel(const NativeGpu& gpu) {
  const auto seen = Seen::of(gpu.kernel_elements);
  if (!seen)
    return unmeasured("gpu-kernel", {gpu.pci},
                      gpu.context_seconds ? gpu.kernel_elements.error() : gpu.context_seconds.error());
  Verdict verdict = passed(*seen, "gpu-kernel", {gpu.pci}, "every thread's result is the CPU's");
  verdict.measured = facts::Quantity{.value = static_cast<double>(*gpu.kernel_elements), .unit = "elements"};
  if (*gpu.kernel_elements == 0) verdict.outcome = Outcome::inconclusive;
  return verdict;
}

Verdict judge_memory_content(const NativeGpu& gpu) {
  const auto seen = Seen::of(gpu.memory);
  if (!seen) return unmeasured("gpu-memory", {gpu.pci}, gpu.memory.error());
  const facts::MemoryTest& test = *gpu.memory;
  Verdict verdict =
      passed(*seen, "gpu-memory", {gpu.pci},
             fmt::format("{} of {} written and read back, {} times", base::human_bytes(test.taken_bytes),
                         base::human_bytes(test.total_bytes), test.passes.size()));
  verdict.measured = facts::Quantity{.value = static_cast<double>(test.taken_bytes), .unit = "B"};
  if (test.passes.empty() || test.taken_bytes == 0) {
    verdict.outcome = Outcome::inconclusive;
    verdict.why = "no pattern was written";
  }
  for (const facts::MemoryPass& pass : test.passes) {
    if (pass.errors == 0) continue;
    verdict.outcome = Outcome::fail;
    verdict.why = fmt::format(
        "pattern '{}': {} pieces of 16 bytes came back different, the first {} bytes in; the "
        "card is to be replaced (nvidia-smi -q -d ECC,ROW_REMAPPER)",
        pass.pattern, pass.errors, pass.first_error.value_or(0));
    break;
  }
  return verdict;
}

Verdict judge_host_copies(const NativeGpu& gpu) {
  const auto seen = Seen::of(gpu.host_copies_right);
  if (!seen) return unmeasured("gpu-host-data", {gpu.pci}, gpu.host_copies_right.error());
  Verdict verdict = passed(*seen, "gpu-host-data", {gpu.pci}, "what went to the host came back as it was");
  verdict.measured = facts::Quantity{.value = static_cast<double>(*gpu.host_copies_right), .unit = "B"};
  if (*gpu.host_copies_right == 0) verdict.outcome = Outcome::inconclusive;
  return verdict;
}

void judge_results(const NativeGpu& gpu, std::vector<Verdict>& out) {
  for (const facts::MatrixRate& matrix : gpu.matrices) {
    const auto seen = Seen::of(matrix.right);
    const std::string check = fmt::format("gpu-matrix-{}-result", matrix.type);
    if (!seen) {
      Verdict verdict = unmeasured(check, {gpu.pci}, matrix.right.error());
      if (verdict.outcome != Outcome::not_measured) out.push_back(std::move(verdict));
      continue;  // what was not measured is said with its speed
    }
    Verdict verdict = passed(*seen, check, {gpu.pci}, "every element is the exact one; by " + matrix.by);
    verdict.measured = facts::Quantity{.value = static_cast<double>(*matrix.right), .unit = "elements"};
    if (*matrix.right == 0) verdict.outcome = Outcome::inconclusive;
    out.push_back(std::move(verdict));
  }
}

template <typename T>
std::optional<std::uint64_t> grown(const T& before, const T& after) {
  if (!before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

Verdict judge_errors(const NativeGpu& gpu) {
  const auto seen = Seen::of(gpu.errors_after);
  const auto watched = Seen::of(gpu.xids);
  if (!seen && !watched) return unmeasured("gpu-errors", {gpu.pci}, gpu.errors_after.error());
  Verdict verdict = passed(seen ? *seen : *watched, "gpu-errors", {gpu.pci}, "");
  std::vector<std::string> words;
  const auto worse = [&](Outcome outcome, std::string text) {
    if (verdict.outcome != Outcome::fail) verdict.outcome = outcome;
    words.push_back(std::move(text));
  };
  if (gpu.xids && !gpu.xids->empty()) {
    std::vector<std::string> numbers;
    for (const std::uint64_t xid : *gpu.xids) numbers.push_back(fmt::format("{}", xid));
    worse(Outcome::fail,
          fmt::format("Xid {} during the proof (sudo dmesg | grep Xid)", base::join(numbers, ", ")));
  }
  if (gpu.errors_before && gpu.errors_after) {
    const facts::ErrorCounts& before = *gpu.errors_before;
    const facts::ErrorCounts& after = *gpu.errors_after;
    if (const auto more = grown(before.ecc_uncorrected, after.ecc_uncorrected).value_or(0); more > 0)
      worse(Outcome::fail, fmt::format("{} uncorrectable memory errors more (nvidia-smi -q -d ECC)", more));
    if (const auto more = grown(before.rows_remapped, after.rows_remapped).value_or(0); more > 0)
      worse(Outcome::warn, fmt::format("{} rows of memory remapped (nvidia-smi -q -d ROW_REMAPPER)", more));
    if (const auto more = grown(before.ecc_corrected, after.ecc_corrected).value_or(0); more > 0)
      worse(Outcome::warn, fmt::format("{} memory errors corrected (nvidia-smi -q -d ECC)", more));
    if (const auto more = grown(before.pcie_replays, after.pcie_replays).value_or(0); more > 10)
      worse(Outcome::warn, fmt::format("the host link repeated {} packets (nvidia-smi -q -d PCIE)", more));
  }
  if (verdict.outcome == Outcome::pass)
    words.emplace_back(watched ? "no Xid, and no counter of errors grew" : "no counter of errors grew");
  verdict.why = base::join(words, "; ");
  return verdict;
}

// Which of the equal products on equal GPUs is not the others'. Of two that differ, nobody knows which is
// wrong.
void judge_digests(const facts::NativeProof& proof, std::vector<Verdict>& out) {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> digests;  // work -> digest -> GPUs
  for (const NativeGpu& gpu : proof.gpus) {
    for (const facts::MatrixRate& matrix : gpu.matrices) {
      if (!matrix.digest) continue;
      const std::string work =
          fmt::format("{} product of {} by {} on {}", matrix.type, matrix.size, matrix.by, gpu.name);
      digests[work][*matrix.digest].push_back(gpu.pci);
    }
  }
  for (const auto& [work, by_digest] : digests) {
    if (by_digest.size() < 2) continue;
    const auto most =
        std::ranges::max_element(by_digest, {}, [](const auto& one) { return one.second.size(); });
    const bool majority = most->second.size() >= 2;
    for (const auto& [digest, gpus] : by_digest) {
      if (majority && digest == most->first) continue;
      Verdict verdict = unmeasured("gpu-equal-results", gpus, Error(Errc::failed, ""));
      verdict.why =
          majority
              ? fmt::format("the same {} gave another result than on the others: it computes wrongly", work)
              : fmt::format("the same {} gave different results: one of the GPUs computes wrongly", work);
      out.push_back(std::move(verdict));
    }
  }
}

// A library that is there and cannot be used: what took its place may be slower, and PyTorch fails with it.
void judge_libraries(const facts::NativeProof& proof, std::vector<Verdict>& out) {
  std::set<std::string> named;
  const auto look = [&](const std::string& by) {
    const std::size_t at = by.find("(no ");
    if (at == std::string::npos || !base::contains(by, ": /")) return;
    if (!named.insert(by.substr(at)).second) return;
    Verdict verdict = unmeasured("gpu-library", {}, Error(Errc::absent, ""));
    verdict.outcome = Outcome::warn;
    verdict.why = fmt::format("a library of the environment cannot be opened {}", by.substr(at));
    out.push_back(std::move(verdict));
  };
  for (const NativeGpu& gpu : proof.gpus) {
    for (const facts::MatrixRate& matrix : gpu.matrices) look(matrix.by);
  }
  if (!proof.collectives) return;
  for (const facts::Collective& one : *proof.collectives) look(one.by);
}

// A proof with faults made on purpose is none.
void judge_injections(const facts::NativeProof& proof, std::vector<Verdict>& out) {
  for (const std::string& setting : proof.settings) {
    if (!setting.starts_with("BRINGUP_INJECT=") || setting == "BRINGUP_INJECT=") continue;
    Verdict verdict = unmeasured("gpu-injected", {}, Error(Errc::absent, ""));
    verdict.outcome = Outcome::warn;
    verdict.why =
        fmt::format("faults were made on purpose ({}): this proves only that they are found", setting);
    out.push_back(std::move(verdict));
  }
}

Verdict exposure_of(const NativeGpu& gpu) {
  const facts::Exposure& did = gpu.exposure;
  Verdict verdict = unmeasured("gpu-exposure", {gpu.pci}, Error(Errc::absent, ""));
  verdict.outcome = Outcome::info;
  verdict.why = fmt::format(
      "no verdict reaches beyond {} written and {} read in its memory, {} from and {} to the host, {} to "
      "other GPUs, "
      "{:.3g} operations and {:.3g} results compared",
      base::human_bytes(did.bytes_written), base::human_bytes(did.bytes_read),
      base::human_bytes(did.bytes_from_host), base::human_bytes(did.bytes_to_host),
      base::human_bytes(did.bytes_to_peers), did.operations, static_cast<double>(did.results_compared));
  return verdict;
}

}  // namespace

Verdict passed(const Seen& /*seen*/, std::string check, std::vector<std::string> gpus, std::string why) {
  return {.check = std::move(check),
          .gpus = std::move(gpus),
          .outcome = Outcome::pass,
          .measured = std::nullopt,
          .expected = std::nullopt,
          .why = std::move(why)};
}

Verdict unmeasured(std::string check, std::vector<std::string> gpus, const Error& why) {
  Verdict verdict = without_measure(std::move(check), std::move(gpus), why);
  // Of a child that was given ten times what it needs.
  if (why.code() == Errc::timeout) verdict.outcome = Outcome::fail;
  return verdict;
}

std::vector<Verdict> judge_native(const facts::Machine& machine,
                                  const facts::Reading<facts::NativeProof>& proof,
                                  const Reference& reference) {
  std::vector<Verdict> out;
  if (!proof) {
    out.push_back(unmeasured("gpu-native", {}, proof.error()));
    return out;
  }
  if (proof->gpus.empty()) {
    out.push_back(unmeasured("gpu-native", {}, Error(Errc::absent, "no GPU was measured")));
    return out;
  }
  const NativeView view{.machine = machine, .proof = *proof, .reference = reference};
  for (const NativeGpu& gpu : proof->gpus) {
    if (!gpu.answered) out.push_back(unmeasured("gpu-process", {gpu.pci}, gpu.answered.error()));
    out.push_back(judge_kernel(gpu));
    if (!gpu.context_seconds) continue;  // one word on a GPU that was not begun with is enough
    out.push_back(judge_memory_content(gpu));
    out.push_back(judge_host_copies(gpu));
    judge_results(gpu, out);
    out.push_back(judge_errors(gpu));
    out.push_back(judge_throttling(gpu));
    out.push_back(exposure_of(gpu));
  }
  judge_injections(*proof, out);
  judge_digests(*proof, out);
  judge_libraries(*proof, out);
  judge_speeds(view, out);
  judge_pairs(view, out);
  judge_collectives(view, out);
  return out;
}

}  // namespace bringup::diagnose
