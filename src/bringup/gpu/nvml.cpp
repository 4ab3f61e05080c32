// SPDX-License-Identifier: Apache-2.0
// Prototypes and constants are NVML's public interface (docs.nvidia.com/deploy/nvml-api), written down here
// for what is called and no more.
#include <bringup/gpu/library.hpp>
#include <bringup/gpu/nvml.hpp>
#include <bringup/gpu/nvml_peers.hpp>

#include <fmt/format.h>

#include <array>

namespace bringup::gpu {
namespace {

using Handle = void*;
constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kNoPermission = 4;
constexpr unsigned kMostNvlinks = 18;

struct Memory {
  unsigned long long total, free, used;
};
struct MemoryV2 {  // nvmlMemory_v2_t: keeps the driver's own reserve out of `used`
  unsigned version;
  unsigned long long total, reserved, free, used;
};
constexpr unsigned kMemoryV2 = static_cast<unsigned>(sizeof(MemoryV2)) | (2U << 24U);
struct Bar1Memory {
  unsigned long long total, free, used;
};

struct Api {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*nvml_version)(char*, unsigned) = nullptr;
  int (*cuda_version)(int*) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Handle*) = nullptr;
  int (*name)(Handle, char*, unsigned) = nullptr;
  int (*uuid)(Handle, char*, unsigned) = nullptr;
  int (*pci)(Handle, PciInfo*) = nullptr;
  int (*memory)(Handle, Memory*) = nullptr;
  int (*memory_v2)(Handle, MemoryV2*) = nullptr;
  int (*compute)(Handle, int*, int*) = nullptr;
  int (*link_generation)(Handle, unsigned*) = nullptr;
  int (*link_generation_max)(Handle, unsigned*) = nullptr;
  int (*link_width)(Handle, unsigned*) = nullptr;
  int (*link_width_max)(Handle, unsigned*) = nullptr;
  int (*persistence)(Handle, unsigned*) = nullptr;
  int (*mig)(Handle, unsigned*, unsigned*) = nullptr;
  int (*ecc)(Handle, unsigned*, unsigned*) = nullptr;
  int (*ecc_total)(Handle, int, int, unsigned long long*) = nullptr;
  int (*power_limit)(Handle, unsigned*) = nullptr;
  int (*power_default)(Handle, unsigned*) = nullptr;
  int (*power)(Handle, unsigned*) = nullptr;
  int (*temperature)(Handle, int, unsigned*) = nullptr;
  int (*nvlink_state)(Handle, unsigned, unsigned*) = nullptr;
  int (*processes)(Handle, unsigned*, void*) = nullptr;
  int (*bar1)(Handle, Bar1Memory*) = nullptr;
  int (*remapped)(Handle, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
  int (*reasons)(Handle, unsigned long long*) = nullptr;
};

Result<Api> bind(const Library& library) {
  Api api;
  TRY(library.bind(api.init, "nvmlInit_v2"));
  TRY(library.bind(api.shutdown, "nvmlShutdown"));
  TRY(library.bind(api.error_string, "nvmlErrorString"));
  TRY(library.bind(api.driver_version, "nvmlSystemGetDriverVersion"));
  TRY(library.bind(api.nvml_version, "nvmlSystemGetNVMLVersion"));
  TRY(library.bind(api.count, "nvmlDeviceGetCount_v2"));
  TRY(library.bind(api.handle, "nvmlDeviceGetHandleByIndex_v2"));
  TRY(library.bind(api.name, "nvmlDeviceGetName"));
  TRY(library.bind(api.uuid, "nvmlDeviceGetUUID"));
  TRY(library.bind(api.pci, "nvmlDeviceGetPciInfo_v3"));
  TRY(library.bind(api.memory, "nvmlDeviceGetMemoryInfo"));
  library.bind_optional(api.memory_v2, "nvmlDeviceGetMemoryInfo_v2");
  library.bind_optional(api.cuda_version, "nvmlSystemGetCudaDriverVersion_v2");
  library.bind_optional(api.compute, "nvmlDeviceGetCudaComputeCapability");
  library.bind_optional(api.link_generation, "nvmlDeviceGetCurrPcieLinkGeneration");
  library.bind_optional(api.link_generation_max, "nvmlDeviceGetMaxPcieLinkGeneration");
  library.bind_optional(api.link_width, "nvmlDeviceGetCurrPcieLinkWidth");
  library.bind_optional(api.link_width_max, "nvmlDeviceGetMaxPcieLinkWidth");
  library.bind_optional(api.persistence, "nvmlDeviceGetPersistenceMode");
  library.bind_optional(api.mig, "nvmlDeviceGetMigMode");
  library.bind_optional(api.ecc, "nvmlDeviceGetEccMode");
  library.bind_optional(api.ecc_total, "nvmlDeviceGetTotalEccErrors");
  library.bind_optional(api.power_limit, "nvmlDeviceGetPowerManagementLimit");
  library.bind_optional(api.power_default, "nvmlDeviceGetPowerManagementDefaultLimit");
  library.bind_optional(api.power, "nvmlDeviceGetPowerUsage");
  library.bind_optional(api.temperature, "nvmlDeviceGetTemperature");
  library.bind_optional(api.nvlink_state, "nvmlDeviceGetNvLinkState");
  library.bind_optional(api.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  library.bind_optional(api.bar1, "nvmlDeviceGetBAR1MemoryInfo");
  library.bind_optional(api.remapped, "nvmlDeviceGetRemappedRows");
  library.bind_optional(api.reasons, "nvmlDeviceGetCurrentClocksEventReasons");
  if (api.reasons == nullptr)  // its name until driver 535
    library.bind_optional(api.reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
  return api;
}

class Reader {
 public:
  Reader(const Api& api, Handle handle) : api_(api), handle_(handle) {}

  facts::Reading<unsigned> one(int (*function)(Handle, unsigned*)) const {
    unsigned value = 0;
    if (function == nullptr) return missing();
    if (const int code = function(handle_, &value); code != kSuccess) return no(code);
    return value;
  }
  facts::Reading<bool> enabled(int (*function)(Handle, unsigned*)) const { return TRY(one(function)) == 1; }
  facts::Reading<double> watts(int (*function)(Handle, unsigned*)) const {
    return static_cast<double>(TRY(one(function))) / 1000.0;
  }
  facts::Reading<facts::PcieLink> link() const {
    return facts::PcieLink{.generation = static_cast<int>(TRY(one(api_.link_generation))),
                           .max_generation = static_cast<int>(TRY(one(api_.link_generation_max))),
                           .width = static_cast<int>(TRY(one(api_.link_width))),
                           .max_width = static_cast<int>(TRY(one(api_.link_width_max)))};
  }
  facts::Reading<bool> first_of_two(int (*function)(Handle, unsigned*, unsigned*)) const {
    unsigned now = 0;
    unsigned pending = 0;
    if (function == nullptr) return missing();
    if (const int code = function(handle_, &now, &pending); code != kSuccess) return no(code);
    return now == 1;
  }
  facts::Reading<std::string> compute() const {
    int major = 0;
    int minor = 0;
    if (api_.compute == nullptr) return missing();
    if (const int code = api_.compute(handle_, &major, &minor); code != kSuccess) return no(code);
    return fmt::format("{}.{}", major, minor);
  }
  facts::Reading<std::uint64_t> clock_reasons() const {
    unsigned long long bits = 0;
    if (api_.reasons == nullptr) return missing();
    if (const int code = api_.reasons(handle_, &bits); code != kSuccess) return no(code);
    return std::uint64_t{bits};
  }
  facts::Reading<std::uint64_t> ecc_uncorrected() const {
    unsigned long long errors = 0;
    if (api_.ecc_total == nullptr) return missing();
    if (const int code = api_.ecc_total(handle_, 1, 0, &errors); code != kSuccess)
      return no(code);  // uncorrected, volatile
    return std::uint64_t{errors};
  }
  facts::Reading<double> temperature() const {
    unsigned celsius = 0;
    if (api_.temperature == nullptr) return missing();
    if (const int code = api_.temperature(handle_, 0, &celsius); code != kSuccess) return no(code);
    return static_cast<double>(celsius);
  }
  facts::Reading<int> nvlinks() const {
    if (api_.nvlink_state == nullptr) return missing();
    int active = 0;
    for (unsigned link = 0; link < kMostNvlinks; ++link) {
      unsigned state = 0;
      const int code = api_.nvlink_state(handle_, link, &state);
      if (code != kSuccess && link == 0) return no(code);
      if (code != kSuccess) break;
      active += state == 1 ? 1 : 0;
    }
    return active;
  }
  // Asked with room for none, NVML answers "insufficient size" and how many there are.
  facts::Reading<int> processes() const {
    constexpr int kInsufficientSize = 7;
    unsigned count = 0;
    if (api_.processes == nullptr) return missing();
    const int code = api_.processes(handle_, &count, nullptr);
    if (code != kSuccess && code != kInsufficientSize) return no(code);
    return static_cast<int>(count);
  }
  facts::Reading<std::uint64_t> bar1() const {
    Bar1Memory memory{};
    if (api_.bar1 == nullptr) return missing();
    if (const int code = api_.bar1(handle_, &memory); code != kSuccess) return no(code);
    return std::uint64_t{memory.total};
  }
  struct Rows {
    bool pending = false;
    bool failed = false;
  };
  facts::Reading<Rows> remapped() const {
    unsigned corrected = 0;
    unsigned uncorrected = 0;
    unsigned pending = 0;
    unsigned failed = 0;
    if (api_.remapped == nullptr) return missing();
    if (const int code = api_.remapped(handle_, &corrected, &uncorrected, &pending, &failed);
        code != kSuccess)
      return no(code);
    return Rows{.pending = pending != 0, .failed = failed != 0};
  }
  facts::Reading<Memory> memory() const {
    MemoryV2 newer{.version = kMemoryV2};
    if (api_.memory_v2 != nullptr && api_.memory_v2(handle_, &newer) == kSuccess)
      return Memory{newer.total, newer.free, newer.used};
    Memory memory{};
    if (const int code = api_.memory(handle_, &memory); code != kSuccess) return no(code);
    return memory;
  }
  Error no(int code) const {
    const Errc kind = code == kNotSupported   ? Errc::unsupported
                      : code == kNoPermission ? Errc::denied
                                              : Errc::failed;
    const char* words = api_.error_string(code);
    return {kind, fmt::format("NVML: {} ({})", words == nullptr ? "error" : words, code)};
  }

 private:
  static Error missing() { return {Errc::unsupported, "this version of NVML does not have it"}; }
  const Api& api_;
  Handle handle_;
};

template <typename T, typename W>
facts::Reading<T> part(const facts::Reading<W>& whole, T W::*member) {
  if (!whole) return whole.error();
  return (*whole).*member;
}

facts::Reading<std::uint64_t> bytes(const facts::Reading<Memory>& memory,
                                    unsigned long long Memory::*member) {
  if (!memory) return memory.error();
  return std::uint64_t{(*memory).*member};
}

// All that was not read, and why: a GPU without a handle is still a GPU that NVML counts.
facts::NvmlGpu unread(int index, const Error& why) {
  return {.index = index,
          .pci = "",
          .name = "",
          .uuid = "",
          .compute_capability = why,
          .memory_bytes = why,
          .memory_used_bytes = why,
          .link = why,
          .persistence = why,
          .mig = why,
          .ecc = why,
          .ecc_uncorrected = why,
          .power_limit_watts = why,
          .power_default_watts = why,
          .power_watts = why,
          .temperature_celsius = why,
          .nvlinks_active = why,
          .nvlink_peers = why,
          .reads_from = why,
          .processes = why,
          .bar1_bytes = why,
          .row_remap_pending = why,
          .row_remap_failed = why,
          .clock_reasons = why};
}

void read_names(const Api& api, Handle handle, facts::NvmlGpu& gpu) {
  std::array<char, 96> text{};
  if (api.name(handle, text.data(), text.size()) == kSuccess) gpu.name = text.data();
  text = {};
  if (api.uuid(handle, text.data(), text.size()) == kSuccess) gpu.uuid = text.data();
  PciInfo pci{};
  if (api.pci(handle, &pci) == kSuccess) gpu.pci = kernel_address(pci);
}

facts::NvmlGpu read_gpu(const Api& api, int index) {
  Handle handle = nullptr;
  const int code = api.handle(static_cast<unsigned>(index), &handle);
  const Reader reader(api, handle);
  if (code != kSuccess) return unread(index, reader.no(code));
  const auto memory = reader.memory();
  const auto rows = reader.remapped();
  facts::NvmlGpu gpu{.index = index,
                     .pci = "",
                     .name = "",
                     .uuid = "",
                     .compute_capability = reader.compute(),
                     .memory_bytes = bytes(memory, &Memory::total),
                     .memory_used_bytes = bytes(memory, &Memory::used),
                     .link = reader.link(),
                     .persistence = reader.enabled(api.persistence),
                     .mig = reader.first_of_two(api.mig),
                     .ecc = reader.first_of_two(api.ecc),
                     .ecc_uncorrected = reader.ecc_uncorrected(),
                     .power_limit_watts = reader.watts(api.power_limit),
                     .power_default_watts = reader.watts(api.power_default),
                     .power_watts = reader.watts(api.power),
                     .temperature_celsius = reader.temperature(),
                     .nvlinks_active = reader.nvlinks(),
                     .nvlink_peers = Error(Errc::absent, "not asked"),  // these two when all GPUs are known
                     .reads_from = Error(Errc::absent, "not asked"),
                     .processes = reader.processes(),
                     .bar1_bytes = reader.bar1(),
                     .row_remap_pending = part(rows, &Reader::Rows::pending),
                     .row_remap_failed = part(rows, &Reader::Rows::failed),
                     .clock_reasons = reader.clock_reasons()};
  read_names(api, handle, gpu);
  return gpu;
}

// nvmlInit_v2 done; the destructor undoes it.
class Session {
 public:
  explicit Session(const Api& api) : api_(api) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { api_.shutdown(); }

 private:
  const Api& api_;
};

}  // namespace

facts::Reading<facts::NvmlSnapshot> read_nvml(const std::string& library_name) {
  const Library library = TRY(Library::open(library_name));
  const Api api = TRY(bind(library));
  if (const int code = api.init(); code != kSuccess) return Reader(api, nullptr).no(code);
  const Session session(api);
  facts::NvmlSnapshot snapshot;
  snapshot.library_path = library.path_of(reinterpret_cast<const void*>(api.init));
  std::array<char, 96> text{};
  if (api.driver_version(text.data(), text.size()) == kSuccess) snapshot.driver_version = text.data();
  text = {};
  if (api.nvml_version(text.data(), text.size()) == kSuccess) snapshot.nvml_version = text.data();
  if (api.cuda_version != nullptr) api.cuda_version(&snapshot.cuda_driver_version);
  unsigned count = 0;
  if (const int code = api.count(&count); code != kSuccess) return Reader(api, nullptr).no(code);
  for (unsigned index = 0; index < count; ++index)
    snapshot.gpus.push_back(read_gpu(api, static_cast<int>(index)));
  read_peers(library, snapshot.gpus);
  return snapshot;
}

}  // namespace bringup::gpu
