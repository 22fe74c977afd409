#include "kernels/delta/half.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

// IEEE 754-2008, 3.4: the value of a binary16 pattern, from its fields.
double by_definition(std::uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const int fraction = h & 1023;
  const double sign = (h & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

std::uint16_t pattern(std::uint32_t p) { return static_cast<std::uint16_t>(p); }

TEST(half, every_pattern_reads_as_defined_and_comes_back) {
  for (std::uint32_t p = 0; p < 65536; ++p) {
    const float x = half_to_float(pattern(p));
    const double truth = by_definition(pattern(p));
    if (std::isnan(truth)) {
      EXPECT_TRUE(std::isnan(x)) << p;
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(x)))) << p;
      EXPECT_EQ(float_to_half(x) & 0x8000U, p & 0x8000U);
      continue;
    }
    ASSERT_EQ(static_cast<double>(x), truth) << p;
    ASSERT_EQ(std::signbit(x), p >= 0x8000U) << p;
    ASSERT_EQ(float_to_half(x), p);
  }
}

TEST(half, between_neighbours_the_nearest_wins_and_ties_go_to_even) {
  for (std::uint32_t p = 0; p < 0x7c00U; ++p) {
    const double low = by_definition(pattern(p));
    const double high = p + 1 == 0x7c00U ? 65536.0 : by_definition(pattern(p + 1));
    const float middle = static_cast<float>((low + high) / 2);  // exact: 12 significant bits
    const std::uint32_t even = p % 2 == 0 ? p : p + 1;
    ASSERT_EQ(float_to_half(middle), even) << p;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), p) << p;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 1e9F)), p + 1) << p;
    ASSERT_EQ(float_to_half(-middle), even | 0x8000U) << p;
  }
}

TEST(half, extremes) {
  EXPECT_EQ(float_to_half(1e30F), 0x7c00);
  EXPECT_EQ(float_to_half(-INFINITY), 0xfc00);
  EXPECT_EQ(float_to_half(1e-30F), 0);
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
  EXPECT_EQ(half_to_float(float_to_half(half_max)), half_max);
  EXPECT_FALSE(half_is_finite(0x7c00));
  EXPECT_FALSE(half_is_finite(0xfe01));
  EXPECT_TRUE(half_is_finite(0xfbff));
}

}  // namespace
}  // namespace freshet::delta
