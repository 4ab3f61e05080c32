// SPDX-License-Identifier: Apache-2.0
// What is asked of the driver, in children: counts, the NVML snapshot, the first form of the proof.
#include <bringup/facts/nvml_json.hpp>
#include <bringup/gpu/cuda.hpp>
#include <bringup/gpu/nvml.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/cuda_proof.hpp>
#include <bringup/measure/measure.hpp>

#include <cstdlib>
#include <utility>

namespace bringup::measure {
namespace {

using nlohmann::json;

struct Device {
  std::string pci;
  std::string name;
};

// What CUDA says before any context is made.
struct Counted {
  int driver_version = 0;
  std::vector<Device> devices;
  std::string how;
};

// What the user set and CUDA heeds, to be told with the count: " with CUDA_VISIBLE_DEVICES=0".
std::string visible() {
  std::string out;
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"}) {
    if (const char* value = std::getenv(name)) {
      out += fmt::format("{}{}={}", out.empty() ? " with " : " and ", name, value);
    }
  }
  return out;
}

// cuInit that finds no device has counted: none.
Result<Counted> count_here(const std::string& library) {
  const gpu::Cuda cuda = TRY(gpu::Cuda::open(library));
  Counted counted{
      .driver_version = cuda.driver_version().value_or(0), .devices = {}, .how = "cuDeviceGetCount"};
  if (const auto init = cuda.init(); !init) {
    if (init.error().code() != Errc::absent) return init.error();
    counted.how = init.error().message();
    return counted;
  }
  const int count = TRY(cuda.device_count());
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    const auto device = cuda.device(ordinal);
    counted.devices.push_back({.pci = device ? cuda.pci_address(*device).value_or("") : "",
                               .name = device ? cuda.name(*device).value_or("") : ""});
  }
  return counted;
}

std::string count_in_child(const std::string& library) {
  const auto counted = count_here(library);
  if (!counted) return dumped(error_to_json(counted.error()));
  json devices = json::array();
  for (const Device& device : counted->devices)
    devices.push_back({{"pci", device.pci}, {"name", device.name}});
  return dumped({{"driver_version", counted->driver_version}, {"devices", devices}, {"how", counted->how}});
}

Result<Counted> count(Milliseconds deadline, const std::string& library) {
  auto answers = in_children({[&library] { return count_in_child(library); }}, deadline);
  const std::string text = TRY(std::move(answers.front()).within("counting CUDA devices"));
  const json answer = json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("devices") || !answer["devices"].is_array()) {
    return error_from_json(answer);
  }
  Counted counted{.how = text_in(answer, "how") + " in a child process" + visible()};
  const auto version = answer.find("driver_version");
  if (version != answer.end() && version->is_number_integer()) counted.driver_version = version->get<int>();
  for (const json& one : answer["devices"]) {
    counted.devices.push_back({.pci = text_in(one, "pci"), .name = text_in(one, "name")});
  }
  return counted;
}

}  // namespace

facts::Count count_cuda(Milliseconds deadline, const std::string& library) {
  const auto counted = count(deadline, library);
  if (!counted) {
    return {.gpus = counted.error(), .how = "cuDeviceGetCount in a child process" + visible()};
  }
  return {.gpus = static_cast<int>(counted->devices.size()), .how = counted->how};
}

facts::Reading<facts::NvmlSnapshot> read_nvml(Milliseconds deadline, const std::string& library) {
  auto answers = in_children({[&library] { return facts::nvml_to_json(gpu::read_nvml(library)); }}, deadline);
  return facts::nvml_from_json(TRY(std::move(answers.front()).within("reading NVML")));
}

facts::Reading<facts::CudaProof> prove_cuda(Milliseconds deadline, const std::string& library) {
  const Counted counted = TRY(count(deadline, library));
  std::vector<Work> works;
  for (int ordinal = 0; std::cmp_less(ordinal, counted.devices.size()); ++ordinal) {
    works.emplace_back([&library, ordinal] {
      ::setenv("CUDA_CACHE_DISABLE", "1", 1);  // the driver's compiler writes nothing into the user's home
      return proof_to_json(prove_gpu(library, ordinal));
    });
  }
  auto answers = in_children(works, deadline);
  facts::CudaProof proof{.driver_version = counted.driver_version, .gpus = {}};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto one = answers[i] ? proof_from_json(*answers[i]) : Result<facts::GpuProof>(answers[i].error());
    facts::GpuProof gpu = one ? *one : facts::GpuProof{.context_seconds = one.error()};
    gpu.index = static_cast<int>(i);
    if (gpu.pci.empty()) gpu.pci = counted.devices[i].pci;
    if (gpu.name.empty()) gpu.name = counted.devices[i].name;
    proof.gpus.push_back(std::move(gpu));
  }
  return proof;
}

}  // namespace bringup::measure
