// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/gpu/cuda.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/cuda_proof.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <span>
#include <vector>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;
using nlohmann::json;

// At most 64 MiB of the GPU's memory are held at a time.
constexpr std::size_t kElements = 1U << 22U;  // 16 MiB in, 16 MiB out
constexpr unsigned kThreads = 256;
constexpr std::size_t kCopyBytes = 64U << 20U;
constexpr int kCopies = 5;

double seconds_since(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

// Random words from a seed: splitmix64, which costs a nanosecond a word.
void fill_random(std::span<std::uint32_t> words, std::uint64_t seed) {
  for (std::uint32_t& word : words) {
    seed += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = (seed ^ (seed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    word = static_cast<std::uint32_t>(z >> 32U);
  }
}

// Another one each time, so that no result can be left over from an earlier run.
std::uint64_t fresh_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

// Too little memory says nothing against the GPU.
Error explained(const Error& error) {
  if (error.code() != Errc::busy || !error.message().starts_with("cuMemAlloc")) return error;
  return {Errc::busy, "out of memory: another process holds the GPU (" + error.message() + ")"};
}

Result<std::uint64_t> check_kernel(const gpu::Cuda& cuda) {
  const auto module = TRY(cuda.load_ptx(std::string(kernel_text())));
  const auto function = TRY(cuda.function(module, "check_mix"));
  std::vector<std::uint32_t> input(kElements);
  fill_random(input, fresh_seed());
  std::vector<std::uint32_t> output(kElements);
  gpu::Cuda::Address in = TRY(cuda.allocate(kElements * 4));
  gpu::Cuda::Address out = TRY(cuda.allocate(kElements * 4));
  TRY(cuda.to_device(in, input.data(), kElements * 4));
  auto count = static_cast<std::uint32_t>(kElements);
  std::array<void*, 3> arguments{&in, &out, &count};
  TRY(cuda.launch(function, static_cast<unsigned>(kElements / kThreads), kThreads, arguments.data()));
  TRY(cuda.synchronize());
  TRY(cuda.to_host(output.data(), out, kElements * 4));
  TRY(cuda.free(in));
  TRY(cuda.free(out));
  for (std::size_t i = 0; i < kElements; ++i) {
    const std::uint32_t right = mix(input[i], static_cast<std::uint32_t>(i));
    if (output[i] != right) {
      return Error(Errc::failed, fmt::format("wrong result: element {} is {:08x} and should be {:08x}", i,
                                             output[i], right));
    }
  }
  return std::uint64_t{kElements};
}

// Host to device and back from pinned memory. Best of five: the first ones wake the link up.
Result<double> check_copy(const gpu::Cuda& cuda) {
  auto* host = static_cast<std::uint32_t*>(TRY(cuda.allocate_pinned(kCopyBytes)));
  const std::span<std::uint32_t> words(host, kCopyBytes / 4);
  fill_random(words, fresh_seed());
  const gpu::Cuda::Address device = TRY(cuda.allocate(kCopyBytes));
  double best = 0;
  for (int copy = 0; copy < kCopies; ++copy) {
    const auto began = Steady::now();
    TRY(cuda.to_device(device, host, kCopyBytes));
    TRY(cuda.synchronize());
    best = std::max(best, static_cast<double>(kCopyBytes) / seconds_since(began));
  }
  std::vector<std::uint32_t> back(words.size());
  TRY(cuda.to_host(back.data(), device, kCopyBytes));
  const auto [sent, came] = std::mismatch(words.begin(), words.end(), back.begin());
  const auto at = static_cast<std::size_t>(sent - words.begin()) * 4;
  const std::string difference =
      sent == words.end()
          ? ""
          : fmt::format("what was copied to the GPU and back differs at byte {}: {:08x} instead of {:08x}",
                        at, *came, *sent);
  TRY(cuda.free(device));
  TRY(cuda.free_pinned(host));
  if (!difference.empty()) return Error(Errc::failed, difference);
  return best;
}

template <typename T>
json reading_to_json(const facts::Reading<T>& value) {
  return value ? json(*value) : error_to_json(value.error());
}

template <typename T>
void read_into(facts::Reading<T>& value, const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end())
    value = Error(Errc::malformed, fmt::format("the child said nothing of {}", key));
  else if (found->is_number())
    value = found->template get<T>();
  else
    value = error_from_json(*found);
}

Result<> fill(facts::GpuProof& proof, const std::string& library) {
  const gpu::Cuda cuda = TRY(gpu::Cuda::open(library));
  TRY(cuda.init());
  const auto device = TRY(cuda.device(proof.index));
  proof.name = TRY(cuda.name(device));
  proof.pci = TRY(cuda.pci_address(device));
  const auto began = Steady::now();
  const auto context = TRY(cuda.make_context(device));
  proof.context_seconds = seconds_since(began);
  proof.kernel_elements = check_kernel(cuda);
  if (!proof.kernel_elements) proof.kernel_elements = explained(proof.kernel_elements.error());
  proof.copy_bytes_per_second = check_copy(cuda);
  if (!proof.copy_bytes_per_second) {
    proof.copy_bytes_per_second = explained(proof.copy_bytes_per_second.error());
  }
  return cuda.destroy_context(context);
}

}  // namespace

std::string_view kernel_text() {
  const auto scripts = embedded_measure_scripts();
  return std::ranges::find(scripts, "check.ptx", &base::EmbeddedFile::name)->text;
}

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
  const auto done = fill(proof, library);
  if (!done && !proof.context_seconds) proof.context_seconds = done.error();
  // A context that computes but cannot be taken down: the driver has lost the GPU meanwhile.
  else if (!done && proof.kernel_elements)
    proof.kernel_elements = done.error();
  return proof;
}

std::string proof_to_json(const facts::GpuProof& proof) {
  return dumped({{"index", proof.index},
                 {"pci", proof.pci},
                 {"name", proof.name},
                 {"context_seconds", reading_to_json(proof.context_seconds)},
                 {"kernel_elements", reading_to_json(proof.kernel_elements)},
                 {"copy_bytes_per_second", reading_to_json(proof.copy_bytes_per_second)}});
}

Result<facts::GpuProof> proof_from_json(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("index") || !object["index"].is_number_integer()) {
    return Error(Errc::malformed, "the child's answer is no proof");
  }
  facts::GpuProof proof{
      .index = object["index"].get<int>(), .pci = text_in(object, "pci"), .name = text_in(object, "name")};
  read_into(proof.context_seconds, object, "context_seconds");
  read_into(proof.kernel_elements, object, "kernel_elements");
  read_into(proof.copy_bytes_per_second, object, "copy_bytes_per_second");
  return proof;
}

}  // namespace bringup::measure
