// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CUDA driver API as an object, opened at run time: what the proofs need of it.

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
  using Stream = void*;                // null: the context's own
  using Event = void*;

  struct Memory {
    std::size_t free = 0;
    std::size_t total = 0;
  };
  // Numbers of CUdevice_attribute, as far as they are asked for.
  enum class Attribute {
    multiprocessors = 16,
    clock_kilohertz = 13,
    memory_clock_kilohertz = 36,
    memory_bus_bits = 37,
    cache_bytes = 38,
    major = 75,
    minor = 76,
    shared_bytes_most = 97,
  };
  struct Grid {
    unsigned blocks = 1;
    unsigned threads = 1;
    unsigned shared_bytes = 0;
  };

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

  Result<Module> load_ptx(const std::string& ptx) const;
  Result<Function> function(Module module, const char* name) const;
  Result<Address> allocate(std::size_t bytes) const;
  Result<> free(Address address) const;
  Result<void*> allocate_pinned(std::size_t bytes) const;
  Result<> free_pinned(void* memory) const;
  Result<> to_device(Address to, const void* from, std::size_t bytes) const;
  Result<> to_host(void* to, Address from, std::size_t bytes) const;

  // The context that libraries of CUDA's run time work in as well. One per device; current in this thread
  // once it was retained.
  Result<Context> retain_primary(Device device) const;
  Result<> release_primary(Device device) const;
  Result<> make_current(Context context) const;
  Result<int> attribute(Attribute which, Device device) const;
  Result<Memory> memory() const;  // of the current context's device
  // The most dynamic shared memory that `function` may be started with.
  Result<> allow_shared(Function function, unsigned bytes) const;
  Result<> launch(Function function, Grid grid, Stream stream, void** arguments) const;

  Result<Stream> make_stream() const;  // that waits for no other
  Result<> destroy(Stream stream) const;
  Result<> synchronize(Stream stream) const;
  Result<Event> make_event() const;
  Result<> destroy_event(Event event) const;
  Result<> record(Event event, Stream stream) const;
  Result<> wait_for(Stream stream, Event event) const;
  Result<double> seconds_between(Event from, Event to) const;  // waits for `to`

  // From and to any memory that CUDA knows, in another GPU's as well.
  Result<> copy(Address to, Address from, std::size_t bytes, Stream stream) const;
  Result<> copy_between(Address to, Context to_context, Address from, Context from_context, std::size_t bytes,
                        Stream stream) const;
  Result<> set_bytes(Address to, unsigned char value, std::size_t bytes, Stream stream) const;

  Result<bool> can_reach(Device from, Device to) const;
  // Lets the current context's kernels and copies reach the memory of `peer`. Twice is no error.
  Result<> reach(Context peer) const;

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
    int (*primary_retain)(Context*, Device) = nullptr;
    int (*primary_release)(Device) = nullptr;
    int (*set_current)(Context) = nullptr;
    int (*attribute)(int*, int, Device) = nullptr;
    int (*memory)(std::size_t*, std::size_t*) = nullptr;
    int (*function_attribute)(Function, int, int) = nullptr;
    int (*stream_create)(Stream*, unsigned) = nullptr;
    int (*stream_destroy)(Stream) = nullptr;
    int (*stream_synchronize)(Stream) = nullptr;
    int (*stream_wait)(Stream, Event, unsigned) = nullptr;
    int (*event_create)(Event*, unsigned) = nullptr;
    int (*event_destroy)(Event) = nullptr;
    int (*event_record)(Event, Stream) = nullptr;
    int (*event_synchronize)(Event) = nullptr;
    int (*event_elapsed)(float*, Event, Event) = nullptr;
    int (*copy)(Address, Address, std::size_t, Stream) = nullptr;
    int (*copy_peer)(Address, Context, Address, Context, std::size_t, Stream) = nullptr;
    int (*set_bytes)(Address, unsigned char, std::size_t, Stream) = nullptr;
    int (*can_access)(int*, Device, Device) = nullptr;
    int (*enable_peer)(Context, unsigned) = nullptr;
  };
  static Result<> bind_first(const Library& library, Api& api);
  static Result<> bind_native(const Library& library, Api& api);
  Cuda(Library library, const Api& api) : library_(std::move(library)), api_(api) {}
  Result<> check(int code, const char* call) const;

  Library library_;
  Api api_;
};

}  // namespace bringup::gpu
