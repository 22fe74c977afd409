// IEEE 754 binary16 in software, the same bits on every platform: rounding to nearest, ties to
// even; overflow gives infinity; NaN stays NaN (quiet). Pure functions.
#pragma once

#include <cstdint>
#include <cstring>

namespace freshet::delta {

inline constexpr float half_max = 65504.0F;

inline std::uint32_t float_bits(float x) noexcept {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, sizeof u);
  return u;
}

inline float float_of_bits(std::uint32_t u) noexcept {
  float x = 0;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

inline float half_to_float(std::uint16_t h) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000U) << 16;
  const std::uint32_t magnitude = h & 0x7fffU;
  if (magnitude >= 0x7c00U) return float_of_bits(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
  // Subnormals (units of 2^-24) come out of a subtraction, so that no step meets a subnormal float
  // and a host that flushes those to zero computes the same.
  const float subnormal = float_of_bits(0x38800000U + (magnitude << 13)) - 0x1p-14F;
  const std::uint32_t bits = magnitude < 0x400U ? float_bits(subnormal) : (magnitude << 13) + 0x38000000U;
  return float_of_bits(sign | bits);
}

inline std::uint16_t float_to_half(float x) noexcept {
  const std::uint32_t bits = float_bits(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  std::uint32_t out = 0;
  if (magnitude > 0x7f800000U) {
    out = 0x7e00U | ((magnitude >> 13) & 0x3ffU);
  } else if (magnitude >= 0x477ff000U) {  // 65520 and above rounds past the largest finite half
    out = 0x7c00U;
  } else if (magnitude < 0x38800000U) {  // below 2^-14: subnormal, so the unit is 2^-24
    // Adding 0.5 leaves a float whose last place is 2^-24: the adder does the rounding.
    out = float_bits(float_of_bits(magnitude) + 0.5F) - 0x3f000000U;
  } else {
    const std::uint32_t odd = (magnitude >> 13) & 1U;
    out = (magnitude - 0x38000000U + 0xfffU + odd) >> 13;
  }
  return static_cast<std::uint16_t>(sign | out);
}

inline bool half_is_finite(std::uint16_t h) noexcept { return (h & 0x7c00U) != 0x7c00U; }

}  // namespace freshet::delta
