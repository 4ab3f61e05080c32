// SPDX-License-Identifier: Apache-2.0
// Matrix products: how fast on random data, and whether every element of a product of whole numbers is the
// exact one. The exact product is computed on the integer units and checked against the CPU.
#include <bringup/gpu/cublaslt.hpp>
#include <bringup/measure/libraries.hpp>
#include <bringup/measure/phases.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace bringup::measure {
namespace {

using gpu::CublasLt;
using gpu::Cuda;

constexpr std::uint32_t kSeedA = 0xA5EED000U;
constexpr std::uint32_t kSeedB = 0xB5EED000U;
constexpr std::size_t kScratchBytes = std::size_t{64} << 20U;
constexpr int kSamples = 5;
constexpr std::uint64_t kQuad = 16;

// The kernels' numbers of types, in kernels/numbers.cu.
enum Kernel : std::uint32_t { kBf16, kFp16, kTf32, kFp32, kFp8, kInt8, kInt32 };

struct Kind {
  const char* name;
  Kernel in;
  std::size_t in_bytes;
  Kernel out;  // of cuBLASLt's product
  std::size_t out_bytes;
  CublasLt::Kind library;
  const char* own;  // our kernel; null when there is none
  Kernel own_out;
  int since;         // the compute capability that has it in hardware
  int size_divisor;  // how much smaller than others its matrices are, for the time
};
using N = CublasLt::Number;
using C = CublasLt::Compute;
constexpr std::array kKinds{
    Kind{"bf16", kBf16, 2, kBf16, 2, {N::bf16, N::bf16, C::fp32}, "product_bf16", kFp32, 80, 1},
    Kind{"fp16", kFp16, 2, kFp16, 2, {N::fp16, N::fp16, C::fp32}, "product_fp16", kFp32, 70, 1},
    Kind{"tf32", kTf32, 4, kFp32, 4, {N::fp32, N::fp32, C::tf32}, "product_tf32", kFp32, 80, 1},
    Kind{"fp32", kFp32, 4, kFp32, 4, {N::fp32, N::fp32, C::fp32}, nullptr, kFp32, 0, 2},
    Kind{"fp8", kFp8, 1, kBf16, 2, {N::fp8, N::bf16, C::fp32}, nullptr, kFp32, 89, 1},
    Kind{"int8", kInt8, 1, kInt32, 4, {N::int8, N::int32, C::int32}, "product_int8", kInt32, 72, 1}};

// Two matrices, room for their product and for the library's scratch.
struct Operands {
  Block a, b, out, scratch;
};

class Matrices {
 public:
  Matrices(Bench& bench, const Extent& extent, const std::vector<std::string>& libraries)
      : bench_(bench), extent_(extent), library_(open_first<CublasLt>(libraries, &passed_over_)) {}

  facts::MatrixRate of(const Kind& kind, facts::Exposure& exposure) {
    facts::MatrixRate rate{.type = kind.name, .by = "", .path = ""};
    if (bench_.capability() < kind.since) {
      return without(
          std::move(rate),
          {Errc::unsupported, fmt::format("a GPU of compute capability {}.{} has no {}",
                                          bench_.capability() / 10, bench_.capability() % 10, kind.name)});
    }
    if (library_) {
      rate.by = "cuBLASLt " + library_->version();
      if (!passed_over_.empty()) rate.by += fmt::format(" (no cuBLASLt: {})", passed_over_);
      rate.path = library_->path();
    } else if (kind.own != nullptr && bench_.capability() >= 80) {
      rate.by = fmt::format("own mma kernel (no cuBLASLt: {})", library_.error().message());
    } else if (kind.in == kFp32) {
      return chains(exposure);
    } else {
      return without(
          std::move(rate),
          {Errc::absent, fmt::format("no cuBLASLt ({}), and no kernel of our own for {} on this GPU",
                                     library_.error().message(), kind.name)});
    }
    if (const auto done = measure(kind, rate, exposure); !done) {
      if (!rate.operations) rate.operations = done.error();
      if (!rate.right) rate.right = done.error();
      if (!rate.digest) rate.digest = done.error();
    }
    return rate;
  }

 private:
  using Multiply = std::function<Result<>()>;

  static facts::MatrixRate without(facts::MatrixRate rate, const Error& why) {
    rate.operations = why;
    rate.right = why;
    rate.digest = why;
    return rate;
  }

  Result<> measure(const Kind& kind, facts::MatrixRate& rate, facts::Exposure& exposure) {
    const int n = TRY(size_for(kind));
    rate.size = n;
    const std::size_t elements = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
    const std::size_t out_bytes = library_ ? kind.out_bytes : 4;
    const Operands operands{.a = TRY(bench_.take(elements * kind.in_bytes)),
                            .b = TRY(bench_.take(elements * kind.in_bytes)),
                            .out = TRY(bench_.take(elements * out_bytes)),
                            .scratch = TRY(bench_.take(std::min(kScratchBytes, elements * 4)))};
    const Multiply multiply = TRY(way(kind, n, operands));
    TRY(fill(kind, operands.a.at(), operands.b.at(), n, false));
    rate.operations = rate_of_products(n, multiply, exposure);
    if (!rate.operations) return rate.operations.error();
    rate.digest = digest(operands.out);
    TRY(fill(kind, operands.a.at(), operands.b.at(), n, true));
    TRY(bench_.cuda().set_bytes(operands.out.at(), 0xA5, operands.out.bytes(), bench_.stream()));
    TRY(multiply());
    if (extent_.faults.contains("product")) TRY(spoil(operands.out));
    rate.right = compare(kind, operands, n);
    if (rate.right) exposure.results_compared += *rate.right;
    return ok;
  }

