// SPDX-License-Identifier: Apache-2.0
// NVML as a real shared object that a test drives through the environment:
//   FAKE_NVML_GPUS=8          GPUs that it counts (0 when unset)
//   FAKE_NVML_FAIL="name:gpu:code name:*:code"   the function `name` without "nvml" fails on this GPU (or on
//   all, or has none) with NVML's `code` FAKE_NVML_SWITCHES=4     NVLinks lead to so many switches, not to
//   GPUs FAKE_NVML_LINKS=12        NVLinks that each GPU has; the last one is down FAKE_NVML_PROCESSES=3
//   compute processes on each GPU
// Values differ between GPUs and between functions, so that a reader that mixes two of them up is seen.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// Handles are the addresses of these bytes.
char handles[64];

int gpu_of(const void* handle) {
  return static_cast<int>(static_cast<const char*>(handle) - handles);
}

int number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<int>(std::strtol(text, nullptr, 10));
}

// The code with which `function` is to fail on `gpu`; 0 when it is not to.
int failure(const char* function, int gpu) {
  const char* text = std::getenv("FAKE_NVML_FAIL");
  const std::string all = text == nullptr ? "" : text;
  for (const std::string& whom : {std::to_string(gpu), std::string("*")}) {
    const std::string entry = std::string(function) + ":" + whom + ":";
    for (std::size_t at = all.find(entry); at != std::string::npos; at = all.find(entry, at + 1)) {
      if (at == 0 || all[at - 1] == ' ')
        return static_cast<int>(std::strtol(all.c_str() + at + entry.size(), nullptr, 10));
    }
  }
  return 0;
}

int give(const char* function, const void* handle, unsigned* value, unsigned what) {
  if (const int code = failure(function, gpu_of(handle)); code != 0) return code;
  *value = what;
  return 0;
}

int give(const char* function, int gpu, char* text, unsigned room, const std::string& what) {
  if (const int code = failure(function, gpu); code != 0) return code;
  if (what.size() + 1 > room) return 7;  // insufficient size
  std::memcpy(text, what.c_str(), what.size() + 1);
  return 0;
}

