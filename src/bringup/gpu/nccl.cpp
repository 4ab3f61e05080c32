// SPDX-License-Identifier: Apache-2.0
// Prototypes and numbers are NCCL's public interface (nccl.h), the same in all of 2.
#include <bringup/gpu/nccl.hpp>

#include <fmt/format.h>

#include <bit>

namespace bringup::gpu {
namespace {

constexpr int kFloat = 7;  // ncclFloat32
constexpr int kSum = 0;    // ncclSum

const void* readable(Cuda::Address address) {
  return std::bit_cast<const void*>(address);
}
void* writable(Cuda::Address address) {
  return std::bit_cast<void*>(address);
}

}  // namespace

Result<Nccl> Nccl::open(const std::string& name) {
  Library library = TRY(Library::open(name));
  Api api;
  TRY(library.bind(api.version, "ncclGetVersion"));
  TRY(library.bind(api.make_id, "ncclGetUniqueId"));
  TRY(library.bind(api.join, "ncclCommInitRank"));
  TRY(library.bind(api.all_reduce, "ncclAllReduce"));
  TRY(library.bind(api.all_gather, "ncclAllGather"));
  TRY(library.bind(api.error_string, "ncclGetErrorString"));
  library.bind_optional(api.last_error, "ncclGetLastError");  // since 2.13
  Nccl made(std::move(library), api);
  int version = 0;
  TRY(made.check(made.api_.version(&version), "ncclGetVersion"));
  // 22809 is 2.28.9; until 2.8 it was 2708
  made.version_ = version >= 10000
                      ? fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100)
                      : fmt::format("{}.{}.{}", version / 1000, version / 100 % 10, version % 100);
  made.path_ = made.library_.path_of(reinterpret_cast<const void*>(made.api_.version));
  return made;
}

Result<> Nccl::check(int code, const char* call) const {
  if (code == 0) return ok;
  const char* words = api_.error_string(code);
  const char* last = api_.last_error == nullptr ? nullptr : api_.last_error(communicator_);
  return Error(Errc::failed,
               fmt::format("{}: {} ({}){}{}", call, words == nullptr ? "NCCL error" : words, code,
                           last == nullptr || *last == 0 ? "" : ": ", last == nullptr ? "" : last));
}

Result<Nccl::Id> Nccl::make_id() const {
  Wire wire{};
  TRY(check(api_.make_id(&wire), "ncclGetUniqueId"));
  return wire.bytes;
}
Result<> Nccl::join(const Id& id, int ranks, int rank) {
  return check(api_.join(&communicator_, ranks, Wire{id}, rank), "ncclCommInitRank");
}
Result<> Nccl::all_reduce(Cuda::Address to, Cuda::Address from, std::size_t count,
                          Cuda::Stream stream) const {
  return check(api_.all_reduce(readable(from), writable(to), count, kFloat, kSum, communicator_, stream),
               "ncclAllReduce");
}
Result<> Nccl::all_gather(Cuda::Address to, Cuda::Address from, std::size_t count,
                          Cuda::Stream stream) const {
  return check(api_.all_gather(readable(from), writable(to), count, kFloat, communicator_, stream),
               "ncclAllGather");
}

}  // namespace bringup::gpu