  // As large as was asked for, or as the free memory allows.
  Result<int> size_for(const Kind& kind) const {
    const std::size_t free = TRY(bench_.cuda().memory()).free;
    for (int n = extent_.matrix_size / kind.size_divisor; n >= 256; n /= 2) {
      const auto elements = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
      if (elements * 24 <= free) return n;  // fp32 in and out, int8 twice, the exact product, scratch
    }
    return Error(Errc::busy, fmt::format("only {} MiB of the GPU's memory are free", free >> 20U));
  }

  Result<Multiply> way(const Kind& kind, int n, const Operands& operands) {
    if (library_) {
      const auto product = TRY(library_->prepare(
          kind.library, n, {.at = operands.scratch.at(), .bytes = operands.scratch.bytes()}));
      return Multiply([this, product, &operands] {
        return library_->multiply(product, operands.out.at(), operands.a.at(), operands.b.at(),
                                  bench_.stream());
      });
    }
    const auto size = static_cast<unsigned>(n);
    constexpr unsigned kTileRows = 128;
    constexpr unsigned kTileColumns = 256;
    constexpr unsigned kShared = 4 * (kTileRows + kTileColumns) * 64;
    const Cuda::Grid grid{
        .blocks = size / kTileRows * (size / kTileColumns), .threads = 256, .shared_bytes = kShared};
    const std::uint64_t row_bytes = std::uint64_t{size} * kind.in_bytes;
    // The second matrix gives the rows, so that the product lies as cuBLASLt's does.
    return Multiply([this, grid, size, row_bytes, &kind, &operands] {
      return bench_.run(kind.own, grid, operands.out.at(), operands.b.at(), operands.a.at(), size, row_bytes);
    });
  }

  Result<> fill(const Kind& kind, Cuda::Address a, Cuda::Address b, int n, bool whole) {
    const std::uint64_t words =
        static_cast<std::uint64_t>(n) * static_cast<std::uint64_t>(n) * kind.in_bytes / 4;
    const std::uint32_t only_whole = whole ? 1 : 0;
    const std::uint32_t type = kind.in;
    TRY(bench_.run("fill_matrix", bench_.wide(), a, words, kSeedA, type, only_whole));
    return bench_.run("fill_matrix", bench_.wide(), b, words, kSeedB, type, only_whole);
  }

  Result<facts::Rate> rate_of_products(int n, const Multiply& multiply, facts::Exposure& exposure) {
    TRY(multiply());  // loads the library's kernel
    const double once = TRY(bench_.time(multiply));
    const double wanted = extent_.matrix_seconds / (kSamples + 1);
    const int count = std::clamp(static_cast<int>(wanted / std::max(once, 1e-9)), 1, 1000);
    const double operations = 2.0 * std::pow(static_cast<double>(n), 3) * count;
    exposure.operations += operations * (kSamples + 1);
    return bench_.rate(operations, kSamples, [&]() -> Result<> {
      for (int i = 0; i < count; ++i) TRY(multiply());
      return ok;
    });
  }

  facts::Reading<std::string> digest(const Block& out) {
    const auto sum = TRY(bench_.sum("digest", bench_.wide(), out.at(), std::uint64_t{out.bytes() / kQuad}));
    return fmt::format("{:016x}", sum);
  }

  // A fault on purpose, in the product's first element.
  Result<> spoil(const Block& out) {
    std::uint32_t word = 0;
    TRY(bench_.synchronize());
    TRY(bench_.cuda().to_host(&word, out.at(), sizeof word));
    word ^= 0x00800080U;  // another number in every type
    return bench_.cuda().to_device(out.at(), &word, sizeof word);
  }

  facts::Reading<std::uint64_t> compare(const Kind& kind, const Operands& operands, int n) {
    const Block* exact = TRY(exact_product(n));
    const std::uint64_t count = static_cast<std::uint64_t>(n) * static_cast<std::uint64_t>(n);
    const std::uint32_t type = library_ ? kind.out : kind.own_out;
    const Found found =
        TRY(bench_.compare("compare_product", bench_.wide(), exact->at(), operands.out.at(), count, type));
    if (found.wrong == 0) return count;
    return Error(
        Errc::failed,
        fmt::format("wrong result: {} of {} elements of a {} product are not the exact ones, first row {} "
                    "column {}",
                    found.wrong, count, kind.name, found.first % static_cast<std::uint64_t>(n),
                    found.first / static_cast<std::uint64_t>(n)));
  }

