// SPDX-License-Identifier: Apache-2.0
// Matrix products on the tensor cores by mma.sync, for every GPU since Ampere. out[i * n + j] is the sum over
// k of p[i][k] * q[j][k]; all rows lie one after the other, k innermost. A block computes 128 x 256 elements
// with eight warps of 64 x 64. Rows are handled as bytes: 32 of them are one step of mma, whatever the type.
// `tools/kernels` makes matrix.ptx of it.
#include "device.h"

static constexpr U32 kRowsP = 128, kRowsQ = 256;  // of a block
static constexpr U32 kBytes = 64;  // of each row in one stage in shared memory: two steps of mma
static constexpr U32 kPlaces = 4;  // for stages in shared memory
static constexpr U32 kStageBytes = (kRowsP + kRowsQ) * kBytes;

extern __attribute__((shared, aligned(16))) char shared[];

DEVICE U32 shared_address() {
  U32 address;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(address) : "l"(shared));
  return address;
}

// Sixteen-byte pieces of a row change places, so that eight rows lie in all the banks.
DEVICE U32 place_of(U32 row, U32 piece) {
  return row * kBytes + ((piece ^ ((row >> 1U) & 3U)) << 4U);
}

DEVICE void copy_to_shared(U32 to, const char* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

DEVICE void load_four(U32* to, U32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

#define BRINGUP_MMA(name, sum_type, constraint, shape)                                                 \
  struct name {                                                                                        \
    using Sum = sum_type;                                                                              \
    DEVICE void step(Sum* c, const U32* a, const U32* b) {                                             \
      asm("mma.sync.aligned." shape " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
          : "+" constraint(c[0]), "+" constraint(c[1]), "+" constraint(c[2]), "+" constraint(c[3])     \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                         \
    }                                                                                                  \
  }
BRINGUP_MMA(Bf16, float, "f", "m16n8k16.row.col.f32.bf16.bf16.f32");
BRINGUP_MMA(Fp16, float, "f", "m16n8k16.row.col.f32.f16.f16.f32");
BRINGUP_MMA(Tf32, float, "f", "m16n8k8.row.col.f32.tf32.tf32.f32");
BRINGUP_MMA(Int8, int, "r", "m16n8k32.row.col.s32.s8.s8.s32");

// This thread's part of one stage, six pieces of sixteen bytes. `p` and `q` begin at this block's rows.
DEVICE void fetch(const char* p, const char* q, U64 row_bytes, U32 stage_address, U64 offset) {
  const U32 thread = thread_index(), piece = thread & 3U;
#pragma unroll
  for (U32 part = 0; part < 6; ++part) {
    const U32 row = (thread >> 2U) + part * 64U;
    const char* source = part < 2 ? p + row * row_bytes : q + (row - kRowsP) * row_bytes;
    copy_to_shared(stage_address + place_of(row, piece), source + offset + piece * 16U);
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Until the next stage has arrived, for all threads; two more may be on their way.
DEVICE void wait_for_stage() {
  asm volatile("cp.async.wait_group 2;" ::: "memory");
  asm volatile("bar.sync 0;" ::: "memory");
}

// One step's part of both matrices in registers: four tiles of 16 rows, eight of 8.
struct Parts {
  U32 p[4][4];
  U32 q[4][4];
};

// Step `step` of a stage, for the warp with these coordinates.
DEVICE void load_parts(Parts& parts, U32 stage_address, U32 step, U32 warp_p, U32 warp_q) {
  const U32 lane = thread_index() & 31U;
  const U32 row_p = warp_p * 64U + (lane & 15U), piece_p = lane >> 4U;
  const U32 row_q = kRowsP + warp_q * 64U + (lane & 7U) + ((lane >> 4U) << 3U), piece_q = (lane >> 3U) & 1U;
#pragma unroll
  for (U32 i = 0; i < 4; ++i)
    load_four(parts.p[i], stage_address + place_of(row_p + i * 16U, step * 2U + piece_p));
#pragma unroll
  for (U32 j = 0; j < 4; ++j)
    load_four(parts.q[j], stage_address + place_of(row_q + j * 16U, step * 2U + piece_q));
}

template <typename Mma>
DEVICE void multiply_parts(typename Mma::Sum (&sum)[4][8][4], const Parts& parts) {
#pragma unroll
  for (U32 i = 0; i < 4; ++i) {
#pragma unroll
    for (U32 j = 0; j < 8; ++j) Mma::step(sum[i][j], parts.p[i], &parts.q[j / 2][(j % 2) * 2]);
  }
}

template <typename Mma>
DEVICE void multiply(typename Mma::Sum* out, const char* p, const char* q, U32 n, U64 row_bytes) {
  // Blocks that run at the same time lie close together, so that they share rows in the cache.
  const U32 wide = n / kRowsQ, high = n / kRowsP < 8U ? n / kRowsP : 8U;
  const U32 group = block_index() / (high * wide), inside = block_index() % (high * wide);
  const U32 block_p = group * high + inside % high, block_q = inside / high;
  p += U64{block_p} * kRowsP * row_bytes;
  q += U64{block_q} * kRowsQ * row_bytes;
  const U32 base = shared_address();
  const U32 stages = static_cast<U32>(row_bytes / kBytes);
  const U32 warp = thread_index() >> 5U, warp_p = warp & 1U, warp_q = warp >> 1U;
#pragma unroll
  for (U32 stage = 0; stage < kPlaces - 1U; ++stage) {
    fetch(p, q, row_bytes, base + stage * kStageBytes, U64{stage} * kBytes);
  }
  typename Mma::Sum sum[4][8][4];
#pragma unroll
  for (U32 i = 0; i < 128; ++i) sum[i / 32][i / 4 % 8][i % 4] = 0;
  Parts even, odd;
  wait_for_stage();
  load_parts(even, base, 0, warp_p, warp_q);
  // `now` is the place of the stage that is multiplied; the one before it is free.
  U32 now = 0;
  for (U32 stage = 0; stage < stages; ++stage) {
    // While the first step is multiplied, the second is loaded, and a stage to come is fetched.
    load_parts(odd, base + now * kStageBytes, 1, warp_p, warp_q);
    const U32 ahead = stage + kPlaces - 1U;
    if (ahead < stages)
      fetch(p, q, row_bytes, base + (now == 0 ? kPlaces - 1U : now - 1U) * kStageBytes, U64{ahead} * kBytes);
    else
      asm volatile("cp.async.commit_group;" ::: "memory");
    multiply_parts<Mma>(sum, even);
    // While the second is multiplied, the next stage's first is loaded.
    now = now + 1U == kPlaces ? 0U : now + 1U;
    wait_for_stage();
    load_parts(even, base + now * kStageBytes, 0, warp_p, warp_q);
    multiply_parts<Mma>(sum, odd);
  }
  const U32 lane = thread_index() & 31U;
  const U32 row = block_p * kRowsP + warp_p * 64U + (lane >> 2U);
  const U32 column = block_q * kRowsQ + warp_q * 64U + (lane & 3U) * 2U;
#pragma unroll
  for (U32 i = 0; i < 4; ++i) {
#pragma unroll
    for (U32 j = 0; j < 8; ++j) {
      typename Mma::Sum* at = out + U64{row + i * 16U} * n + column + j * 8U;
      at[0] = sum[i][j][0];
      at[1] = sum[i][j][1];
      at[U64{n} * 8U] = sum[i][j][2];
      at[U64{n} * 8U + 1U] = sum[i][j][3];
    }
  }
}

#define BRINGUP_PRODUCT(name, Mma)                                                 \
  KERNEL name(Mma::Sum* out, const char* p, const char* q, U32 n, U64 row_bytes)   \
      __attribute__((launch_bounds(256, 1)));                                      \
  KERNEL name(Mma::Sum* out, const char* p, const char* q, U32 n, U64 row_bytes) { \
    multiply<Mma>(out, p, q, n, row_bytes);                                        \
  }
BRINGUP_PRODUCT(product_bf16, Bf16)
BRINGUP_PRODUCT(product_fp16, Fp16)
BRINGUP_PRODUCT(product_tf32, Tf32)
BRINGUP_PRODUCT(product_int8, Int8)
