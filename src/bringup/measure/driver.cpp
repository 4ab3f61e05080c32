// SPDX-License-Identifier: Apache-2.0
#include <bringup/facts/nvml_json.hpp>
#include <bringup/gpu/cuda.hpp>
#include <bringup/gpu/nvml.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/cuda_proof.hpp>
#include <bringup/measure/measure.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bringup::measure {
namespace {

using nlohmann::json;

struct Counted {
  int gpus = 0;
  int driver_version = 0;
};

// cuInit that finds no device is a count of none, not a failure to count.
std::string count_in_child(const std::string& library) {
  const auto counted = [&library]() -> Result<Counted> {
    const auto cuda = gpu::Cuda::open(library);
    if (!cuda && cuda.error().code() == Errc::absent && cuda.error().message().starts_with("cuInit")) return Counted{};
    if (!cuda) return cuda.error();
    return Counted{.gpus = TRY(cuda->device_count()), .driver_version = TRY(cuda->driver_version())};
  }();
  const json answer = counted ? json{{"gpus", counted->gpus}, {"driver_version", counted->driver_version}}
                              : json{{"error", static_cast<int>(counted.error().code())}, {"message", counted.error().message()}};
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Counted> count(Milliseconds deadline, const std::string& library) {
  const std::string text = TRY(std::move(in_children({[&library] { return count_in_child(library); }}, deadline).front()).within("CUDA"));
  const json answer = json::parse(text, nullptr, false);
  if (answer.is_object() && answer.contains("gpus")) return Counted{.gpus = answer["gpus"].get<int>(), .driver_version = answer["driver_version"].get<int>()};
  if (answer.is_object() && answer.contains("error")) return Error(static_cast<Errc>(answer["error"].get<int>()), answer.value("message", ""));
  return Error(Errc::malformed, "the child that counts CUDA devices answered nothing");
}

}  // namespace

facts::Count count_cuda(Milliseconds deadline, const std::string& library) {
  const auto counted = count(deadline, library);
  facts::Count out{.gpus = 0, .how = "cuDeviceGetCount in a child process"};
  if (counted) out.gpus = counted->gpus;
  else out.gpus = counted.error();
  return out;
}

facts::Reading<facts::NvmlSnapshot> read_nvml(Milliseconds deadline, const std::string& library) {
  const auto text = in_children({[&library] { return facts::nvml_to_json(gpu::read_nvml(library)); }}, deadline).front();
  if (!text) return Error(text.error()).within("NVML");
  return facts::nvml_from_json(*text);
}

facts::Reading<facts::CudaProof> prove_cuda(Milliseconds deadline, const std::string& library) {
  const Counted counted = TRY(count(deadline, library));
  facts::CudaProof proof{.driver_version = counted.driver_version, .gpus = {}};
  std::vector<Work> works;
  for (int ordinal = 0; ordinal < counted.gpus; ++ordinal)
    works.emplace_back([&library, ordinal] { return proof_to_json(prove_gpu(library, ordinal)); });
  const auto answers = in_children(works, deadline);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto gpu = answers[i] ? proof_from_json(*answers[i]) : Result<facts::GpuProof>(answers[i].error());
    if (gpu) proof.gpus.push_back(std::move(gpu).take());
    else proof.gpus.push_back({.index = static_cast<int>(i), .pci = "", .name = "", .context_seconds = gpu.error()});
  }
  return proof;
}

}  // namespace bringup::measure