struct PciInfo {
  char legacy[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
struct Memory {
  unsigned long long total, free, used;
};
struct MemoryV2 {
  unsigned version;
  unsigned long long total, reserved, free, used;
};

struct Process {
  unsigned pid;
  unsigned long long bytes;
  unsigned instance, compute_instance;
};
struct EventData {
  void* device;
  unsigned long long type, data;
  unsigned instance, compute_instance;
};

}  // namespace

extern "C" {

int nvmlInit_v2() {
  return failure("Init", -1);
}
int nvmlShutdown() {
  return 0;
}
const char* nvmlErrorString(int code) {
  switch (code) {
    case 3:
      return "Not Supported";
    case 4:
      return "Insufficient Permissions";
    case 9:
      return "Driver Not Loaded";
    case 15:
      return "GPU is lost";
    case 18:
      return "Driver/library version mismatch";
    default:
      return "Unknown Error";
  }
}
int nvmlSystemGetDriverVersion(char* text, unsigned room) {
  return give("DriverVersion", -1, text, room, "580.159.04");
}
int nvmlSystemGetNVMLVersion(char* text, unsigned room) {
  return give("NvmlVersion", -1, text, room, "13.580.159.04");
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  if (const int code = failure("CudaVersion", -1); code != 0) return code;
  *version = 13000;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  if (const int code = failure("Count", -1); code != 0) return code;
  *count = static_cast<unsigned>(number("FAKE_NVML_GPUS", 0));
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  if (index >= static_cast<unsigned>(number("FAKE_NVML_GPUS", 0)) || index >= sizeof handles) return 2;
  if (const int code = failure("Handle", static_cast<int>(index)); code != 0) return code;
  *handle = handles + index;
  return 0;
}
int nvmlDeviceGetName(void* handle, char* text, unsigned room) {
  return give("Name", gpu_of(handle), text, room, "NVIDIA Fake " + std::to_string(gpu_of(handle)));
}
int nvmlDeviceGetUUID(void* handle, char* text, unsigned room) {
  return give("UUID", gpu_of(handle), text, room,
              "GPU-00000000-0000-4000-8000-00000000000" + std::to_string(gpu_of(handle) % 10));
}
int nvmlDeviceGetPciInfo_v3(void* handle, PciInfo* info) {
  const int gpu = gpu_of(handle);
  if (const int code = failure("PciInfo", gpu); code != 0) return code;
  *info = {};
  // the last letter of a bus number is upper-case, as NVML writes it
  std::snprintf(info->bus_id, sizeof info->bus_id, "%08X:%02XB:00.0", gpu == 7 ? 0x10000U : 0U,
                static_cast<unsigned>(gpu));
  std::memmove(info->bus_id + 9, info->bus_id + 10, std::strlen(info->bus_id + 10) + 1);
  if (std::getenv("FAKE_NVML_AS_CUDA") != nullptr)  // where fake_cuda has them
    std::snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0",
                  0xA0U + static_cast<unsigned>(gpu));
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* handle, Memory* memory) {
  const int gpu = gpu_of(handle);
  if (const int code = failure("Memory", gpu); code != 0) return code;
  *memory = {80ULL << 30U, (80ULL << 30U) - 4096U,
             4096U};  // the driver's own reserve is counted as used here
  return 0;
}

#ifndef FAKE_NVML_OLD
int nvmlDeviceGetMemoryInfo_v2(void* handle, MemoryV2* memory) {
  const int gpu = gpu_of(handle);
  if (memory->version != (sizeof(MemoryV2) | (2U << 24U))) return 25;  // argument version mismatch
  if (const int code = failure("Memory", gpu); code != 0) return code;
  *memory = {memory->version, 80ULL << 30U, 3584, (80ULL << 30U) - 4096U, 512U + static_cast<unsigned>(gpu)};
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(void* handle, int* major, int* minor) {
  if (const int code = failure("ComputeCapability", gpu_of(handle)); code != 0) return code;
  *major = 9;
  *minor = 0;
  return 0;
}
int nvmlDeviceGetCurrPcieLinkGeneration(void* handle, unsigned* value) {
  return give("Generation", handle, value, 1);
}
int nvmlDeviceGetMaxPcieLinkGeneration(void* handle, unsigned* value) {
  return give("MaxGeneration", handle, value, 5);
}
int nvmlDeviceGetCurrPcieLinkWidth(void* handle, unsigned* value) {
  return give("Width", handle, value, 8);
}
int nvmlDeviceGetMaxPcieLinkWidth(void* handle, unsigned* value) {
  return give("MaxWidth", handle, value, 16);
}
int nvmlDeviceGetPersistenceMode(void* handle, unsigned* value) {
  return give("Persistence", handle, value, gpu_of(handle) == 0 ? 1 : 0);
}
int nvmlDeviceGetMigMode(void* handle, unsigned* now, unsigned* pending) {
  *pending = 1;
  return give("Mig", handle, now, 0);
}
int nvmlDeviceGetEccMode(void* handle, unsigned* now, unsigned* pending) {
  *pending = 0;
  return give("Ecc", handle, now, 1);
}
// Uncorrected since the driver was loaded are 40 and more; every other counter is far from that.
int nvmlDeviceGetTotalEccErrors(void* handle, int type, int counter, unsigned long long* errors) {
  if (const int code = failure("EccErrors", gpu_of(handle)); code != 0) return code;
  *errors = type == 1 && counter == 0 ? 40U + static_cast<unsigned>(gpu_of(handle)) : 9999U;
  return 0;
}
int nvmlDeviceGetPowerManagementLimit(void* handle, unsigned* value) {
  return give("PowerLimit", handle, value, 650500);
}
int nvmlDeviceGetPowerManagementDefaultLimit(void* handle, unsigned* value) {
  return give("PowerDefault", handle, value, 700000);
}
int nvmlDeviceGetPowerUsage(void* handle, unsigned* value) {
  return give("Power", handle, value, 80490);
}
int nvmlDeviceGetTemperature(void* handle, int sensor, unsigned* value) {
  return sensor == 0 ? give("Temperature", handle, value, 36) : 2;
}
int nvmlDeviceGetNvLinkState(void* handle, unsigned link, unsigned* value) {
  const auto links = static_cast<unsigned>(number("FAKE_NVML_LINKS", 0));
  if (links == 0) return 3;
  if (link >= links) return 2;
  return give("NvLink", handle, value, link + 1 == links ? 0 : 1);
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* handle, unsigned* count, void* infos) {
  if (const int code = failure("Processes", gpu_of(handle)); code != 0) return code;
  const unsigned room = *count;
  *count = static_cast<unsigned>(number("FAKE_NVML_PROCESSES", 0));
  const int only = number("FAKE_NVML_HELD", -1);  // the one GPU that they are on
  if (only >= 0 && only != gpu_of(handle)) *count = 0;
  if (*count > room || (infos == nullptr && *count > 0)) return 7;
  for (unsigned i = 0; i < *count; ++i) static_cast<Process*>(infos)[i] = {1U + i, 3ULL << 30U, ~0U, ~0U};
  return 0;
}
int nvmlDeviceGetMemoryBusWidth(void* handle, unsigned* value) {
  return give("BusWidth", handle, value, 5120);
}
int nvmlDeviceGetClockInfo(void* handle, int which, unsigned* value) {
  return give("Clock", handle, value, which == 1 ? 1755 : which == 2 ? 2600 : 1);
}
int nvmlDeviceGetMaxClockInfo(void* handle, int which, unsigned* value) {
  return give("MaxClock", handle, value, which == 1 ? 1980 : which == 2 ? 2619 : 2);
}
// Links lead to the other GPUs in turn; with FAKE_NVML_SWITCHES=4 to that many NVSwitches.
int nvmlDeviceGetNvLinkRemoteDeviceType(void* handle, unsigned /*link*/, int* type) {
  *type = number("FAKE_NVML_SWITCHES", 0) > 0 ? 2 : 0;
  return failure("RemoteType", gpu_of(handle));
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void* handle, unsigned link, PciInfo* info) {
  const int gpu = gpu_of(handle);
  if (const int code = failure("RemotePci", gpu); code != 0) return code;
  if (const int switches = number("FAKE_NVML_SWITCHES", 0); switches > 0) {
    *info = {};
    std::snprintf(info->bus_id, sizeof info->bus_id, "00000000:C%X:00.0",
                  link % static_cast<unsigned>(switches));
    return 0;
  }
  const int gpus = number("FAKE_NVML_GPUS", 0);
  if (gpus < 2) return 3;
  const int other = (gpu + 1 + static_cast<int>(link) % (gpus - 1)) % gpus;
  return nvmlDeviceGetPciInfo_v3(handles + other, info);
}
// A GPU reads its neighbour's memory (0 and 1, 2 and 3, ...), and can do nothing else of the kind.
int nvmlDeviceGetP2PStatus(void* from, void* to, int what, int* status) {
  if (const int code = failure("P2P", gpu_of(from)); code != 0) return code;
  *status = what == 0 && gpu_of(from) / 2 == gpu_of(to) / 2 ? 0 : 1;
  return 0;
}
int nvmlDeviceGetCurrentClocksEventReasons(void* handle, unsigned long long* reasons) {
  *reasons = 4;
  return failure("Reasons", gpu_of(handle));
}
int nvmlDeviceGetEnforcedPowerLimit(void* handle, unsigned* value) {
  return give("EnforcedLimit", handle, value, 640250);
}
int nvmlDeviceGetPcieReplayCounter(void* handle, unsigned* value) {
  return give("Replays", handle, value, 12);
}
int nvmlDeviceGetNvLinkVersion(void* handle, unsigned /*link*/, unsigned* value) {
  return give("NvLinkVersion", handle, value, 6);
}
// One Xid of number 79 on the last GPU when FAKE_NVML_XID is set; then silence.
int nvmlEventSetCreate(void** set) {
  *set = handles;
  return failure("Events", -1);
}
int nvmlEventSetFree(void* /*set*/) {
  return 0;
}
int nvmlDeviceRegisterEvents(void* handle, unsigned long long events, void* /*set*/) {
  return events == 8 ? failure("Register", gpu_of(handle)) : 2;
}
int nvmlEventSetWait_v2(void* /*set*/, EventData* event, unsigned /*milliseconds*/) {
  static bool told = false;
  if (told || number("FAKE_NVML_XID", 0) == 0) return 10;
  told = true;
  *event = {handles + number("FAKE_NVML_GPUS", 0) - 1, 8, 79, ~0U, ~0U};
  return 0;
}
int nvmlDeviceGetBAR1MemoryInfo(void* handle, Memory* memory) {
  if (const int code = failure("Bar1", gpu_of(handle)); code != 0) return code;
  *memory = {128ULL << 30U, 100, 28};
  return 0;
}
int nvmlDeviceGetRemappedRows(void* handle, unsigned* corrected, unsigned* uncorrected, unsigned* pending,
                              unsigned* failed) {
  *corrected = 7;
  *uncorrected = 8;
  *failed = 1;
  return give("RemappedRows", handle, pending, 0);
}
#endif

}  // extern "C"
