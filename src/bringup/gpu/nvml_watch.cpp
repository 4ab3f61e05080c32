// SPDX-License-Identifier: Apache-2.0
// Prototypes and constants are NVML's public interface (docs.nvidia.com/deploy/nvml-api).
#include <bringup/gpu/library.hpp>
#include <bringup/gpu/nvml_peers.hpp>
#include <bringup/gpu/nvml_watch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fstream>

namespace bringup::gpu {
namespace {

using Handle = void*;
constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kNoPermission = 4;
constexpr int kInsufficientSize = 7;
constexpr int kSmClock = 1;
constexpr int kMemoryClock = 2;
constexpr unsigned long long kXidEvents = 8;
constexpr unsigned kMostNvlinks = 36;

struct Process {  // nvmlProcessInfo_t of version 2 and 3
  unsigned pid;
  unsigned long long bytes;
  unsigned instance, compute_instance;
};
struct Event {  // nvmlEventData_t
  Handle device;
  unsigned long long type, data;
  unsigned instance, compute_instance;
};

struct Api {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Handle*) = nullptr;
  int (*pci)(Handle, PciInfo*) = nullptr;
  int (*name)(Handle, char*, unsigned) = nullptr;
  int (*uuid)(Handle, char*, unsigned) = nullptr;
  int (*compute)(Handle, int*, int*) = nullptr;
  int (*bus_width)(Handle, unsigned*) = nullptr;
  int (*clock)(Handle, int, unsigned*) = nullptr;
  int (*clock_most)(Handle, int, unsigned*) = nullptr;
  int (*reasons)(Handle, unsigned long long*) = nullptr;
  int (*power)(Handle, unsigned*) = nullptr;
  int (*power_limit)(Handle, unsigned*) = nullptr;
  int (*power_default)(Handle, unsigned*) = nullptr;
  int (*temperature)(Handle, int, unsigned*) = nullptr;
  int (*link_generation)(Handle, unsigned*) = nullptr;
  int (*link_generation_max)(Handle, unsigned*) = nullptr;
  int (*link_width)(Handle, unsigned*) = nullptr;
  int (*link_width_max)(Handle, unsigned*) = nullptr;
  int (*replays)(Handle, unsigned*) = nullptr;
  int (*ecc)(Handle, int, int, unsigned long long*) = nullptr;
  int (*remapped)(Handle, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
  int (*nvlink_state)(Handle, unsigned, unsigned*) = nullptr;
  int (*nvlink_version)(Handle, unsigned, unsigned*) = nullptr;
  int (*processes)(Handle, unsigned*, Process*) = nullptr;
  int (*event_set)(Handle*) = nullptr;
  int (*event_free)(Handle) = nullptr;
  int (*register_events)(Handle, unsigned long long, Handle) = nullptr;
  int (*event_wait)(Handle, Event*, unsigned) = nullptr;
};

Result<Api> bind(const Library& library) {
  Api api;
  TRY(library.bind(api.init, "nvmlInit_v2"));
  TRY(library.bind(api.shutdown, "nvmlShutdown"));
  TRY(library.bind(api.error_string, "nvmlErrorString"));
  TRY(library.bind(api.count, "nvmlDeviceGetCount_v2"));
  TRY(library.bind(api.handle, "nvmlDeviceGetHandleByIndex_v2"));
  TRY(library.bind(api.pci, "nvmlDeviceGetPciInfo_v3"));
  TRY(library.bind(api.name, "nvmlDeviceGetName"));
  TRY(library.bind(api.uuid, "nvmlDeviceGetUUID"));
  library.bind_optional(api.compute, "nvmlDeviceGetCudaComputeCapability");
  library.bind_optional(api.bus_width, "nvmlDeviceGetMemoryBusWidth");
  library.bind_optional(api.clock, "nvmlDeviceGetClockInfo");
  library.bind_optional(api.clock_most, "nvmlDeviceGetMaxClockInfo");
  library.bind_optional(api.reasons, "nvmlDeviceGetCurrentClocksEventReasons");
  if (api.reasons == nullptr)  // its name until driver 535
    library.bind_optional(api.reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
  library.bind_optional(api.power, "nvmlDeviceGetPowerUsage");
  library.bind_optional(api.power_limit, "nvmlDeviceGetEnforcedPowerLimit");
  library.bind_optional(api.power_default, "nvmlDeviceGetPowerManagementDefaultLimit");
  library.bind_optional(api.temperature, "nvmlDeviceGetTemperature");
  library.bind_optional(api.link_generation, "nvmlDeviceGetCurrPcieLinkGeneration");
  library.bind_optional(api.link_generation_max, "nvmlDeviceGetMaxPcieLinkGeneration");
  library.bind_optional(api.link_width, "nvmlDeviceGetCurrPcieLinkWidth");
  library.bind_optional(api.link_width_max, "nvmlDeviceGetMaxPcieLinkWidth");
  library.bind_optional(api.replays, "nvmlDeviceGetPcieReplayCounter");
  library.bind_optional(api.ecc, "nvmlDeviceGetTotalEccErrors");
  library.bind_optional(api.remapped, "nvmlDeviceGetRemappedRows");
  library.bind_optional(api.nvlink_state, "nvmlDeviceGetNvLinkState");
  library.bind_optional(api.nvlink_version, "nvmlDeviceGetNvLinkVersion");
  library.bind_optional(api.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  library.bind_optional(api.event_set, "nvmlEventSetCreate");
  library.bind_optional(api.event_free, "nvmlEventSetFree");
  library.bind_optional(api.register_events, "nvmlDeviceRegisterEvents");
  library.bind_optional(api.event_wait, "nvmlEventSetWait_v2");
  return api;
}

std::string process_name(unsigned pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

struct NvmlWatch::State {
  Library library;
  Api api;
  std::vector<Handle> handles;
  Handle events = nullptr;

  Error no(int code) const {
    const Errc kind = code == kNotSupported   ? Errc::unsupported
                      : code == kNoPermission ? Errc::denied
                                              : Errc::failed;
    const char* words = api.error_string(code);
    return {kind, fmt::format("NVML: {} ({})", words == nullptr ? "error" : words, code)};
  }
  // The value that `function` gives, with what else it is asked with in front.
  template <typename N = unsigned, typename F, typename... Given>
  Result<N> ask(F* function, int index, Given... given) const {
    N value{};
    if (function == nullptr) return Error(Errc::unsupported, "this version of NVML does not have it");
    const int code = function(handles[static_cast<std::size_t>(index)], given..., &value);
    if (code != kSuccess) return no(code);
    return value;
  }
};

namespace {

// The value as another type; nullopt for whatever reason it is not there.
template <typename To, typename From>
std::optional<To> maybe(const Result<From>& value) {
  return value ? std::optional<To>(static_cast<To>(*value)) : std::nullopt;
}

}  // namespace

NvmlWatch::NvmlWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
NvmlWatch::NvmlWatch(NvmlWatch&&) noexcept = default;
NvmlWatch::~NvmlWatch() {
  if (!state_) return;
  if (state_->events != nullptr) state_->api.event_free(state_->events);
  state_->api.shutdown();
}

Result<NvmlWatch> NvmlWatch::open(const std::string& name) {
  Library library = TRY(Library::open(name));
  const Api api = TRY(bind(library));
  auto state = std::make_unique<State>(State{.library = std::move(library), .api = api, .handles = {}});
  if (const int code = api.init(); code != kSuccess) return state->no(code);
  NvmlWatch watch(std::move(state));
  unsigned count = 0;
  if (const int code = api.count(&count); code != kSuccess) return watch.state_->no(code);
  for (unsigned index = 0; index < count; ++index) {
    Handle handle = nullptr;
    if (const int code = api.handle(index, &handle); code != kSuccess) {
      return watch.state_->no(code).within(fmt::format("GPU {}", index));
    }
    watch.state_->handles.push_back(handle);
  }
  return watch;
}

int NvmlWatch::count() const {
  return static_cast<int>(state_->handles.size());
}

namespace {

facts::Reading<facts::PcieLink> link_of(const auto& state, int index) {
  const auto& api = state.api;
  return facts::PcieLink{.generation = static_cast<int>(TRY(state.ask(api.link_generation, index))),
                         .max_generation = static_cast<int>(TRY(state.ask(api.link_generation_max, index))),
                         .width = static_cast<int>(TRY(state.ask(api.link_width, index))),
                         .max_width = static_cast<int>(TRY(state.ask(api.link_width_max, index)))};
}

facts::Reading<facts::GpuBuild> build_of(const auto& state, int index) {
  const auto& api = state.api;
  facts::GpuBuild build;
  int major = 0;
  int minor = 0;
  if (api.compute != nullptr &&
      api.compute(state.handles[static_cast<std::size_t>(index)], &major, &minor) == 0)
    build.compute_capability = fmt::format("{}.{}", major, minor);
  build.sm_megahertz_most = static_cast<double>(TRY(state.ask(api.clock_most, index, kSmClock)));
  build.memory_megahertz_most = static_cast<double>(TRY(state.ask(api.clock_most, index, kMemoryClock)));
  build.memory_bus_bits = static_cast<int>(TRY(state.ask(api.bus_width, index)));
  return build;
}

// NVML counts 2.2 and 3.1 as versions of their own.
int generation_of(unsigned version) {
  constexpr std::array kGenerations{0, 1, 2, 2, 3, 3, 4, 5, 6};
  return version < kGenerations.size() ? kGenerations[version] : 0;
}

facts::Reading<facts::NvlinkState> nvlink_of(const auto& state, int index) {
  facts::NvlinkState links;
  for (unsigned link = 0; link < kMostNvlinks; ++link) {
    const auto active = state.ask(state.api.nvlink_state, index, link);
    if (!active && link == 0) return active.error();
    if (!active) break;
    ++links.links;
    links.active += *active == 1 ? 1 : 0;
    if (const auto version = state.ask(state.api.nvlink_version, index, link))
      links.version = std::max(links.version, generation_of(*version));
  }
  return links;
}

facts::Reading<double> watts(const Result<unsigned>& milliwatts) {
  if (!milliwatts) return milliwatts.error();
  return static_cast<double>(*milliwatts) / 1000.0;
}

}  // namespace

facts::NativeGpu NvmlWatch::describe(int index) const {
  const Api& api = state_->api;
  const Handle handle = state_->handles[static_cast<std::size_t>(index)];
  facts::NativeGpu gpu;
  gpu.index = -1;  // CUDA's number is another
  std::array<char, 96> text{};
  if (api.name(handle, text.data(), text.size()) == kSuccess) gpu.name = text.data();
  text = {};
  if (api.uuid(handle, text.data(), text.size()) == kSuccess) gpu.uuid = text.data();
  PciInfo pci{};
  if (api.pci(handle, &pci) == kSuccess) gpu.pci = kernel_address(pci);
  gpu.build = build_of(*state_, index);
  gpu.link = link_of(*state_, index);
  gpu.nvlink = nvlink_of(*state_, index);
  gpu.power_limit_watts = watts(state_->ask(api.power_limit, index));
  gpu.power_default_watts = watts(state_->ask(api.power_default, index));
  gpu.holders = holders(index);
  gpu.errors_before = errors(index);
  return gpu;
}

facts::LoadSample NvmlWatch::sample(int index) const {
  const Api& api = state_->api;
  const auto milliwatts = state_->ask(api.power, index);
  facts::LoadSample sample;
  sample.sm_megahertz = maybe<double>(state_->ask(api.clock, index, kSmClock));
  sample.memory_megahertz = maybe<double>(state_->ask(api.clock, index, kMemoryClock));
  sample.watts = maybe<double>(watts(milliwatts));
  sample.celsius = maybe<double>(state_->ask(api.temperature, index, 0));
  sample.reasons = maybe<std::uint64_t>(state_->ask<unsigned long long>(api.reasons, index));
  sample.link_generation = maybe<int>(state_->ask(api.link_generation, index));
  sample.link_width = maybe<int>(state_->ask(api.link_width, index));
  return sample;
}

facts::Reading<facts::ErrorCounts> NvmlWatch::errors(int index) const {
  const Api& api = state_->api;
  facts::ErrorCounts counts;
  // corrected and uncorrected, since the driver was loaded
  counts.ecc_corrected = maybe<std::uint64_t>(state_->ask<unsigned long long>(api.ecc, index, 0, 0));
  counts.ecc_uncorrected = maybe<std::uint64_t>(state_->ask<unsigned long long>(api.ecc, index, 1, 0));
  counts.pcie_replays = maybe<std::uint64_t>(state_->ask(api.replays, index));
  std::array<unsigned, 4> rows{};
  if (api.remapped != nullptr && api.remapped(state_->handles[static_cast<std::size_t>(index)], rows.data(),
                                              &rows[1], &rows[2], &rows[3]) == kSuccess) {
    counts.rows_remapped = std::uint64_t{rows[0]} + rows[1];
  }
  return counts;
}

facts::Reading<std::vector<facts::Holder>> NvmlWatch::holders(int index) const {
  const Api& api = state_->api;
  if (api.processes == nullptr) return Error(Errc::unsupported, "this version of NVML does not have it");
  std::vector<Process> processes(64);
  for (int tries = 0; tries < 4; ++tries) {
    auto count = static_cast<unsigned>(processes.size());
    const int code =
        api.processes(state_->handles[static_cast<std::size_t>(index)], &count, processes.data());
    if (code == kInsufficientSize) {
      processes.resize(count + 16U);
      continue;
    }
    if (code != kSuccess) return state_->no(code);
    std::vector<facts::Holder> holders;
    for (unsigned i = 0; i < count; ++i) {
      const bool known = processes[i].bytes != ~0ULL;  // NVML's word for "not available"
      holders.push_back({.pid = processes[i].pid,
                         .name = process_name(processes[i].pid),
                         .bytes = known ? processes[i].bytes : 0});
    }
    return holders;
  }
  return Error(Errc::failed, "the processes on the GPU came and went faster than NVML could list them");
}

Result<> NvmlWatch::listen() {
  const Api& api = state_->api;
  if (api.event_set == nullptr || api.event_free == nullptr || api.register_events == nullptr ||
      api.event_wait == nullptr) {
    return Error(Errc::unsupported, "this version of NVML tells of no events");
  }
  Handle events = nullptr;
  if (const int code = api.event_set(&events); code != kSuccess) return state_->no(code);
  state_->events = events;
  for (const Handle handle : state_->handles) {
    if (const int code = api.register_events(handle, kXidEvents, events); code != kSuccess)
      return state_->no(code);
  }
  return ok;
}

std::vector<NvmlWatch::Xid> NvmlWatch::heard() const {
  std::vector<Xid> xids;
  if (state_->events == nullptr) return xids;
  for (Event event{}; xids.size() < 1000 && state_->api.event_wait(state_->events, &event, 0) == kSuccess;) {
    const auto found = std::ranges::find(state_->handles, event.device);
    if (found == state_->handles.end()) continue;
    xids.push_back({.index = static_cast<int>(found - state_->handles.begin()), .number = event.data});
  }
  return xids;
}

}  // namespace bringup::gpu
