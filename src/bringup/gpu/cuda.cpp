// SPDX-License-Identifier: Apache-2.0
// Prototypes and codes are the CUDA driver API's public ones (docs.nvidia.com/cuda/cuda-driver-api).
#include <bringup/gpu/cuda.hpp>

#include <fmt/format.h>

#include <array>
#include <cctype>

namespace bringup::gpu {
namespace {

constexpr int kOutOfMemory = 2;
constexpr int kDeviceUnavailable = 46;  // in exclusive mode, and taken
constexpr int kNoDevice = 100;

Errc kind_of(int code) {
  switch (code) {
    case kOutOfMemory:
    case kDeviceUnavailable:
      return Errc::busy;
    case kNoDevice:
      return Errc::absent;
    default:
      return Errc::failed;
  }
}

}  // namespace

Result<Cuda> Cuda::open(const std::string& name) {
  Library library = TRY(Library::open(name));
  Api api;
  TRY(bind_first(library, api));
  TRY(bind_native(library, api));
  return Cuda(std::move(library), api);
}

Result<> Cuda::bind_first(const Library& library, Api& api) {
  TRY(library.bind(api.init, "cuInit"));
  TRY(library.bind(api.error_name, "cuGetErrorName"));
  TRY(library.bind(api.error_string, "cuGetErrorString"));
  TRY(library.bind(api.driver_version, "cuDriverGetVersion"));
  TRY(library.bind(api.count, "cuDeviceGetCount"));
  TRY(library.bind(api.device, "cuDeviceGet"));
  TRY(library.bind(api.name, "cuDeviceGetName"));
  TRY(library.bind(api.pci, "cuDeviceGetPCIBusId"));
  TRY(library.bind(api.module_load, "cuModuleLoadData"));
  TRY(library.bind(api.function, "cuModuleGetFunction"));
  TRY(library.bind(api.allocate, "cuMemAlloc_v2"));
  TRY(library.bind(api.free, "cuMemFree_v2"));
  TRY(library.bind(api.allocate_pinned, "cuMemHostAlloc"));
  TRY(library.bind(api.free_pinned, "cuMemFreeHost"));
  TRY(library.bind(api.to_device, "cuMemcpyHtoD_v2"));
  TRY(library.bind(api.to_host, "cuMemcpyDtoH_v2"));
  TRY(library.bind(api.launch, "cuLaunchKernel"));
  return ok;
}

// The names with the suffix are those whose signature is the one written down here.
Result<> Cuda::bind_native(const Library& library, Api& api) {
  TRY(library.bind(api.primary_retain, "cuDevicePrimaryCtxRetain"));
  TRY(library.bind(api.primary_release, "cuDevicePrimaryCtxRelease_v2"));
  TRY(library.bind(api.set_current, "cuCtxSetCurrent"));
  TRY(library.bind(api.attribute, "cuDeviceGetAttribute"));
  TRY(library.bind(api.memory, "cuMemGetInfo_v2"));
  TRY(library.bind(api.function_attribute, "cuFuncSetAttribute"));
  TRY(library.bind(api.stream_create, "cuStreamCreate"));
  TRY(library.bind(api.stream_destroy, "cuStreamDestroy_v2"));
  TRY(library.bind(api.stream_synchronize, "cuStreamSynchronize"));
  TRY(library.bind(api.stream_wait, "cuStreamWaitEvent"));
  TRY(library.bind(api.event_create, "cuEventCreate"));
  TRY(library.bind(api.event_destroy, "cuEventDestroy_v2"));
  TRY(library.bind(api.event_record, "cuEventRecord"));
  TRY(library.bind(api.event_synchronize, "cuEventSynchronize"));
  TRY(library.bind(api.event_elapsed, "cuEventElapsedTime"));
  TRY(library.bind(api.copy, "cuMemcpyAsync"));
  TRY(library.bind(api.copy_peer, "cuMemcpyPeerAsync"));
  TRY(library.bind(api.set_bytes, "cuMemsetD8Async"));
  TRY(library.bind(api.can_access, "cuDeviceCanAccessPeer"));
  return library.bind(api.enable_peer, "cuCtxEnablePeerAccess");
}

Result<> Cuda::check(int code, const char* call) const {
  if (code == 0) return ok;
  const char* name = nullptr;
  const char* words = nullptr;
  api_.error_name(code, &name);
  api_.error_string(code, &words);
  return Error(kind_of(code), fmt::format("{}: {} ({}): {}", call, name == nullptr ? "CUDA error" : name,
                                          code, words == nullptr ? "no description" : words));
}

Result<> Cuda::init() const {
  return check(api_.init(0), "cuInit");
}
Result<int> Cuda::driver_version() const {
  int version = 0;
  TRY(check(api_.driver_version(&version), "cuDriverGetVersion"));
  return version;
}
Result<int> Cuda::device_count() const {
  int count = 0;
  TRY(check(api_.count(&count), "cuDeviceGetCount"));
  return count;
}
Result<Cuda::Device> Cuda::device(int ordinal) const {
  Device device = 0;
  TRY(check(api_.device(&device, ordinal), "cuDeviceGet"));
  return device;
}
Result<std::string> Cuda::name(Device device) const {
  std::array<char, 128> text{};
  TRY(check(api_.name(text.data(), static_cast<int>(text.size()), device), "cuDeviceGetName"));
  return std::string(text.data());
}
Result<std::string> Cuda::pci_address(Device device) const {
  std::array<char, 32> text{};
  TRY(check(api_.pci(text.data(), static_cast<int>(text.size()), device), "cuDeviceGetPCIBusId"));
  std::string address(text.data());
  if (address.size() == 16 && address.starts_with("0000"))
    address.erase(0, 4);  // the kernel writes domains with four digits
  for (char& c : address) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return address;
}
Result<Cuda::Module> Cuda::load_ptx(const std::string& ptx) const {
  Module module = nullptr;
  TRY(check(api_.module_load(&module, ptx.c_str()), "cuModuleLoadData"));
  return module;
}
Result<Cuda::Function> Cuda::function(Module module, const char* name) const {
  Function function = nullptr;
  TRY(check(api_.function(&function, module, name), "cuModuleGetFunction"));
  return function;
}
Result<Cuda::Address> Cuda::allocate(std::size_t bytes) const {
  Address address = 0;
  TRY(check(api_.allocate(&address, bytes), "cuMemAlloc"));
  return address;
}
Result<> Cuda::free(Address address) const {
  return check(api_.free(address), "cuMemFree");
}
Result<void*> Cuda::allocate_pinned(std::size_t bytes) const {
  void* memory = nullptr;
  TRY(check(api_.allocate_pinned(&memory, bytes, 0), "cuMemHostAlloc"));
  return memory;
}
Result<> Cuda::free_pinned(void* memory) const {
  return check(api_.free_pinned(memory), "cuMemFreeHost");
}
Result<> Cuda::to_device(Address to, const void* from, std::size_t bytes) const {
  return check(api_.to_device(to, from, bytes), "cuMemcpyHtoD");
}
Result<> Cuda::to_host(void* to, Address from, std::size_t bytes) const {
  return check(api_.to_host(to, from, bytes), "cuMemcpyDtoH");
}

}  // namespace bringup::gpu
