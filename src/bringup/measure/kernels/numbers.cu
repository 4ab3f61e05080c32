// SPDX-License-Identifier: Apache-2.0
// Kernels over numbers: digests, what ranks contribute and whether their sums are right, matrices filled and
// their products compared. `tools/kernels` makes numbers.ptx of it.
#include "pattern.h"

// A sum over all quads in which each counts with its index: equal memory gives equal digests, in whatever
// order the threads come.
KERNEL digest(const Quad* from, U64 count, U64* sum) {
  U64 total = 0;
  for (U64 i = own(); i < count; i += stride()) {
    const Quad q = from[i];
    U64 word = (U64{q.x} | (U64{q.y} << 32U)) * 0x9E3779B97F4A7C15ULL;
    word ^= (U64{q.z} | (U64{q.w} << 32U)) + i * 0xD1B54A32D192ED03ULL;
    word ^= word >> 29U;
    total += word * 0xBF58476D1CE4E5B9ULL;
  }
  add_to(sum, total);
}

// What `rank` contributes as element i: a small whole number, so that sums are exact in whatever order.
DEVICE float share(U64 i, U32 rank) {
  U32 x = static_cast<U32>(i) * 0x9E3779B9U + rank * 0x632BE5ABU + static_cast<U32>(i >> 32U);
  x ^= x >> 15U;
  x *= 0x85EBCA6BU;
  return static_cast<float>((x >> 20U) & 255U);
}

KERNEL fill_share(float* to, U64 count, U32 rank) {
  for (U64 i = own(); i < count; i += stride()) to[i] = share(i, rank);
}

KERNEL compare_sum(const float* from, U64 count, U32 ranks, Found* found) {
  for (U64 i = own(); i < count; i += stride()) {
    float right = 0;
    for (U32 rank = 0; rank < ranks; ++rank) right += share(i, rank);
    if (from[i] != right) take_note(found, i);
  }
}

// `count` elements of each rank, one rank after the other.
KERNEL compare_gathered(const float* from, U64 count, U32 ranks, Found* found) {
  for (U64 i = own(); i < count * ranks; i += stride()) {
    if (from[i] != share(i % count, static_cast<U32>(i / count))) take_note(found, i);
  }
}

// One step of a ring: adds what `from` holds, in another GPU's memory, to `to`.
KERNEL add(Floats* to, const Floats* from, U64 count) {
  for (U64 i = own(); i < count; i += stride()) {
    const Floats a = to[i], b = from[i];
    to[i] = {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
  }
}

// ---- matrices: filled, and their products compared -------------------------------------------------------

enum Type : U32 { kBf16, kFp16, kTf32, kFp32, kFp8, kInt8, kInt32 };

DEVICE U32 scrambled(U64 index, U32 seed) {
  return pattern(index, seed, 0).w;
}

DEVICE U32 bits_of(float value) {
  return __builtin_bit_cast(U32, value);
}

// `value` as fp16, rounded to the nearest even; those too small for a normal number become 0.
DEVICE U32 half_bits(float value) {
  const U32 bits = bits_of(value);
  const U32 sign = (bits >> 16U) & 0x8000U;
  const U32 rounded = (bits & 0x7FFFFFFFU) + 0xFFFU + ((bits >> 13U) & 1U);
  if (rounded < 0x38800000U) return sign;
  if (rounded >= 0x47800000U) return sign | 0x7C00U;
  return sign | ((rounded >> 13U) - (112U << 10U));
}

DEVICE U32 brain_bits(float value) {
  const U32 bits = bits_of(value);
  return (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
}

// One element of `type` from a random word: any value in -1..1, or, when `whole`, a whole number in -4..4.
DEVICE U32 element(U32 word, U32 type, U32 whole) {
  const int number = static_cast<int>((word >> 8U) % 9U) - 4;
  const float value =
      whole != 0 ? static_cast<float>(number) : static_cast<float>(static_cast<int>(word)) * 0x1p-31F;
  if (type == kBf16) return brain_bits(value);
  if (type == kFp16) return half_bits(value);
  if (type == kTf32 || type == kFp32) return bits_of(value);
  if (type == kInt8) return whole != 0 ? static_cast<U32>(number) & 255U : word >> 24U;
  // e4m3: sign, four bits of exponent with bias 7, three of mantissa
  if (whole == 0) return ((word >> 24U) & 0x87U) | (((word >> 16U) % 5U + 3U) << 3U);
  const U32 size = static_cast<U32>(number < 0 ? -number : number);
  const U32 code = size == 0 ? 0U : size == 1 ? 0x38U : size == 2 ? 0x40U : size == 3 ? 0x44U : 0x48U;
  return number < 0 ? code | 0x80U : code;
}

// Fills `words` 32-bit words with elements of `type`. The element with index e depends on e and `seed` alone,
// so matrices of different types hold the same whole numbers.
KERNEL fill_matrix(U32* to, U64 words, U32 seed, U32 type, U32 whole) {
  const U32 per_word = type == kTf32 || type == kFp32 ? 1U : type == kBf16 || type == kFp16 ? 2U : 4U;
  for (U64 i = own(); i < words; i += stride()) {
    U32 word = 0;
    for (U32 k = 0; k < per_word; ++k) {
      word |= element(scrambled(i * per_word + k, seed), type, whole) << (k * (32U / per_word));
    }
    to[i] = word;
  }
}

// Compares the product of whole numbers, held as `type`, with the exact one.
KERNEL compare_product(const int* exact, const void* product, U64 count, U32 type, Found* found) {
  for (U64 i = own(); i < count; i += stride()) {
    const float right = static_cast<float>(exact[i]);
    bool same = false;
    if (type == kBf16) same = static_cast<const unsigned short*>(product)[i] == brain_bits(right);
    if (type == kFp16) same = static_cast<const unsigned short*>(product)[i] == half_bits(right);
    if (type == kFp32) same = static_cast<const float*>(product)[i] == right;
    if (type == kInt32) same = static_cast<const int*>(product)[i] == exact[i];
    if (!same) take_note(found, i);
  }
}
