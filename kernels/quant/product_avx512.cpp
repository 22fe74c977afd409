// multiply() for AVX-512 without VNNI: as product_avx2.cpp, sixteen lanes in one vector.
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

#define FRESHET_ISA __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define FRESHET_ISA_INLINE FRESHET_ISA inline __attribute__((always_inline))

constexpr int tile_panels = 1;
constexpr int tile_rows = 4;

#include "kernels/quant/avx512_lanes.inc"

template <int Bits, int P, int T>
FRESHET_ISA_INLINE void block(const std::uint8_t* const (&q)[P], const std::int8_t* const (&a)[T], ints (&dot)[P][T]) {
  const __m512i nibble = _mm512_set1_epi8(0x0F);
  const __m512i ones = _mm512_set1_epi16(1);
  for (int p = 0; p < P; ++p) {
    __m512i low[T];
    __m512i high[T];
    for (int t = 0; t < T; ++t) low[t] = high[t] = _mm512_setzero_si512();
    for (int k = 0; k < Bits; ++k) {
      const __m512i bytes = levels(q[p] + 64 * k);
      const __m512i l = _mm512_and_si512(bytes, nibble);
      const __m512i u = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
      for (int t = 0; t < T; ++t) {
        const std::int8_t* steps = a[t] + (Bits == 8 ? 4 : 8) * k;
        const __m512i first = four_steps(steps);
        low[t] = _mm512_add_epi16(low[t], _mm512_maddubs_epi16(l, first));
        const __m512i second = Bits == 8 ? first : four_steps(steps + 4);
        high[t] = _mm512_add_epi16(high[t], _mm512_maddubs_epi16(u, second));
      }
    }
    for (int t = 0; t < T; ++t) {
      __m512i upper = _mm512_madd_epi16(high[t], ones);
      if (Bits == 8) upper = _mm512_slli_epi32(upper, 4);
      dot[p][t] = _mm512_add_epi32(dot[p][t], _mm512_add_epi32(_mm512_madd_epi16(low[t], ones), upper));
    }
  }
}

#include "kernels/quant/product_tiles.inc"

}  // namespace

FRESHET_ISA void multiply_avx512(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last,
                                 float* y, std::int64_t stride) {
  multiply_all(w, x, first, last, y, stride);
}

}  // namespace freshet::quant

#endif
