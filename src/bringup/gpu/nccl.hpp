// SPDX-License-Identifier: Apache-2.0
#pragma once
// NCCL, opened at run time: one rank of one communicator.

#include <bringup/gpu/cuda.hpp>

#include <array>

namespace bringup::gpu {

class Nccl {
 public:
  using Id = std::array<char, 128>;  // ncclUniqueId

  static Result<Nccl> open(const std::string& library);
  const std::string& version() const { return version_; }  // "2.28.9"
  const std::string& path() const { return path_; }

  // What all ranks must be given.
  Result<Id> make_id() const;
  // Waits for the other ranks. Works in the context that is current.
  Result<> join(const Id& id, int ranks, int rank);
  // Sums of fp32; `to` may be `from`.
  Result<> all_reduce(Cuda::Address to, Cuda::Address from, std::size_t count, Cuda::Stream stream) const;
  // `count` elements of each rank.
  Result<> all_gather(Cuda::Address to, Cuda::Address from, std::size_t count, Cuda::Stream stream) const;

 private:
  struct Wire {
    Id bytes;
  };
  struct Api {
    int (*version)(int*) = nullptr;
    int (*make_id)(Wire*) = nullptr;
    int (*join)(void**, int, Wire, int) = nullptr;
    int (*all_reduce)(const void*, void*, std::size_t, int, int, void*, void*) = nullptr;
    int (*all_gather)(const void*, void*, std::size_t, int, void*, void*) = nullptr;
    const char* (*error_string)(int) = nullptr;
    const char* (*last_error)(void*) = nullptr;
  };
  Nccl(Library library, const Api& api) : library_(std::move(library)), api_(api) {}
  Result<> check(int code, const char* call) const;

  Library library_;
  Api api_;
  void* communicator_ = nullptr;  // goes with the process: taking it apart can hang
  std::string version_;
  std::string path_;
};

}  // namespace bringup::gpu
