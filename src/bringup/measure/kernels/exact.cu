// SPDX-License-Identifier: Apache-2.0
// The exact product of whole numbers, which the products of the tensor cores are compared with; for every GPU
// since compute capability 6.1. `tools/kernels` makes exact.ptx of it.
#include "device.h"

// `sum` and the products of four signed bytes each.
DEVICE int four(U32 a, U32 b, int sum) {
#ifdef BRINGUP_KERNELS_ON_CPU
  for (U32 shift = 0; shift < 32; shift += 8) {
    sum += static_cast<int>(static_cast<signed char>(a >> shift)) *
           static_cast<int>(static_cast<signed char>(b >> shift));
  }
#else
  asm("dp4a.s32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
#endif
  return sum;
}

// The exact product of two n x n matrices of int8: to[j * n + i] = sum over k of a[i * n + k] * b[j * n + k],
// on the integer units, which no tensor core shares. A thread computes 8 x 8 elements, 32 neighbours lie side
// by side in i, so that all warps of a block read the same rows of a. `n` is a multiple of 256.
KERNEL exact_product(int* to, const Quad* a, const Quad* b, U32 n) {
  const U32 quads = n / 16U, wide = n / 256U, high = n / 8U;
  for (U64 tile = own(); tile < U64{high} * high; tile += stride()) {
    const U32 lane = static_cast<U32>(tile % 32U);
    const U64 group = tile / 32U;
    const U32 i0 = (static_cast<U32>(group / high) % wide * 32U + lane) * 8U;
    const U32 j0 = static_cast<U32>(group % high) * 8U;
    int sum[8][8];
    UNROLL
    for (U32 k = 0; k < 64; ++k) sum[k / 8][k % 8] = 0;
    UNROLL_NOT
    for (U32 k = 0; k < quads; ++k) {
      Quad left[8];
      UNROLL
      for (U32 i = 0; i < 8; ++i) left[i] = a[U64{i0 + i} * quads + k];
      UNROLL
      for (U32 j = 0; j < 8; ++j) {
        const Quad right = b[U64{j0 + j} * quads + k];
        UNROLL
        for (U32 i = 0; i < 8; ++i) {
          sum[i][j] = four(left[i].y, right.y, four(left[i].x, right.x, sum[i][j]));
          sum[i][j] = four(left[i].w, right.w, four(left[i].z, right.z, sum[i][j]));
        }
      }
    }
    UNROLL
    for (U32 k = 0; k < 64; ++k) to[U64{j0 + k / 8} * n + i0 + k % 8] = sum[k % 8][k / 8];
  }
}
