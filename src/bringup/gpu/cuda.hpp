// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CUDA driver API as an object, opened at run time: what the first proof needs of it.

#include <bringup/base/result.hpp>
#include <bringup/gpu/library.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace bringup::gpu {

class Cuda {
 public:
  using Device = int;
  using Context = void*;
  using Module = void*;
  using Function = void*;
  using Address = unsigned long long;  // CUdeviceptr

  // Errc::absent: no library; Errc::unsupported: it lacks a function.
  static Result<Cuda> open(const std::string& library = "libcuda.so.1");

  // Errors of these are in CUDA's own words, with the number. Errc::absent: CUDA sees no device; Errc::busy:
  // not enough memory, or the device is another process's alone; Errc::failed: everything else.
  Result<> init() const;  // cuInit: before everything below
  Result<int> driver_version() const;
  Result<int> device_count() const;
  Result<Device> device(int ordinal) const;
  Result<std::string> name(Device device) const;
  Result<std::string> pci_address(Device device) const;  // "0000:06:00.0"

  Result<Context> make_context(Device device) const;
  Result<> destroy_context(Context context) const;
  Result<Module> load_ptx(const std::string& ptx) const;
  Result<Function> function(Module module, const char* name) const;
  Result<Address> allocate(std::size_t bytes) const;
  Result<> free(Address address) const;
  Result<void*> allocate_pinned(std::size_t bytes) const;
  Result<> free_pinned(void* memory) const;
  Result<> to_device(Address to, const void* from, std::size_t bytes) const;
  Result<> to_host(void* to, Address from, std::size_t bytes) const;
  Result<> launch(Function function, unsigned blocks, unsigned threads, void** arguments) const;
  Result<> synchronize() const;

 private:
  struct Api {
    int (*init)(unsigned) = nullptr;
    int (*error_name)(int, const char**) = nullptr;
    int (*error_string)(int, const char**) = nullptr;
    int (*driver_version)(int*) = nullptr;
    int (*count)(int*) = nullptr;
    int (*device)(Device*, int) = nullptr;
    int (*name)(char*, int, Device) = nullptr;
    int (*pci)(char*, int, Device) = nullptr;
    int (*context_create)(Context*, unsigned, Device) = nullptr;
    int (*context_destroy)(Context) = nullptr;
    int (*module_load)(Module*, const void*) = nullptr;
    int (*function)(Function*, Module, const char*) = nullptr;
    int (*allocate)(Address*, std::size_t) = nullptr;
    int (*free)(Address) = nullptr;
    int (*allocate_pinned)(void**, std::size_t, unsigned) = nullptr;
    int (*free_pinned)(void*) = nullptr;
    int (*to_device)(Address, const void*, std::size_t) = nullptr;
    int (*to_host)(void*, Address, std::size_t) = nullptr;
    int (*launch)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*,
                  void**, void**) = nullptr;
    int (*synchronize)() = nullptr;
  };
  Cuda(Library library, const Api& api) : library_(std::move(library)), api_(api) {}
  Result<> check(int code, const char* call) const;

  Library library_;
  Api api_;
};

}  // namespace bringup::gpu
