// SPDX-License-Identifier: Apache-2.0
// The part of the driver API that the native proof uses beside the first one's: primary contexts, streams,
// events, copies between GPUs.
#include <bringup/gpu/cuda.hpp>

namespace bringup::gpu {
namespace {

constexpr int kPeerAlreadyEnabled = 704;
constexpr int kMostDynamicShared = 8;        // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
constexpr unsigned kStreamWaitsForNone = 1;  // CU_STREAM_NON_BLOCKING

}  // namespace

Result<Cuda::Context> Cuda::retain_primary(Device device) const {
  Context context = nullptr;
  TRY(check(api_.primary_retain(&context, device), "cuDevicePrimaryCtxRetain"));
  TRY(make_current(context));
  return context;
}
Result<> Cuda::release_primary(Device device) const {
  return check(api_.primary_release(device), "cuDevicePrimaryCtxRelease");
}
Result<> Cuda::make_current(Context context) const {
  return check(api_.set_current(context), "cuCtxSetCurrent");
}
Result<int> Cuda::attribute(Attribute which, Device device) const {
  int value = 0;
  TRY(check(api_.attribute(&value, static_cast<int>(which), device), "cuDeviceGetAttribute"));
  return value;
}
Result<Cuda::Memory> Cuda::memory() const {
  Memory memory;
  TRY(check(api_.memory(&memory.free, &memory.total), "cuMemGetInfo"));
  return memory;
}
Result<> Cuda::allow_shared(Function function, unsigned bytes) const {
  return check(api_.function_attribute(function, kMostDynamicShared, static_cast<int>(bytes)),
               "cuFuncSetAttribute");
}
Result<> Cuda::launch(Function function, Grid grid, Stream stream, void** arguments) const {
  return check(api_.launch(function, grid.blocks, 1, 1, grid.threads, 1, 1, grid.shared_bytes, stream,
                           arguments, nullptr),
               "cuLaunchKernel");
}
Result<Cuda::Stream> Cuda::make_stream() const {
  Stream stream = nullptr;
  TRY(check(api_.stream_create(&stream, kStreamWaitsForNone), "cuStreamCreate"));
  return stream;
}
Result<> Cuda::destroy(Stream stream) const {
  return check(api_.stream_destroy(stream), "cuStreamDestroy");
}
Result<> Cuda::synchronize(Stream stream) const {
  return check(api_.stream_synchronize(stream), "cuStreamSynchronize");
}
Result<Cuda::Event> Cuda::make_event() const {
  Event event = nullptr;
  TRY(check(api_.event_create(&event, 0), "cuEventCreate"));
  return event;
}
Result<> Cuda::destroy_event(Event event) const {
  return check(api_.event_destroy(event), "cuEventDestroy");
}
Result<> Cuda::record(Event event, Stream stream) const {
  return check(api_.event_record(event, stream), "cuEventRecord");
}
Result<> Cuda::wait_for(Stream stream, Event event) const {
  return check(api_.stream_wait(stream, event, 0), "cuStreamWaitEvent");
}
Result<double> Cuda::seconds_between(Event from, Event to) const {
  TRY(check(api_.event_synchronize(to), "cuEventSynchronize"));
  float milliseconds = 0;
  TRY(check(api_.event_elapsed(&milliseconds, from, to), "cuEventElapsedTime"));
  return static_cast<double>(milliseconds) / 1000.0;
}
Result<> Cuda::copy(Address to, Address from, std::size_t bytes, Stream stream) const {
  return check(api_.copy(to, from, bytes, stream), "cuMemcpyAsync");
}
Result<> Cuda::copy_between(Address to, Context to_context, Address from, Context from_context,
                            std::size_t bytes, Stream stream) const {
  return check(api_.copy_peer(to, to_context, from, from_context, bytes, stream), "cuMemcpyPeerAsync");
}
Result<> Cuda::set_bytes(Address to, unsigned char value, std::size_t bytes, Stream stream) const {
  return check(api_.set_bytes(to, value, bytes, stream), "cuMemsetD8Async");
}
Result<bool> Cuda::can_reach(Device from, Device to) const {
  int can = 0;
  TRY(check(api_.can_access(&can, from, to), "cuDeviceCanAccessPeer"));
  return can == 1;
}
Result<> Cuda::reach(Context peer) const {
  const int code = api_.enable_peer(peer, 0);
  return code == kPeerAlreadyEnabled ? ok : check(code, "cuCtxEnablePeerAccess");
}

}  // namespace bringup::gpu