  // Computed once for each size; checked against the CPU where it is cheap: 16 rows times 16 columns.
  Result<const Block*> exact_product(int n) {
    if (const auto known = exact_.find(n); known != exact_.end()) return &known->second;
    const auto size = static_cast<std::size_t>(n);
    const Block a = TRY(bench_.take(size * size));
    const Block b = TRY(bench_.take(size * size));
    Block out = TRY(bench_.take(size * size * 4));
    TRY(fill(kKinds.back(), a.at(), b.at(), n, true));
    const auto sides = static_cast<std::uint32_t>(n);
    const unsigned blocks = std::max(1U, sides / 8 * (sides / 8) / 256);
    TRY(bench_.run("exact_product", {.blocks = blocks, .threads = 256}, out.at(), a.at(), b.at(), sides));
    TRY(bench_.synchronize());
    TRY(check_by_cpu(a, b, out, size));
    return &exact_.emplace(n, std::move(out)).first->second;
  }

  Result<> check_by_cpu(const Block& a, const Block& b, const Block& out, std::size_t n) {
    constexpr std::size_t kChecked = 16;
    const Cuda& cuda = bench_.cuda();
    std::array<std::vector<std::int8_t>, kChecked> rows;
    std::vector<std::int8_t> column(n);
    std::vector<std::int32_t> results(n);
    const auto chosen = [n](std::size_t i) { return (i * 2654435761U + i) % n; };
    for (std::size_t i = 0; i < kChecked; ++i) {
      rows[i].resize(n);
      TRY(cuda.to_host(rows[i].data(), a.at() + chosen(i) * n, n));
    }
    for (std::size_t j = 0; j < kChecked; ++j) {
      TRY(cuda.to_host(column.data(), b.at() + chosen(j + 1) * n, n));
      TRY(cuda.to_host(results.data(), out.at() + chosen(j + 1) * n * 4, n * 4));
      for (std::size_t i = 0; i < kChecked; ++i) {
        std::int32_t right = 0;
        for (std::size_t k = 0; k < n; ++k) right += std::int32_t{rows[i][k]} * std::int32_t{column[k]};
        if (results[chosen(i)] == right) continue;
        return Error(Errc::failed,
                     fmt::format("wrong result: the exact product has {} at row {} column {} where the CPU "
                                 "computes {}",
                                 results[chosen(i)], chosen(i), chosen(j + 1), right));
      }
    }
    return ok;
  }

  // fp32 without a library: chains of multiply-adds, as many threads as fit.
  facts::MatrixRate chains(facts::Exposure& exposure) {
    facts::MatrixRate rate{.type = "fp32", .by = "own multiply-add kernel", .path = ""};
    rate.digest = Error(Errc::unsupported, "chains of multiply-adds have no product");
    const auto measured = [&]() -> Result<facts::Rate> {
      const auto grid = bench_.wide(8);
      const std::size_t threads = std::size_t{grid.blocks} * grid.threads;
      const Block out = TRY(bench_.take(threads * sizeof(float)));
      const std::uint32_t rounds = 8192;
      const float factor = 0.99951171875F;
      const double operations = static_cast<double>(threads) * rounds * 16;
      exposure.operations += operations * (kSamples + 1);
      return bench_.rate(operations, kSamples,
                         [&] { return bench_.run("chains", grid, out.at(), rounds, factor); });
    };
    rate.operations = measured();
    rate.right = Error(Errc::absent, "compared by the first kernel");
    return rate;
  }

  Bench& bench_;
  const Extent& extent_;
  std::string passed_over_;
  Result<CublasLt> library_;
  std::map<int, Block> exact_;
};

// What a further round measured, put to what is known: a product that is not the same again is an error.
void put_to(facts::MatrixRate& known, const facts::MatrixRate& more) {
  if (!known.operations || !more.operations) {
    if (known.operations) known.operations = more.operations;
  } else {
    std::vector<double> samples = known.operations->samples;
    samples.insert(samples.end(), more.operations->samples.begin(), more.operations->samples.end());
    known.operations = rate_of(std::move(samples));
  }
  if (!more.right || !known.right) {
    if (known.right) known.right = more.right;
  } else {
    *known.right += *more.right;
  }
  if (known.digest && more.digest && *known.digest != *more.digest) {
    known.right =
        Error(Errc::failed, fmt::format("wrong result: the same {} product gave {} first and {} later",
                                        known.type, *known.digest, *more.digest));
  }
}

}  // namespace

void rate_matrices(Bench& bench, const Extent& extent, const std::vector<std::string>& libraries,
                   facts::NativeGpu& gpu) {
  Matrices matrices(bench, extent, libraries);
  for (const std::string& type : extent.types) {
    const auto* kind = std::ranges::find(kKinds, type, &Kind::name);
    if (kind == kKinds.end()) continue;
    facts::MatrixRate rate = matrices.of(*kind, gpu.exposure);
    const auto known = std::ranges::find(gpu.matrices, type, &facts::MatrixRate::type);
    if (known == gpu.matrices.end())
      gpu.matrices.push_back(std::move(rate));
    else
      put_to(*known, rate);
  }
}

}  // namespace bringup::measure
