// SPDX-License-Identifier: Apache-2.0
// What is asked of the driver, in children: counts and the NVML snapshot.
#include <bringup/facts/nvml_json.hpp>
#include <bringup/gpu/cuda.hpp>
#include <bringup/gpu/nvml.hpp>
#include <bringup/measure/answer.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/measure.hpp>

#include <cstdlib>

namespace bringup::measure {
namespace {

using nlohmann::json;

// What CUDA says before any context is made.
struct Counted {
  int devices = 0;
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
  Counted counted{.devices = 0, .how = "cuDeviceGetCount"};
  if (const auto init = cuda.init(); !init) {
    if (init.error().code() != Errc::absent) return init.error();
    counted.how = init.error().message();
    return counted;
  }
  counted.devices = TRY(cuda.device_count());
  return counted;
}

std::string count_in_child(const std::string& library) {
  const auto counted = count_here(library);
  if (!counted) return dumped(error_to_json(counted.error()));
  return dumped({{"devices", counted->devices}, {"how", counted->how}});
}

Result<Counted> count(Milliseconds deadline, const std::string& library) {
  auto answers = in_children({[&library] { return count_in_child(library); }}, deadline);
  const std::string text = TRY(std::move(answers.front()).within("counting CUDA devices"));
  const json answer = json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("devices") || !answer["devices"].is_number_integer())
    return error_from_json(answer);
  return Counted{.devices = answer["devices"].get<int>(),
                 .how = text_in(answer, "how") + " in a child process" + visible()};
}

}  // namespace

facts::Count count_cuda(Milliseconds deadline, const std::string& library) {
  const auto counted = count(deadline, library);
  if (!counted) {
    return {.gpus = counted.error(), .how = "cuDeviceGetCount in a child process" + visible()};
  }
  return {.gpus = counted->devices, .how = counted->how};
}

facts::Reading<facts::NvmlSnapshot> read_nvml(Milliseconds deadline, const std::string& library) {
  auto answers = in_children({[&library] { return facts::nvml_to_json(gpu::read_nvml(library)); }}, deadline);
  return facts::nvml_from_json(TRY(std::move(answers.front()).within("reading NVML")));
}

}  // namespace bringup::measure
