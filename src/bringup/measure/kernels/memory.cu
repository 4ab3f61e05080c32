// SPDX-License-Identifier: Apache-2.0
// Kernels over memory: address-tagged patterns written and compared, reading, copying, sums of ranks, chains
// of fp32 multiply-adds. `tools/kernels` makes memory.ptx of it.
#include "device.h"

// Sixteen bytes that tell their own index: x and y together are another pair for each of 2^64 indices, so a
// word that answers from a wrong address is seen, and all bits change from one index to the next.
DEVICE Quad pattern(U64 index, U32 seed, U32 mask) {
  const U32 low = static_cast<U32>(index);
  const U32 high = static_cast<U32>(index >> 32U);
  U32 x = low * 0x9E3779B9U + seed;
  x ^= x >> 16U;
  x *= 0x85EBCA6BU;
  x ^= x >> 13U;
  const U32 y = x * 0xC2B2AE35U + high * 0x27D4EB2FU;
  const U32 z = ((x << 13U) | (x >> 19U)) ^ low;
  const U32 w = (y ^ (y >> 15U)) + z;
  return {x ^ mask, y ^ mask, z ^ mask, w ^ mask};
}

DEVICE bool differ(const Quad& a, const Quad& b) {
  return ((a.x ^ b.x) | (a.y ^ b.y) | (a.z ^ b.z) | (a.w ^ b.w)) != 0;
}

DEVICE void take_note(Found* found, U64 index) {
  add_to(&found->wrong, 1);
  lower_to(&found->first, index);
}

// Where a block's next 4 x thread_count() quads begin: neighbouring blocks work on neighbouring memory.
DEVICE U64 tile_begin() {
  return U64{block_index()} * thread_count() * 4U + thread_index();
}
DEVICE U64 tile_step() {
  return U64{block_count()} * thread_count() * 4U;
}

// Writes the pattern of the indices `first`, `first` + 1 ... into `count` quads.
KERNEL fill(Quad* to, U64 count, U64 first, U32 seed, U32 mask) {
  const U64 next = thread_count();
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    UNROLL
    for (U32 k = 0; k < 4U; ++k) {
      if (i + k * next < count) to[i + k * next] = pattern(first + i + k * next, seed, mask);
    }
  }
}

// Compares `count` quads with what fill wrote; `found` counts those that differ, by index from `first` on.
KERNEL compare(const Quad* from, U64 count, U64 first, U32 seed, U32 mask, Found* found) {
  const U64 next = thread_count();
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    if (i + 3U * next < count) {
      const Quad quads[4] = {from[i], from[i + next], from[i + 2U * next], from[i + 3U * next]};
      UNROLL
      for (U32 k = 0; k < 4U; ++k) {
        const U64 index = first + i + k * next;
        if (differ(quads[k], pattern(index, seed, mask))) take_note(found, index);
      }
    } else {
      for (U64 k = i; k < count; k += next) {
        if (differ(from[k], pattern(first + k, seed, mask))) take_note(found, first + k);
      }
    }
  }
}

// Moving inversion: compares each quad with the pattern under `mask` and leaves its inverse behind.
KERNEL invert(Quad* memory, U64 count, U64 first, U32 seed, U32 mask, Found* found) {
  for (U64 i = own(); i < count; i += stride()) {
    const Quad read = memory[i];
    if (differ(read, pattern(first + i, seed, mask))) take_note(found, first + i);
    memory[i] = pattern(first + i, seed, ~mask);
  }
}

// Reads `count` quads and nothing else. Each thread needs all of them to know whether its sum is the one that
// it would have to tell; adding all sums up would cost more than the reading.
KERNEL read(const Quad* from, U64 count, U64* sum) {
  const U64 next = thread_count();
  U32 total = 0;
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    if (i + 3U * next < count) {
      const Quad a = from[i], b = from[i + next], c = from[i + 2U * next], d = from[i + 3U * next];
      total += a.x + a.y + a.z + a.w + b.x + b.y + b.z + b.w;
      total += c.x + c.y + c.z + c.w + d.x + d.y + d.z + d.w;
    } else {
      for (U64 k = i; k < count; k += next) total += from[k].x + from[k].y + from[k].z + from[k].w;
    }
  }
  if (total == 0x5EED5EEDU) add_to(sum, 1);
}

KERNEL write(Quad* to, U64 count, U32 value) {
  const U64 next = thread_count();
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    UNROLL
    for (U32 k = 0; k < 4U; ++k) {
      if (i + k * next < count) to[i + k * next] = {value, value + 1, value + 2, value + 3};
    }
  }
}

// `to` or `from` may lie in another GPU's memory.
KERNEL copy(Quad* to, const Quad* from, U64 count) {
  const U64 next = thread_count();
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    if (i + 3U * next < count) {
      const Quad a = from[i], b = from[i + next], c = from[i + 2U * next], d = from[i + 3U * next];
      to[i] = {a.x, a.y, a.z, a.w};
      to[i + next] = {b.x, b.y, b.z, b.w};
      to[i + 2U * next] = {c.x, c.y, c.z, c.w};
      to[i + 3U * next] = {d.x, d.y, d.z, d.w};
    } else {
      for (U64 k = i; k < count; k += next) to[k] = from[k];
    }
  }
}

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

// Eight chains of `rounds` multiply-adds each; every 32nd thread computes the same, so the CPU can compare
// all.
KERNEL chains(float* to, U32 rounds, float factor) {
  float x[8];
  UNROLL
  for (U32 k = 0; k < 8; ++k)
    x[k] = static_cast<float>(thread_index() % 32U) + static_cast<float>(k) * 0.125F;
  for (U32 round = 0; round < rounds; ++round) {
    UNROLL
    for (U32 k = 0; k < 8; ++k) x[k] = multiply_add(x[k], factor, 0.5F);
  }
  to[own()] = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
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
