// SPDX-License-Identifier: Apache-2.0
// Prototypes and numbers are cuBLASLt's public interface (docs.nvidia.com/cuda/cublas), the same in 11, 12
// and 13.
#include <bringup/gpu/cublaslt.hpp>

#include <fmt/format.h>

#include <bit>

namespace bringup::gpu {
namespace {

constexpr int kTransposeA = 3;        // CUBLASLT_MATMUL_DESC_TRANSA
constexpr int kMostScratch = 1;       // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
constexpr int kTransposed = 1;        // CUBLAS_OP_T
constexpr int kNotSupported = 15;     // CUBLAS_STATUS_NOT_SUPPORTED
constexpr int kAllocationFailed = 3;  // CUBLAS_STATUS_ALLOC_FAILED

struct Choice {  // cublasLtMatmulHeuristicResult_t
  std::array<std::uint64_t, 8> algorithm;
  std::size_t scratch_bytes;
  int state;
  float waves;
  std::array<int, 4> reserved;
};
static_assert(sizeof(Choice) == 96);

}  // namespace

struct CublasLt::Api {
  std::size_t (*version)() = nullptr;
  int (*create)(void**) = nullptr;
  int (*description_create)(void**, int, int) = nullptr;
  int (*description_set)(void*, int, const void*, std::size_t) = nullptr;
  int (*layout_create)(void**, int, std::uint64_t, std::uint64_t, std::int64_t) = nullptr;
  int (*preference_create)(void**) = nullptr;
  int (*preference_set)(void*, int, const void*, std::size_t) = nullptr;
  int (*choose)(void*, void*, void*, void*, void*, void*, void*, int, Choice*, int*) = nullptr;
  int (*multiply)(void*, void*, const void*, const void*, void*, const void*, void*, const void*, const void*,
                  void*, void*, void*, const void*, void*, std::size_t, void*) = nullptr;
};

CublasLt::CublasLt(Library library, std::unique_ptr<Api> api)
    : library_(std::move(library)), api_(std::move(api)) {}
CublasLt::CublasLt(CublasLt&&) noexcept = default;
CublasLt::~CublasLt() = default;  // the handle goes with the process

Result<> CublasLt::check(int code, const char* call) const {
  if (code == 0) return ok;
  const Errc kind = code == kNotSupported       ? Errc::unsupported
                    : code == kAllocationFailed ? Errc::busy
                                                : Errc::failed;
  return Error(kind, fmt::format("{}: cuBLAS status {}", call, code));
}

Result<CublasLt> CublasLt::open(const std::string& name) {
  Library library = TRY(Library::open(name));
  auto api = std::make_unique<Api>();
  TRY(library.bind(api->version, "cublasLtGetVersion"));
  TRY(library.bind(api->create, "cublasLtCreate"));
  TRY(library.bind(api->description_create, "cublasLtMatmulDescCreate"));
  TRY(library.bind(api->description_set, "cublasLtMatmulDescSetAttribute"));
  TRY(library.bind(api->layout_create, "cublasLtMatrixLayoutCreate"));
  TRY(library.bind(api->preference_create, "cublasLtMatmulPreferenceCreate"));
  TRY(library.bind(api->preference_set, "cublasLtMatmulPreferenceSetAttribute"));
  TRY(library.bind(api->choose, "cublasLtMatmulAlgoGetHeuristic"));
  TRY(library.bind(api->multiply, "cublasLtMatmul"));
  CublasLt made(std::move(library), std::move(api));
  const std::size_t version = made.api_->version();
  // 130100 is 13.1.0; 11 and 12 counted 120804 as well, the earliest 11 wrote 11402
  made.version_ = version >= 100000
                      ? fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100)
                      : fmt::format("{}.{}.{}", version / 1000, version / 100 % 10, version % 100);
  made.path_ = made.library_.path_of(reinterpret_cast<const void*>(made.api_->version));
  TRY(made.check(made.api_->create(&made.handle_), "cublasLtCreate"));
  return made;
}

Result<CublasLt::Product> CublasLt::prepare(Kind kind, int n, Scratch scratch) const {
  Product product;
  product.kind_ = kind;
  product.scratch_ = scratch;
  const Number scale = kind.compute == Compute::int32 ? Number::int32 : Number::fp32;
  TRY(check(api_->description_create(&product.description_, static_cast<int>(kind.compute),
                                     static_cast<int>(scale)),
            "cublasLtMatmulDescCreate"));
  TRY(check(api_->description_set(product.description_, kTransposeA, &kTransposed, sizeof kTransposed),
            "cublasLtMatmulDescSetAttribute"));
  const auto size = static_cast<std::uint64_t>(n);
  TRY(check(api_->layout_create(&product.input_, static_cast<int>(kind.in), size, size, n),
            "cublasLtMatrixLayoutCreate"));
  TRY(check(api_->layout_create(&product.output_, static_cast<int>(kind.out), size, size, n),
            "cublasLtMatrixLayoutCreate"));
  void* preference = nullptr;
  TRY(check(api_->preference_create(&preference), "cublasLtMatmulPreferenceCreate"));
  TRY(check(api_->preference_set(preference, kMostScratch, &scratch.bytes, sizeof scratch.bytes),
            "cublasLtMatmulPreferenceSetAttribute"));
  Choice choice{};
  int found = 0;
  TRY(check(api_->choose(handle_, product.description_, product.input_, product.input_, product.output_,
                         product.output_, preference, 1, &choice, &found),
            "cublasLtMatmulAlgoGetHeuristic"));
  if (found == 0) return Error(Errc::unsupported, "cuBLASLt has no algorithm for these types on this GPU");
  product.algorithm_ = choice.algorithm;
  return product;
}

Result<> CublasLt::multiply(const Product& product, Cuda::Address out, Cuda::Address a, Cuda::Address b,
                            Cuda::Stream stream) const {
  const float one = 1;
  const float zero = 0;
  const int whole_one = 1;
  const int whole_zero = 0;
  const bool whole = product.kind_.compute == Compute::int32;
  const void* alpha = whole ? static_cast<const void*>(&whole_one) : &one;
  const void* beta = whole ? static_cast<const void*>(&whole_zero) : &zero;
  const auto at = [](Cuda::Address address) { return std::bit_cast<void*>(address); };
  return check(
      api_->multiply(handle_, product.description_, alpha, at(a), product.input_, at(b), product.input_, beta,
                     at(out), product.output_, at(out), product.output_, product.algorithm_.data(),
                     at(product.scratch_.at), product.scratch_.bytes, stream),
      "cublasLtMatmul");
}

}  // namespace bringup::gpu
