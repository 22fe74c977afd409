// Sixteen floats at a time, for the fast versions of the scores. One body is compiled for the
// baseline machine, for AVX2 and for AVX-512 and chosen at run time. The order of additions is the
// same in all. Scores of features, which memory bounds, fuse no multiply with an add and give the same
// bits everywhere; scores of logits, which compute, fuse them (CMakeLists.txt), and agree up to rounding,
// as the logits of two processors do. (Comparisons go by the sign of a difference: GCC 12 takes a
// comparison of 64-byte vectors apart into scalars.) Included by .cpp files of this folder only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshet::uncertainty {

/// Which build of a fast kernel runs.
enum class instruction_set : std::uint8_t { baseline, avx2, avx512 };

/// The best one that this processor has.
inline instruction_set best_instruction_set() noexcept {
#if defined(__x86_64__)
  static const instruction_set best =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
          ? instruction_set::avx512
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? instruction_set::avx2
                                       : instruction_set::baseline;
  return best;
#else
  return instruction_set::baseline;
#endif
}

#define FRESHET_INLINE inline __attribute__((always_inline))

/// Defines pick_NAME(instruction_set), a pointer to `body` (a template over the bytes of a native
/// vector) compiled for that set. FRESHET_LANES_KERNEL has no AVX-512 build: where memory is the
/// limit its vectors, which straddle two cache lines unless aligned, cost more than they bring.
#if defined(__x86_64__)
#define FRESHET_LANES_BUILD(name, isa, bytes, body, params, args) \
  __attribute__((target(isa))) void name params { body<bytes> args; }
