// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a kernel's source needs of CUDA, written for clang without a toolkit's headers. The same source runs
// on the CPU, one thread after the other, when BRINGUP_KERNELS_ON_CPU is defined: so do tests.

using U32 = unsigned int;
using U64 = unsigned long long;

struct alignas(16) Quad {
  U32 x, y, z, w;
};
struct alignas(16) Floats {
  float x, y, z, w;
};

// What a comparing kernel found; zero-filled but for `first`, which is all ones, before it starts.
struct Found {
  U64 wrong;  // elements that differ
  U64 first;  // index of the first of them
};

#ifdef BRINGUP_KERNELS_ON_CPU

#define UNROLL
#define UNROLL_NOT
#define KERNEL static inline void
#define DEVICE static inline

struct Place {
  U32 thread, threads, block, blocks;
};
inline thread_local Place place{};
DEVICE U32 thread_index() {
  return place.thread;
}
DEVICE U32 thread_count() {
  return place.threads;
}
DEVICE U32 block_index() {
  return place.block;
}
DEVICE U32 block_count() {
  return place.blocks;
}
DEVICE void add_to(U64* at, U64 value) {
  *at += value;
}
DEVICE void lower_to(U64* at, U64 value) {
  if (value < *at) *at = value;
}
DEVICE float multiply_add(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}

#else

#define UNROLL _Pragma("unroll")
#define UNROLL_NOT _Pragma("unroll 1")
#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE static inline __attribute__((device))

DEVICE U32 thread_index() {
  return __nvvm_read_ptx_sreg_tid_x();
}
DEVICE U32 thread_count() {
  return __nvvm_read_ptx_sreg_ntid_x();
}
DEVICE U32 block_index() {
  return __nvvm_read_ptx_sreg_ctaid_x();
}
DEVICE U32 block_count() {
  return __nvvm_read_ptx_sreg_nctaid_x();
}
DEVICE void add_to(U64* at, U64 value) {
  asm volatile("red.add.u64 [%0], %1;" ::"l"(at), "l"(value) : "memory");
}
DEVICE void lower_to(U64* at, U64 value) {
  asm volatile("red.min.u64 [%0], %1;" ::"l"(at), "l"(value) : "memory");
}
DEVICE float multiply_add(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}

#endif

// A thread's first element, and how far its next one is: neighbours touch neighbours.
DEVICE U64 own() {
  return U64{block_index()} * thread_count() + thread_index();
}
DEVICE U64 stride() {
  return U64{block_count()} * thread_count();
}
