// multiply() for AVX-512 with VNNI: one instruction multiplies four unsigned levels with four signed
// steps in each of sixteen lanes and adds to 32 bits, without saturation.
#if defined(__x86_64__)

// GCC 12 warns of the deliberately undefined operands within its own header (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/quant/product_builds.hpp"

namespace freshet::quant {
namespace {

#define FRESHET_ISA __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define FRESHET_ISA_INLINE FRESHET_ISA inline __attribute__((always_inline))

constexpr int tile_panels = 2;
constexpr int tile_rows = 4;

#include "kernels/quant/avx512_lanes.inc"

template <int Bits, int P, int T>
FRESHET_ISA_INLINE void block(const std::uint8_t* const (&q)[P], const std::int8_t* const (&a)[T], ints (&dot)[P][T]) {
  const __m512i nibble = _mm512_set1_epi8(0x0F);
  for (int k = 0; k < Bits; ++k) {
    __m512i first[P];
    __m512i second[P];
    for (int p = 0; p < P; ++p) {
      const __m512i bytes = levels(q[p] + 64 * k);
      first[p] = Bits == 8 ? bytes : _mm512_and_si512(bytes, nibble);
      second[p] = Bits == 8 ? bytes : _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
    }
    for (int t = 0; t < T; ++t) {
      const std::int8_t* steps = a[t] + (Bits == 8 ? 4 : 8) * k;
      const __m512i four = four_steps(steps);
      for (int p = 0; p < P; ++p) dot[p][t] = _mm512_dpbusd_epi32(dot[p][t], first[p], four);
      if (Bits == 4) {
        const __m512i next = four_steps(steps + 4);
        for (int p = 0; p < P; ++p) dot[p][t] = _mm512_dpbusd_epi32(dot[p][t], second[p], next);
      }
    }
  }
}

#include "kernels/quant/product_tiles.inc"

}  // namespace

FRESHET_ISA void multiply_avx512_vnni(const packed_view& w, const quantised_rows& x, std::int64_t first,
                                      std::int64_t last, float* y, std::int64_t stride) {
  multiply_all(w, x, first, last, y, stride);
}

}  // namespace freshet::quant

#endif
