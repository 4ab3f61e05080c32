// SPDX-License-Identifier: Apache-2.0
// Kernels over memory: address-tagged patterns written and compared, reading, writing, copying; and chains of
// fp32 multiply-adds. All that the first second needs: the driver compiles this file before anything runs.
// `tools/kernels` makes memory.ptx of it.
#include "pattern.h"

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
    UNROLL_NOT
    for (U64 k = i; k < count && k < i + 4U * next; k += next) to[k] = pattern(first + k, seed, mask);
  }
}

// Compares `count` quads with what fill wrote; `found` counts those that differ, by index from `first` on.
KERNEL compare(const Quad* from, U64 count, U64 first, U32 seed, U32 mask, Found* found) {
  const U64 next = thread_count();
  for (U64 i = tile_begin(); i < count; i += tile_step()) {
    if (i + 3U * next < count) {
      const Quad quads[4] = {from[i], from[i + next], from[i + 2U * next], from[i + 3U * next]};
      bool wrong = false;
      UNROLL
      for (U32 k = 0; k < 4U; ++k) wrong |= differ(quads[k], pattern(first + i + k * next, seed, mask));
      if (!wrong) continue;
    }
    UNROLL_NOT
    for (U64 k = i; k < count && k < i + 4U * next; k += next) {
      if (differ(from[k], pattern(first + k, seed, mask))) take_note(found, first + k);
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