#define FRESHET_LANES_KERNEL(kernel, body, params, args)                           \
  FRESHET_LANES_BUILD(kernel##_baseline, "sse2", 16, body, params, args)           \
  FRESHET_LANES_BUILD(kernel##_avx2, "avx2", 32, body, params, args)               \
  auto pick_##kernel(instruction_set set) {                                        \
    return set == instruction_set::baseline ? &kernel##_baseline : &kernel##_avx2; \
  }
#define FRESHET_WIDE_LANES_KERNEL(kernel, body, params, args)                               \
  FRESHET_LANES_BUILD(kernel##_baseline, "sse2", 16, body, params, args)                    \
  FRESHET_LANES_BUILD(kernel##_avx2, "avx2,fma", 32, body, params, args)                    \
  FRESHET_LANES_BUILD(kernel##_avx512, "avx512f,avx512dq,avx512vl,fma", 64, body, params, args) \
  auto pick_##kernel(instruction_set set) {                                                 \
    return set == instruction_set::avx512 ? &kernel##_avx512                                \
           : set == instruction_set::avx2 ? &kernel##_avx2                                  \
                                          : &kernel##_baseline;                             \
  }
#else
#define FRESHET_LANES_KERNEL(kernel, body, params, args) \
  void kernel##_baseline params { body<16> args; }       \
  auto pick_##kernel(instruction_set) { return &kernel##_baseline; }
#define FRESHET_WIDE_LANES_KERNEL FRESHET_LANES_KERNEL
#endif

inline constexpr std::size_t lane_count = 16;

template <std::size_t Bytes>
struct native;
template <>
struct native<16> {
  typedef float floats __attribute__((vector_size(16)));
  typedef float in_memory __attribute__((vector_size(16), aligned(4), may_alias));
  typedef std::int32_t bits __attribute__((vector_size(16)));
  typedef std::uint32_t unsigned_bits __attribute__((vector_size(16)));
};
template <>
struct native<32> {
  typedef float floats __attribute__((vector_size(32)));
  typedef float in_memory __attribute__((vector_size(32), aligned(4), may_alias));
  typedef std::int32_t bits __attribute__((vector_size(32)));
  typedef std::uint32_t unsigned_bits __attribute__((vector_size(32)));
};
template <>
struct native<64> {
  typedef float floats __attribute__((vector_size(64)));
  typedef float in_memory __attribute__((vector_size(64), aligned(4), may_alias));
  typedef std::int32_t bits __attribute__((vector_size(64)));
  typedef std::uint32_t unsigned_bits __attribute__((vector_size(64)));
};

/// Sixteen floats as native vectors of `Bytes` bytes each. (One 64-byte vector type would be
/// simpler, but compilers take comparisons of vectors wider than native ones apart into scalars.)
template <std::size_t Bytes>
struct lanes {
  static constexpr std::size_t parts = lane_count * sizeof(float) / Bytes;
  using floats = typename native<Bytes>::floats;
  using bits = typename native<Bytes>::bits;
  // Vectors in memory need no alignment. (Through memcpy, compilers move them in smaller pieces.)
  using in_memory = typename native<Bytes>::in_memory;
  static constexpr std::size_t per_part = Bytes / sizeof(float);
  floats part[parts];

  FRESHET_INLINE static lanes all(float x) {
    lanes v;
    for (floats& p : v.part) p = floats{} + x;
    return v;
  }
  FRESHET_INLINE static lanes load(const float* from) {
    lanes v;
    for (std::size_t i = 0; i < parts; ++i) v.part[i] = *reinterpret_cast<const in_memory*>(from + i * per_part);
    return v;
  }
  /// The first `count` from memory, `fill` for the rest.
  FRESHET_INLINE static lanes load_tail(const float* from, std::size_t count, float fill) {
    float padded[lane_count];
    for (std::size_t i = 0; i < lane_count; ++i) padded[i] = i < count ? from[i] : fill;
    return load(padded);
  }
  /// 1 in the first `count` lanes, 0 in the rest.
  FRESHET_INLINE static lanes ones(std::size_t count) {
    float padded[lane_count];
    for (std::size_t i = 0; i < lane_count; ++i) padded[i] = i < count ? 1.0f : 0.0f;
    return load(padded);
  }
  FRESHET_INLINE void store(float* to) const {
    for (std::size_t i = 0; i < parts; ++i) *reinterpret_cast<in_memory*>(to + i * per_part) = part[i];
  }

#define FRESHET_LANES_OPERATOR(op)                                              \
  FRESHET_INLINE friend lanes operator op(const lanes& a, const lanes& b) {     \
    lanes v;                                                                    \
    for (std::size_t i = 0; i < parts; ++i) v.part[i] = a.part[i] op b.part[i]; \
    return v;                                                                   \
  }                                                                             \
  FRESHET_INLINE friend lanes operator op(const lanes& a, float b) {            \
    lanes v;                                                                    \
    for (std::size_t i = 0; i < parts; ++i) v.part[i] = a.part[i] op b;         \
    return v;                                                                   \
  }
  FRESHET_LANES_OPERATOR(+)
  FRESHET_LANES_OPERATOR(-)
  FRESHET_LANES_OPERATOR(*)
  FRESHET_LANES_OPERATOR(/)
#undef FRESHET_LANES_OPERATOR
  FRESHET_INLINE lanes& operator+=(const lanes& b) { return *this = *this + b; }
};

/// Per lane a < b ? x : y; a comparison with NaN is false. As a minimum or maximum it is one instruction.
template <std::size_t B>
FRESHET_INLINE lanes<B> if_less(const lanes<B>& a, const lanes<B>& b, const lanes<B>& x, const lanes<B>& y) {
  lanes<B> v;
  for (std::size_t i = 0; i < v.parts; ++i) v.part[i] = a.part[i] < b.part[i] ? x.part[i] : y.part[i];
  return v;
}
/// Per lane v < 0 ? x : 0, by the sign bit: v is neither NaN nor -0.
template <std::size_t B>
FRESHET_INLINE lanes<B> where_negative(const lanes<B>& v, const lanes<B>& x) {
  using bits = typename lanes<B>::bits;
  lanes<B> kept;
  for (std::size_t i = 0; i < v.parts; ++i) {
    const bits negative = reinterpret_cast<bits>(v.part[i]) >> 31;
    kept.part[i] = reinterpret_cast<typename lanes<B>::floats>(reinterpret_cast<bits>(x.part[i]) & negative);
  }
  return kept;
}
/// Per lane a < b ? x : 0, without a blend; a is finite, and not -0 where b may be 0.
template <std::size_t B>
FRESHET_INLINE lanes<B> where_less(const lanes<B>& a, const lanes<B>& b, const lanes<B>& x) {
  return where_negative(a - b, x);
}
template <std::size_t B>
FRESHET_INLINE lanes<B> max_of(const lanes<B>& a, const lanes<B>& b) {
  return if_less(a, b, b, a);
}
template <std::size_t B>
FRESHET_INLINE lanes<B> min_of(const lanes<B>& a, const lanes<B>& b) {
  return if_less(a, b, a, b);
}

/// Sum of the lanes by halving, always in the same order.
template <std::size_t B>
FRESHET_INLINE float sum_of(const lanes<B>& v) {
  float x[lane_count];
  v.store(x);
  native<16>::floats q[4];
  for (std::size_t i = 0; i < 4; ++i) q[i] = *reinterpret_cast<const native<16>::in_memory*>(x + 4 * i);
  const native<16>::floats sum = (q[0] + q[2]) + (q[1] + q[3]);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}
/// The largest lane.
template <std::size_t B>
FRESHET_INLINE float largest_of(const lanes<B>& v) {
  float x[lane_count];
  v.store(x);
  native<16>::floats q[4];
  for (std::size_t i = 0; i < 4; ++i) q[i] = *reinterpret_cast<const native<16>::in_memory*>(x + 4 * i);
  const native<16>::floats a = q[0] > q[2] ? q[0] : q[2];
  const native<16>::floats b = q[1] > q[3] ? q[1] : q[3];
  const native<16>::floats c = a > b ? a : b;
  const float left = c[0] > c[1] ? c[0] : c[1];
  const float right = c[2] > c[3] ? c[2] : c[3];
  return left > right ? left : right;
}

inline constexpr float lowest_exponent = -87.0f;

/// exp for x in [-87, 88]; anything below. 2^n * 2^f with x log2(e) = n + f and |f| <= 1/2; 2^f by its
/// interpolation at the six Chebyshev nodes (relative error 2e-7). In all the relative error is below
/// 5e-7 + 1e-7 |x| (tested).
template <std::size_t B>
FRESHET_INLINE lanes<B> exponential_in_range(const lanes<B>& x) {
  constexpr float log2_e = 1.44269504089f;
  constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const lanes<B> t = x * log2_e;
  const lanes<B> shifted = t + round_magic;
  const lanes<B> f = t - (shifted - round_magic);
  lanes<B> p = f * 0.001339086336f + 0.009676031918f;
  p = p * f + 0.05550357114f;
  p = p * f + 0.2402210749f;
  p = p * f + 0.693147188f;
  p = p * f + 1.0f;
  for (std::size_t i = 0; i < p.parts; ++i) {
    // Unsigned: far below the range this wraps, and the result is discarded. The magic number's own
    // bits leave by the shift.
    using bits = typename native<B>::unsigned_bits;
    const bits power = reinterpret_cast<bits>(shifted.part[i]) << 23;
    p.part[i] = reinterpret_cast<typename lanes<B>::floats>(reinterpret_cast<bits>(p.part[i]) + power);
  }
  return p;
}

/// exp for x <= 88; 0 below -87, where it is under 1.7e-38.
template <std::size_t B>
FRESHET_INLINE lanes<B> exponential(const lanes<B>& x) {
  return where_less(lanes<B>::all(lowest_exponent), x, exponential_in_range(x));
}

/// Natural logarithm of positive normal numbers, by atanh of (m-1)/(m+1) with m in
/// [sqrt(1/2), sqrt(2)); error below 3e-7 * max(1, |log x|) for x in [1e-30, 1] (tested).
template <std::size_t B>
FRESHET_INLINE lanes<B> logarithm(const lanes<B>& x) {
  constexpr float ln2 = 0.69314718056f;
  constexpr std::int32_t root_half_bits = 0x3f3504f3;  // subtracting them makes the exponent field round there
  lanes<B> m, e;
  for (std::size_t i = 0; i < x.parts; ++i) {
    using bits = typename lanes<B>::bits;
    const bits value = reinterpret_cast<bits>(x.part[i]);
    const bits power = (value - root_half_bits) >> 23;
    m.part[i] = reinterpret_cast<typename lanes<B>::floats>(value - (power << 23));
    e.part[i] = __builtin_convertvector(power, typename lanes<B>::floats);
  }
  const lanes<B> s = (m - 1.0f) / (m + 1.0f);
  const lanes<B> t = s * s;
  lanes<B> p = t * (2.0f / 9) + 2.0f / 7;
  p = p * t + 2.0f / 5;
  p = p * t + 2.0f / 3;
  p = p * t + 2.0f;
  return p * s + e * ln2;
}

}  // namespace freshet::uncertainty
