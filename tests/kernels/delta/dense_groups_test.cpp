#include "kernels/delta/dense_groups.hpp"

#include "kernels/delta/half.hpp"
#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

using test::shape;

float peak_of(const std::vector<float>& x) {
  float peak = 0;
  for (const float v : x) peak = std::max(peak, std::fabs(v));
  return peak;
}

struct level_grid {
  double step;
  std::vector<double> levels;
};

// The grids as the header defines them, one level at a time.
level_grid grid_by_definition(std::uint16_t half, unsigned bits, int exponent) {
  const bool rise = bits == 1 || half >= 0x8000U;
  const double step = std::ldexp(static_cast<double>(half_to_float(half & 0x7fffU)), exponent);
  level_grid out{step, {}};
  const double offset = rise ? ((1 << bits) - 1) / 2.0 : std::exp2(bits - 1);
  for (int code = 0; code < (1 << bits); ++code) out.levels.push_back((code - offset) * step);
  return out;
}

// Reads one code bit by bit.
unsigned code_at(const std::uint8_t* codes, std::size_t i, unsigned bits) {
  unsigned code = 0;
  for (unsigned b = 0; b < bits; ++b) {
    const std::size_t at = i * bits + b;
    code |= ((codes[at / 8] >> (at % 8)) & 1U) << b;
  }
  return code;
}

class groups_of_bits : public testing::TestWithParam<unsigned> {};

TEST_P(groups_of_bits, decode_is_the_definition_and_every_value_goes_to_its_nearest_level) {
  const unsigned bits = GetParam();
  rng from(bits);
  for (const shape kind : test::all_shapes) {
    for (const std::size_t count : test::odd_sizes) {
      for (const std::uint32_t group : {0U, 8U, 64U, 256U}) {
        const auto x = test::values(kind, count, from);
        const group_spec spec{bits, group};
        const int exponent = exponent_for(peak_of(x));
        byte_writer out;
        encode_groups(x.data(), count, spec, exponent, out);
        ASSERT_EQ(out.size(), groups_bytes(count, spec));
        std::vector<float> back(count);
        byte_reader in(out.bytes());
        ASSERT_TRUE(decode_groups(in, count, spec, exponent, back.data()).ok());
        ASSERT_EQ(in.left(), 0U);
        std::vector<float> promised(count);
        reconstruct_groups(x.data(), count, spec, exponent, promised.data());
        ASSERT_EQ(back, promised);

        const std::uint8_t* codes = out.bytes().data() + 2 * group_count(count, spec);
        for (std::size_t i = 0; i < count; ++i) {
          std::uint16_t half = 0;
          std::memcpy(&half, out.bytes().data() + 2 * (group == 0 ? 0 : i / group), 2);
          const level_grid grid = grid_by_definition(half, bits, exponent);
          ASSERT_EQ(static_cast<double>(back[i]), grid.levels[code_at(codes, i, bits)]);
          // Closed form: half a step inside of the grid, the distance to its end outside of it.
          const double value = static_cast<double>(x[i]);
          const double outside = std::max({0.0, grid.levels.front() - value, value - grid.levels.back()});
          const double allowed = std::max(grid.step / 2, outside) * (1 + 1e-5) + 1e-37;
          ASSERT_LE(std::fabs(value - static_cast<double>(back[i])), allowed)
              << "shape " << static_cast<int>(kind) << " count " << count << " group " << group << " at " << i;
        }
      }
    }
  }
}

TEST_P(groups_of_bits, error_never_exceeds_sending_nothing) {
  const unsigned bits = GetParam();
  rng from(bits + 100);
  for (const shape kind : test::all_shapes) {
    for (const std::size_t count : test::odd_sizes) {
      const auto x = test::values(kind, count, from);
      std::vector<float> back(count);
      reconstruct_groups(x.data(), count, {bits, 64}, exponent_for(peak_of(x)), back.data());
      ASSERT_LE(test::squares(test::difference(x, back)), test::squares(x) * (1 + 1e-6));
    }
  }
}

