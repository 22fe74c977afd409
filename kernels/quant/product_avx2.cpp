// multiply() for AVX2. A product of an unsigned nibble and a signed step fits 16 bits eight times over
// (8 * 2 * 15 * 127 = 30480), so a block is summed in 16 bits; 8-bit levels go as two nibbles.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/quant/product_builds.hpp"

namespace freshet::quant {
namespace {

#define FRESHET_ISA __attribute__((target("avx2")))
#define FRESHET_ISA_INLINE FRESHET_ISA inline __attribute__((always_inline))

struct ints {
  __m256i half[2];
};
struct floats {
  __m256 half[2];
};

constexpr int tile_panels = 1;
constexpr int tile_rows = 2;

FRESHET_ISA_INLINE floats zero() { return {{_mm256_setzero_ps(), _mm256_setzero_ps()}}; }
FRESHET_ISA_INLINE floats all(float x) { return {{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }
FRESHET_ISA_INLINE ints all_ints(std::int32_t x) { return {{_mm256_set1_epi32(x), _mm256_set1_epi32(x)}}; }
FRESHET_ISA_INLINE floats load(const float* from) { return {{_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}}; }
FRESHET_ISA_INLINE __m256 eight_halves(const std::uint8_t* from) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
FRESHET_ISA_INLINE floats load_half(const std::uint8_t* from) { return {{eight_halves(from), eight_halves(from + 16)}}; }
FRESHET_ISA_INLINE void store(float* to, const floats& v) {
  _mm256_storeu_ps(to, v.half[0]);
  _mm256_storeu_ps(to + 8, v.half[1]);
}
FRESHET_ISA_INLINE floats to_floats(const ints& v) {
  return {{_mm256_cvtepi32_ps(v.half[0]), _mm256_cvtepi32_ps(v.half[1])}};
}
FRESHET_ISA_INLINE floats add(const floats& a, const floats& b) {
  return {{_mm256_add_ps(a.half[0], b.half[0]), _mm256_add_ps(a.half[1], b.half[1])}};
}
FRESHET_ISA_INLINE floats mul(const floats& a, const floats& b) {
  return {{_mm256_mul_ps(a.half[0], b.half[0]), _mm256_mul_ps(a.half[1], b.half[1])}};
}
FRESHET_ISA_INLINE __m256i four_steps(const std::int8_t* from) {
  std::int32_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return _mm256_set1_epi32(word);
}

template <int Bits, int P, int T>
FRESHET_ISA_INLINE void block(const std::uint8_t* const (&q)[P], const std::int8_t* const (&a)[T], ints (&dot)[P][T]) {
  const __m256i nibble = _mm256_set1_epi8(0x0F);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int p = 0; p < P; ++p) {
    for (int h = 0; h < 2; ++h) {
      __m256i low[T];
      __m256i high[T];
      for (int t = 0; t < T; ++t) low[t] = high[t] = _mm256_setzero_si256();
      for (int k = 0; k < Bits; ++k) {
        const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q[p] + 64 * k + 32 * h));
        const __m256i l = _mm256_and_si256(bytes, nibble);
        const __m256i u = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
        for (int t = 0; t < T; ++t) {
          const std::int8_t* steps = a[t] + (Bits == 8 ? 4 : 8) * k;
          const __m256i first = four_steps(steps);
          low[t] = _mm256_add_epi16(low[t], _mm256_maddubs_epi16(l, first));
          const __m256i second = Bits == 8 ? first : four_steps(steps + 4);
          high[t] = _mm256_add_epi16(high[t], _mm256_maddubs_epi16(u, second));
        }
      }
      for (int t = 0; t < T; ++t) {
        __m256i upper = _mm256_madd_epi16(high[t], ones);
        if (Bits == 8) upper = _mm256_slli_epi32(upper, 4);
        const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(low[t], ones), upper);
        dot[p][t].half[h] = _mm256_add_epi32(dot[p][t].half[h], sum);
      }
    }
  }
}

#include "kernels/quant/product_tiles.inc"

}  // namespace

FRESHET_ISA void multiply_avx2(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last,
                               float* y, std::int64_t stride) {
  multiply_all(w, x, first, last, y, stride);
}

}  // namespace freshet::quant

#endif
