// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernels of the native proof on the CPU: those over memory from their own source, one thread after the
// other; the products of the tensor cores as plain sums.
#define BRINGUP_KERNELS_ON_CPU

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fake {

#include <bringup/measure/kernels/exact.cu>
#include <bringup/measure/kernels/memory.cu>
#include <bringup/measure/kernels/numbers.cu>

template <typename T>
T argument(void** arguments, int index) {
  T value;
  std::memcpy(&value, arguments[index], sizeof value);
  return value;
}

// Calls `kernel` with what `arguments` point to, in each thread's place.
template <typename... A, std::size_t... I>
void each_thread(void (*kernel)(A...), void** arguments, unsigned blocks, unsigned threads,
                 std::index_sequence<I...>) {
  for (unsigned block = 0; block < blocks; ++block) {
    for (unsigned thread = 0; thread < threads; ++thread) {
      place = {thread, threads, block, blocks};
      kernel(argument<A>(arguments, static_cast<int>(I))...);
    }
  }
}

using Run = std::function<void(void**, unsigned blocks, unsigned threads)>;

template <typename... A>
Run run_of(void (*kernel)(A...)) {
  return [kernel](void** arguments, unsigned blocks, unsigned threads) {
    each_thread(kernel, arguments, blocks, threads, std::index_sequence_for<A...>());
  };
}

inline float number(U32 type, const unsigned char* at) {
  if (type == kInt8) return static_cast<float>(static_cast<signed char>(*at));
  U32 bits = 0;
  if (type == kBf16 || type == kFp16) {
    unsigned short half = 0;
    std::memcpy(&half, at, 2);
    if (type == kBf16) return __builtin_bit_cast(float, static_cast<U32>(half) << 16U);
    const int exponent = (half >> 10U) & 31;
    const float size =
        exponent == 0 ? 0 : std::ldexp(static_cast<float>((half & 1023U) | 1024U), exponent - 25);
    return (half & 0x8000U) != 0 ? -size : size;
  }
  std::memcpy(&bits, at, 4);
  return __builtin_bit_cast(float, bits);
}

template <typename Sum>
void product(void** arguments, U32 type, U32 bytes) {
  auto* out = argument<Sum*>(arguments, 0);
  const auto* p = argument<const unsigned char*>(arguments, 1);
  const auto* q = argument<const unsigned char*>(arguments, 2);
  const auto n = argument<U32>(arguments, 3);
  std::vector<float> left(std::size_t{n} * n);
  std::vector<float> right(std::size_t{n} * n);
  for (std::size_t i = 0; i < left.size(); ++i) {
    left[i] = number(type, p + i * bytes);
    right[i] = number(type, q + i * bytes);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      float sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += left[i * n + k] * right[j * n + k];
      out[i * n + j] = static_cast<Sum>(sum);
    }
  }
}

// 32 threads compute all that there is to compute.
inline void chains_of(void** arguments, unsigned blocks, unsigned threads) {
  auto* to = argument<float*>(arguments, 0);
  each_thread(chains, arguments, 1, 32, std::index_sequence<0, 1, 2>());
  for (std::size_t i = 32; i < std::size_t{blocks} * threads; ++i) to[i] = to[i % 32];
}

inline const std::map<std::string, Run>& kernels() {
  static const std::map<std::string, Run> all{
      {"fill", run_of(fill)},
      {"compare", run_of(compare)},
      {"invert", run_of(invert)},
      {"read", run_of(read)},
      {"write", run_of(write)},
      {"copy", run_of(copy)},
      {"digest", run_of(digest)},
      {"fill_share", run_of(fill_share)},
      {"compare_sum", run_of(compare_sum)},
      {"compare_gathered", run_of(compare_gathered)},
      {"add", run_of(add)},
      {"chains", chains_of},
      {"fill_matrix", run_of(fill_matrix)},
      {"compare_product", run_of(compare_product)},
      {"exact_product", run_of(exact_product)},
      {"product_bf16", [](void** a, unsigned, unsigned) { product<float>(a, kBf16, 2); }},
      {"product_fp16", [](void** a, unsigned, unsigned) { product<float>(a, kFp16, 2); }},
      {"product_tf32", [](void** a, unsigned, unsigned) { product<float>(a, kTf32, 4); }},
      {"product_int8", [](void** a, unsigned, unsigned) { product<int>(a, kInt8, 1); }}};
  return all;
}

}  // namespace fake
