// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/cuda_proof.hpp>

#include <bringup/base/embedded.hpp>
#include <bringup/gpu/cuda.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <vector>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::size_t kElements = 1U << 22U;        // 16 MiB in, 16 MiB out
constexpr std::size_t kCopyBytes = 64U << 20U;
constexpr int kCopies = 5;

double seconds_since(Steady::time_point began) { return std::chrono::duration<double>(Steady::now() - began).count(); }

// Random and the same on every run: splitmix64.
void fill_random(std::span<std::uint32_t> words, std::uint64_t seed) {
  for (std::uint32_t& word : words) {
    seed += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = (seed ^ (seed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    word = static_cast<std::uint32_t>(z >> 32U);
  }
}

std::string kernel_text() {
  const auto scripts = embedded_measure_scripts();
  const auto found = std::ranges::find(scripts, "check.ptx", &base::EmbeddedFile::name);
  return std::string(found->text);
}

Result<std::uint64_t> check_kernel(const gpu::Cuda& cuda, std::uint64_t seed) {
  const auto module = TRY(cuda.load_ptx(kernel_text()));
  const auto function = TRY(cuda.function(module, "check_mix"));
  std::vector<std::uint32_t> input(kElements);
  fill_random(input, seed);
  std::vector<std::uint32_t> output(kElements);
  gpu::Cuda::Address in = TRY(cuda.allocate(kElements * 4));
  gpu::Cuda::Address out = TRY(cuda.allocate(kElements * 4));
  TRY(cuda.to_device(in, input.data(), kElements * 4));
  auto count = static_cast<std::uint32_t>(kElements);
  std::array<void*, 3> arguments{&in, &out, &count};
  TRY(cuda.launch(function, static_cast<unsigned>(kElements / 256), 256, arguments.data()));
  TRY(cuda.synchronize());
  TRY(cuda.to_host(output.data(), out, kElements * 4));
  TRY(cuda.free(in));
  TRY(cuda.free(out));
  for (std::size_t i = 0; i < kElements; ++i) {
    const std::uint32_t right = mix(input[i], static_cast<std::uint32_t>(i));
    if (output[i] != right)
      return Error(Errc::failed, fmt::format("wrong result: element {} is {:08x} and should be {:08x}", i, output[i], right));
  }
  return std::uint64_t{kElements};
}

// Host to device and back from pinned memory. Best of five: the first ones still fault pages in.
Result<double> check_copy(const gpu::Cuda& cuda, std::uint64_t seed) {
  auto* host = static_cast<std::uint32_t*>(TRY(cuda.allocate_pinned(kCopyBytes)));
  const std::span<std::uint32_t> words(host, kCopyBytes / 4);
  fill_random(words, seed);
  const gpu::Cuda::Address device = TRY(cuda.allocate(kCopyBytes));
  double best = 0;
  for (int copy = 0; copy < kCopies; ++copy) {
    const auto began = Steady::now();
    TRY(cuda.to_device(device, host, kCopyBytes));
    TRY(cuda.synchronize());
    best = std::max(best, static_cast<double>(kCopyBytes) / seconds_since(began));
  }
  std::vector<std::uint32_t> back(kCopyBytes / 4);
  TRY(cuda.to_host(back.data(), device, kCopyBytes));
  const bool same = std::memcmp(back.data(), host, kCopyBytes) == 0;
  TRY(cuda.free(device));
  TRY(cuda.free_pinned(host));
  if (!same) return Error(Errc::failed, "what was copied to the GPU and back is not what was sent");
  return best;
}

json reading(const facts::Reading<double>& value) {
  if (value) return *value;
  return {{"error", static_cast<int>(value.error().code())}, {"message", value.error().message()}};
}

facts::Reading<double> reading_of(const json& object, const char* key) {
  if (!object.contains(key)) return Error(Errc::malformed, std::string("the child said nothing of ") + key);
  const json& value = object[key];
  if (value.is_number()) return value.get<double>();
  if (value.is_object()) return Error(static_cast<Errc>(value.value("error", static_cast<int>(Errc::failed))), value.value("message", ""));
  return Error(Errc::malformed, std::string(key) + " is no number");
}

}  // namespace

std::uint32_t mix(std::uint32_t input, std::uint32_t i) {
  std::uint32_t x = input + i * 0x9E3779B9U;
  x ^= x >> 16U;
  x *= 0x85EBCA6BU;
  x ^= x >> 13U;
  x *= 0xC2B2AE35U;
  x ^= x >> 16U;
  return x;
}

facts::GpuProof prove_gpu(const std::string& library, int ordinal) {
  facts::GpuProof proof{.index = ordinal, .pci = "", .name = ""};
  const auto fill = [&]() -> Result<> {
    const gpu::Cuda cuda = TRY(gpu::Cuda::open(library));
    const auto device = TRY(cuda.device(ordinal));
    proof.name = TRY(cuda.name(device));
    proof.pci = TRY(cuda.pci_address(device));
    const auto began = Steady::now();
    const auto context = TRY(cuda.make_context(device));
    proof.context_seconds = seconds_since(began);
    const std::uint64_t seed = static_cast<std::uint64_t>(began.time_since_epoch().count()) + static_cast<std::uint64_t>(ordinal);
    proof.kernel_elements = check_kernel(cuda, seed);
    proof.copy_bytes_per_second = check_copy(cuda, seed + 1);
    return cuda.destroy_context(context);
  };
  if (const auto done = fill(); !done && !proof.context_seconds) proof.context_seconds = done.error();
  return proof;
}

std::string proof_to_json(const facts::GpuProof& proof) {
  json object = {{"index", proof.index}, {"pci", proof.pci}, {"name", proof.name}};
  object["context_seconds"] = reading(proof.context_seconds);
  object["kernel_elements"] = reading(proof.kernel_elements ? facts::Reading<double>(static_cast<double>(*proof.kernel_elements))
                                                            : facts::Reading<double>(proof.kernel_elements.error()));
  object["copy_bytes_per_second"] = reading(proof.copy_bytes_per_second);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<facts::GpuProof> proof_from_json(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("index") || !object["index"].is_number_integer()) return Error(Errc::malformed, "the child's answer is no proof");
  facts::GpuProof proof{.index = object["index"].get<int>(), .pci = object.value("pci", ""), .name = object.value("name", "")};
  proof.context_seconds = reading_of(object, "context_seconds");
  const auto elements = reading_of(object, "kernel_elements");
  proof.kernel_elements = elements ? facts::Reading<std::uint64_t>(static_cast<std::uint64_t>(*elements)) : facts::Reading<std::uint64_t>(elements.error());
  proof.copy_bytes_per_second = reading_of(object, "copy_bytes_per_second");
  return proof;
}

}  // namespace bringup::measure
