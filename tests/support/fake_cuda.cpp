// SPDX-License-Identifier: Apache-2.0
// A libcuda.so for tests, with memory in the heap, primary contexts, streams that do everything at once, and
// a "GPU" of 4 MiB that computes on the CPU what the kernels of fake_kernels.hpp say. The environment says
// what it is and what is wrong with it, so that children see the same:
//   FAKE_CUDA_DEVICES=3                how many devices there are; 2 when it is not set
//   FAKE_CUDA_FAULTS="hang:2 flip:1"   faults of single devices: busy (exclusive, taken), crash, hang (the
//                                      context never comes), memory (none free), flip (a bit changes after it
//                                      was filled), product (one element of each tensor product), peercopy,
//                                      peerstore (tagged data arrives wrong), phase:KERNEL:N hangs and
//                                      die:KERNEL:N dies in that kernel on GPU N; of the whole: nodevice,
//                                      init (another error), hanginit, nopeer (none can reach another)
// Without a check against CUDA's headers on purpose: bringup has none either.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <signal.h>
#include <sstream>
#include <string>
#include <support/fake_kernels.hpp>
#include <unistd.h>

namespace {

constexpr int kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kUnavailable = 46,
              kNoDevice = 100, kInvalidDevice = 101, kInvalidPtx = 218, kNotFound = 500,
              kInvalidContext = 201, kLaunchFailed = 719, kSystemNotReady = 802;

bool initialised = false;

// Contexts are one for each device and current in a thread; every call is made under a lock.
struct Primary {
  int device = -1;
};
Primary primaries[64];
thread_local Primary* current = nullptr;
std::mutex everything;
std::map<unsigned long long, std::size_t> blocks;  // memory handed out under a primary context
constexpr std::size_t kFreeBytes = std::size_t{4} << 20U;

// The block that holds all of these bytes.
bool owned(unsigned long long at, std::size_t bytes) {
  auto next = blocks.upper_bound(at);
  if (next == blocks.begin()) return false;
  --next;
  return at + bytes <= next->first + next->second;
}

bool fault(const std::string& name, int device = -1) {
  const char* all = std::getenv("FAKE_CUDA_FAULTS");
  const std::string wanted = device < 0 ? name : name + ":" + std::to_string(device);
  std::istringstream words(all == nullptr ? "" : all);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

int devices() {
  const char* text = std::getenv("FAKE_CUDA_DEVICES");
  return text == nullptr ? 2 : std::atoi(text);
}

int usable() {
  if (!initialised) return kNotInitialized;
  return current != nullptr ? kSuccess : kInvalidContext;
}

const char* name_of(int code) {
  switch (code) {
    case kOutOfMemory:
      return "CUDA_ERROR_OUT_OF_MEMORY";
    case kUnavailable:
      return "CUDA_ERROR_DEVICE_UNAVAILABLE";
    case kNoDevice:
      return "CUDA_ERROR_NO_DEVICE";
    case kLaunchFailed:
      return "CUDA_ERROR_LAUNCH_FAILED";
    case kSystemNotReady:
      return "CUDA_ERROR_SYSTEM_NOT_READY";
    default:
      return nullptr;  // as the real one does for what it does not know
  }
}

// What goes wrong after a kernel of the native proof.
void spoil(const std::string& name, int device, void** arguments) {
  const auto at = [&](int index) { return fake::argument<unsigned char*>(arguments, index); };
  if (name == "fill" && fault("flip", device)) at(0)[1000] ^= 0x04U;
  if (name.rfind("product_", 0) == 0 && fault("product", device)) at(0)[5] ^= 0x40U;
  if (name == "copy" && fault("peerstore", device)) at(0)[64] ^= 1U;
}

int launch_native(const std::string& name, unsigned blocks_, unsigned threads, void** arguments) {
  const std::lock_guard lock(everything);
  const int device = current->device;
  while (fault("phase:" + name, device)) ::pause();
  if (fault("die:" + name, device)) ::raise(SIGKILL);
  fake::kernels().at(name)(arguments, blocks_, threads);
  spoil(name, device, arguments);
  return kSuccess;
}

int copy_bytes(unsigned long long to, unsigned long long from, std::size_t bytes) {
  const std::lock_guard lock(everything);
  // As with the real one, memory that CUDA does not know is the host's.
  const bool ours = owned(to, bytes) || owned(from, bytes);
  if (!ours || (owned(to, 1) && !owned(to, bytes)) || (owned(from, 1) && !owned(from, bytes)))
    return kInvalidValue;
  std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  return kSuccess;
}

}  // namespace

extern "C" {

int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (!initialised) return kNotInitialized;
  if (fault("busy", device)) return kUnavailable;
  while (fault("hang", device)) ::pause();
  if (fault("crash", device)) ::raise(SIGSEGV);
  primaries[device].device = device;
  *context = &primaries[device];
  return kSuccess;
}
int cuDevicePrimaryCtxRelease_v2(int /*device*/) {
  return kSuccess;
}
int cuCtxSetCurrent(void* context) {
  current = static_cast<Primary*>(context);
  return kSuccess;
}
int cuDeviceGetAttribute(int* value, int which, int /*device*/) {
  const std::map<int, int> known{{16, 2},       {13, 1980000}, {36, 2619000}, {37, 5120},
                                 {38, 1 << 20}, {75, 9},       {76, 0},       {97, 232448}};
  const auto found = known.find(which);
  if (found == known.end()) return kInvalidValue;
  *value = found->second;
  return kSuccess;
}
int cuMemGetInfo_v2(std::size_t* free_bytes, std::size_t* total) {
  *free_bytes = fault("memory", current->device) ? 1024 : kFreeBytes;
  *total = kFreeBytes + (std::size_t{1} << 20U);
  return kSuccess;
}
int cuFuncSetAttribute(void* /*function*/, int which, int value) {
  return which == 8 && value <= 232448 ? kSuccess : kInvalidValue;
}
int cuStreamCreate(void** stream, unsigned /*flags*/) {
  *stream = current;
  return kSuccess;
}
int cuStreamDestroy_v2(void* /*stream*/) {
  return kSuccess;
}
int cuStreamSynchronize(void* /*stream*/) {
  return usable();
}
int cuStreamWaitEvent(void* /*stream*/, void* /*event*/, unsigned /*flags*/) {
  return kSuccess;
}
int cuEventCreate(void** event, unsigned /*flags*/) {
  *event = new std::chrono::steady_clock::time_point();
  return kSuccess;
}
int cuEventDestroy_v2(void* event) {
  delete static_cast<std::chrono::steady_clock::time_point*>(event);
  return kSuccess;
}
int cuEventRecord(void* event, void* /*stream*/) {
  *static_cast<std::chrono::steady_clock::time_point*>(event) = std::chrono::steady_clock::now();
  return kSuccess;
}
int cuEventSynchronize(void* /*event*/) {
  return kSuccess;
}
int cuEventElapsedTime(float* milliseconds, void* from, void* to) {
  const auto passed = *static_cast<std::chrono::steady_clock::time_point*>(to) -
                      *static_cast<std::chrono::steady_clock::time_point*>(from);
  *milliseconds = std::max(1e-3F, std::chrono::duration<float, std::milli>(passed).count());
  return kSuccess;
}
int cuMemcpyAsync(unsigned long long to, unsigned long long from, std::size_t bytes, void* /*stream*/) {
  return copy_bytes(to, from, bytes);
}
int cuMemcpyPeerAsync(unsigned long long to, void* /*to_context*/, unsigned long long from,
                      void* from_context, std::size_t bytes, void* /*stream*/) {
  if (const int code = copy_bytes(to, from, bytes); code != kSuccess) return code;
  if (fault("peercopy", static_cast<Primary*>(from_context)->device))
    reinterpret_cast<unsigned char*>(to)[32] ^= 8U;
  return kSuccess;
}
int cuMemsetD8Async(unsigned long long to, unsigned char value, std::size_t bytes, void* /*stream*/) {
  const std::lock_guard lock(everything);
  if (!owned(to, bytes)) return kInvalidValue;
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return kSuccess;
}
int cuDeviceCanAccessPeer(int* can, int from, int to) {
  *can = from != to && !fault("nopeer") ? 1 : 0;
  return kSuccess;
}
int cuCtxEnablePeerAccess(void* /*context*/, unsigned /*flags*/) {
  return fault("nopeer") ? kInvalidValue : kSuccess;
}

}  // extern "C"

