// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pattern that memory is filled with, and what is noted of memory that holds another.
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
