// One body, several builds: FRESHET_QUANT_KERNEL(name, body, params, args) defines pick_NAME(set), a
// pointer to `body` (always inlined) compiled for that instruction set. The vectors are the compiler's
// own; without fused multiply-add (the project compiles so) the bits are the same.
// Included by .cpp files of this folder only.
#pragma once

#include "kernels/quant/instruction_set.hpp"

#define FRESHET_QUANT_INLINE inline __attribute__((always_inline))

#if defined(__x86_64__)
#define FRESHET_QUANT_KERNEL(kernel, body, params, args)                                         \
  void kernel##_portable params { body args; }                                                   \
  __attribute__((target("avx2"))) void kernel##_avx2 params { body args; }                       \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) void     \
      kernel##_avx512 params {                                                                   \
    body args;                                                                                   \
  }                                                                                              \
  auto pick_##kernel(instruction_set set) {                                                      \
    return set == instruction_set::portable ? &kernel##_portable                                 \
           : set == instruction_set::avx2   ? &kernel##_avx2                                     \
                                            : &kernel##_avx512;                                  \
  }
#else
#define FRESHET_QUANT_KERNEL(kernel, body, params, args) \
  void kernel##_portable params { body args; }           \
  auto pick_##kernel(instruction_set) { return &kernel##_portable; }
#endif