extern "C" {

int cuInit(unsigned flags) {
  if (flags != 0) return kInvalidValue;
  while (fault("hanginit")) ::pause();
  if (fault("init")) return kSystemNotReady;
  if (fault("nodevice") || devices() == 0) return kNoDevice;
  initialised = true;
  return kSuccess;
}
int cuGetErrorName(int code, const char** text) {
  *text = name_of(code);
  return *text == nullptr ? kInvalidValue : kSuccess;
}
int cuGetErrorString(int code, const char** text) {
  *text = name_of(code) == nullptr ? nullptr : "words about it";
  return *text == nullptr ? kInvalidValue : kSuccess;
}
int cuDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
int cuDeviceGetCount(int* count) {
  if (!initialised) return kNotInitialized;
  *count = devices();
  return kSuccess;
}
int cuDeviceGet(int* device, int ordinal) {
  if (!initialised) return kNotInitialized;
  if (ordinal < 0 || ordinal >= devices()) return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}
int cuDeviceGetName(char* text, int size, int device) {
  std::snprintf(text, static_cast<std::size_t>(size), "Fake GPU %d", device);
  return kSuccess;
}
int cuDeviceGetPCIBusId(char* text, int size, int device) {
  // the second writes its domain with eight digits, as some drivers do
  std::snprintf(text, static_cast<std::size_t>(size), device == 1 ? "00000000:%02X:00.0" : "0000:%02X:00.0",
                0xA0 + device);
  return kSuccess;
}
int cuModuleLoadData(void** module, const void* text) {
  if (const int code = usable(); code != kSuccess) return code;
  if (std::strstr(static_cast<const char*>(text), ".version") == nullptr) return kInvalidPtx;
  *module = const_cast<void*>(text);
  return kSuccess;
}
int cuModuleGetFunction(void** function, void* /*module*/, const char* name) {
  if (const int code = usable(); code != kSuccess) return code;
  const auto native = fake::kernels().find(name);
  if (native != fake::kernels().end()) {
    *function = const_cast<std::string*>(&native->first);
    return kSuccess;
  }
  return kNotFound;
}
int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  if (const int code = usable(); code != kSuccess) return code;
  if (fault("memory", current->device)) return kOutOfMemory;
  void* memory = std::malloc(bytes);
  std::memset(memory, 0xA5, bytes);
  *address = reinterpret_cast<unsigned long long>(memory);
  const std::lock_guard lock(everything);
  blocks[*address] = bytes;
  return kSuccess;
}
int cuMemFree_v2(unsigned long long address) {
  if (const int code = usable(); code != kSuccess) return code;
  const std::lock_guard lock(everything);
  if (blocks.erase(address) == 0) return kInvalidValue;
  std::free(reinterpret_cast<void*>(address));
  return kSuccess;
}
int cuMemHostAlloc(void** memory, std::size_t bytes, unsigned /*flags*/) {
  return cuMemAlloc_v2(reinterpret_cast<unsigned long long*>(memory), bytes);
}
int cuMemFreeHost(void* memory) {
  return cuMemFree_v2(reinterpret_cast<unsigned long long>(memory));
}
int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t bytes) {
  if (const int code = usable(); code != kSuccess) return code;
  if (!owned(to, bytes)) return kInvalidValue;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kSuccess;
}
int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t bytes) {
  if (const int code = usable(); code != kSuccess) return code;
  if (!owned(from, bytes)) return kInvalidValue;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return kSuccess;
}
int cuLaunchKernel(void* function, unsigned blocks_, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                   unsigned, void*, void** arguments, void**) {
  if (const int code = usable(); code != kSuccess) return code;
  return launch_native(*static_cast<std::string*>(function), blocks_, threads, arguments);
}

}  // extern "C"
