// SPDX-License-Identifier: Apache-2.0
#pragma once
// Matrix products through cuBLASLt, opened at run time from wherever the user's environment keeps it.

#include <bringup/gpu/cuda.hpp>

#include <array>
#include <memory>

namespace bringup::gpu {

class CublasLt {
 public:
  // Numbers of cudaDataType_t.
  enum class Number { fp32 = 0, fp16 = 2, int8 = 3, int32 = 10, bf16 = 14, fp8 = 28 };
  // Numbers of cublasComputeType_t.
  enum class Compute { fp32 = 68, int32 = 72, tf32 = 77 };
  struct Kind {
    Number in = Number::bf16;
    Number out = Number::bf16;
    Compute compute = Compute::fp32;
  };
  // Where the scratch memory is and how much of it.
  struct Scratch {
    Cuda::Address at = 0;
    std::size_t bytes = 0;
  };

  // Works in the context that is current. Errc::absent: no library; Errc::unsupported: one that lacks a
  // function.
  static Result<CublasLt> open(const std::string& library);
  ~CublasLt();
  CublasLt(CublasLt&&) noexcept;
  CublasLt& operator=(CublasLt&&) = delete;

  const std::string& version() const { return version_; }  // "13.1.0"
  const std::string& path() const { return path_; }        // the file that was opened

  // A product of n x n matrices that was prepared: out[j * n + i] is the sum over k of a[i * n + k] * b[j * n
  // + k]. Errc::unsupported: cuBLASLt has no algorithm for these types on this GPU.
  class Product;
  Result<Product> prepare(Kind kind, int n, Scratch scratch) const;
  Result<> multiply(const Product& product, Cuda::Address out, Cuda::Address a, Cuda::Address b,
                    Cuda::Stream stream) const;

 private:
  struct Api;
  CublasLt(Library library, std::unique_ptr<Api> api);
  Result<> check(int code, const char* call) const;

  Library library_;
  std::unique_ptr<Api> api_;
  void* handle_ = nullptr;
  std::string version_;
  std::string path_;
};

class CublasLt::Product {
 public:
  Product() = default;

 private:
  friend class CublasLt;
  Kind kind_;
  Scratch scratch_;
  // Descriptions live until the process ends: a child makes a dozen of them and leaves.
  void* description_ = nullptr;
  void* input_ = nullptr;
  void* output_ = nullptr;
  std::array<std::uint64_t, 8> algorithm_{};
};

}  // namespace bringup::gpu