TEST_P(groups_of_bits, gaussian_error_is_that_of_the_best_uniform_quantiser) {
  // Max 1960, table II: mean squared error of the optimal uniform quantiser of a unit Gaussian.
  const unsigned bits = GetParam();
  const double published = bits == 1 ? 0.3634 : bits == 2 ? 0.1188 : bits == 3 ? 0.03744 : bits == 4 ? 0.01154 : 0.0002;
  rng from(11);
  const auto x = test::values(shape::gauss, 200'000, from);
  std::vector<float> back(x.size());
  reconstruct_groups(x.data(), x.size(), {bits, 256}, exponent_for(peak_of(x)), back.data());
  EXPECT_LE(test::squares(test::difference(x, back)) / test::squares(x), published * 1.02);
}

INSTANTIATE_TEST_SUITE_P(all, groups_of_bits, testing::Values(1U, 2U, 3U, 4U, 8U));

TEST(dense_groups, sixteen_bits_round_to_eleven_significant_ones) {
  rng from(5);
  for (const shape kind : {shape::gauss, shape::uniform, shape::one_sided, shape::constant, shape::huge, shape::tiny}) {
    const auto x = test::values(kind, 1000, from);
    const int exponent = exponent_for(peak_of(x));
    byte_writer out;
    encode_groups(x.data(), x.size(), {16, 0}, exponent, out);
    std::vector<float> back(x.size());
    byte_reader in(out.bytes());
    ASSERT_TRUE(decode_groups(in, x.size(), {16, 0}, exponent, back.data()).ok());
    for (std::size_t i = 0; i < x.size(); ++i) {
      int e = 0;
      const double fraction = std::frexp(static_cast<double>(x[i]), &e);
      const int last_place = std::max(e - 11, -24 + exponent);  // normal, or the unit of subnormals
      const double truth = std::ldexp(std::nearbyint(std::ldexp(fraction, e - last_place)), last_place);
      ASSERT_EQ(static_cast<double>(back[i]), truth) << x[i];
    }
  }
}

TEST(dense_groups, one_bit_is_the_sign_times_the_mean_magnitude) {
  const std::vector<float> x{0.5F, -1.5F, 1.0F, -1.0F};
  std::vector<float> back(4);
  reconstruct_groups(x.data(), 4, {1, 0}, 0, back.data());
  EXPECT_EQ(back, (std::vector<float>{1.0F, -1.0F, 1.0F, -1.0F}));
}

TEST(dense_groups, two_bits_take_the_grid_that_fits) {
  // Without a zero: exactly representable at step 2. With a zero: exactly representable at step 1.
  const std::vector<float> no_zero{3, 1, -1, -3, 3, -3, 1, -1};
  const std::vector<float> with_zero{0, 1, -1, 0, 0, 0, -2, 0};
  std::vector<float> back(8);
  reconstruct_groups(no_zero.data(), 8, {2, 8}, 0, back.data());
  EXPECT_EQ(back, no_zero);
  reconstruct_groups(with_zero.data(), 8, {2, 8}, 0, back.data());
  EXPECT_EQ(back, with_zero);
}

TEST(dense_groups, bytes_on_the_wire) {
  // scale 1.0, 4 bits, grid tread (offset 8): codes 0 8 15 9, low nibble first; then the rise grid.
  const std::vector<std::uint8_t> tread{0x00, 0x3c, 0x80, 0x9f};
  const std::vector<std::uint8_t> rise{0x00, 0xbc, 0x80, 0x9f};
  std::vector<float> back(4);
  byte_reader first(tread);
  ASSERT_TRUE(decode_groups(first, 4, {4, 64}, 0, back.data()).ok());
  EXPECT_EQ(back, (std::vector<float>{-8, 0, 7, 1}));
  byte_reader second(rise);
  ASSERT_TRUE(decode_groups(second, 4, {4, 64}, 1, back.data()).ok());
  EXPECT_EQ(back, (std::vector<float>{-15, 1, 15, 3}));
}

TEST(dense_groups, refuses_infinite_scales_set_padding_and_short_input) {
  std::vector<float> back(3);
  const auto decode = [&](std::vector<std::uint8_t> bytes, unsigned bits) {
    byte_reader in(bytes);
    return decode_groups(in, 3, {bits, 64}, 0, back.data());
  };
  EXPECT_TRUE(decode({0x00, 0x3c, 0x07}, 1).ok());
  EXPECT_EQ(decode({0x00, 0x3c, 0x08}, 1).err().code, errc::corrupt);
  EXPECT_EQ(decode({0x00, 0x7c, 0x07}, 1).err().code, errc::corrupt);
  EXPECT_EQ(decode({0x01, 0x7e, 0x07}, 1).err().code, errc::corrupt);
  EXPECT_EQ(decode({0x00, 0xbc, 0x07}, 1).err().code, errc::corrupt);
  EXPECT_TRUE(decode({0x00, 0xbc, 0x07}, 2).ok());
  EXPECT_EQ(decode({0x00, 0x3c}, 1).err().code, errc::truncated);
  EXPECT_EQ(decode({0x00}, 1).err().code, errc::truncated);
  EXPECT_EQ(decode({0, 0x3c, 0, 0x3c, 0, 0x7c}, 16).err().code, errc::corrupt);
  EXPECT_EQ(decode({0, 0x3c, 0, 0x3c, 0}, 16).err().code, errc::truncated);
}

TEST(dense_groups, specs) {
  EXPECT_TRUE(valid({3, 0}));
  EXPECT_TRUE(valid({16, 32768}));
  EXPECT_FALSE(valid({5, 64}));
  EXPECT_FALSE(valid({4, 4}));
  EXPECT_FALSE(valid({4, 96}));
  EXPECT_FALSE(valid({4, 65536}));
  EXPECT_EQ(groups_bytes(65, {3, 64}), 2U * 2 + 25);
  EXPECT_EQ(groups_bytes(65, {16, 64}), 130U);
}

}  // namespace
}  // namespace freshet::delta
