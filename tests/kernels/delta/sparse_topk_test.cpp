#include "kernels/delta/sparse_topk.hpp"

#include "tests/kernels/delta/support.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

TEST(sparse_topk, selection_is_that_of_a_full_sort) {
  rng from(1);
  for (int round = 0; round < 200; ++round) {
    const std::size_t count = 1 + from.below(300);
    auto x = test::values(test::shape::gauss, count, from);
    for (auto& v : x) v = from.chance(0.5) ? std::round(v * 1000) : v;  // ties
    std::vector<float> importance(count);
    for (auto& w : importance) w = static_cast<float>(from.below(3));
    const float* weights = from.chance(0.5) ? importance.data() : nullptr;
    const std::size_t keep = 1 + from.below(count);
    std::vector<std::uint32_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::uint32_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return worth(x.data(), weights, a) > worth(x.data(), weights, b);
    });
    order.resize(keep);
    std::sort(order.begin(), order.end());
    ASSERT_EQ(select_top(x.data(), weights, count, keep), order);
  }
}

class kept_bits : public testing::TestWithParam<unsigned> {};

TEST_P(kept_bits, both_position_codes_carry_the_same_values) {
  const unsigned bits = GetParam();
  rng from(bits);
  for (const std::size_t count : test::odd_sizes) {
    for (const test::shape kind : {test::shape::gauss, test::shape::heavy, test::shape::zero}) {
      const auto x = test::values(kind, count, from);
      const std::size_t keep = 1 + from.below(count);
      const auto positions = select_top(x.data(), nullptr, count, keep);
      const group_spec spec{bits, from.chance(0.5) ? 64U : 0U};
      float peak = 0;
      for (const float v : x) peak = std::max(peak, std::fabs(v));
      const int exponent = exponent_for(peak);

      byte_writer rice;
      encode_sparse(x.data(), positions, spec, exponent, rice);
      ASSERT_EQ(rice.size(), sparse_bytes(positions, spec));
      sparse_values by_rice;
      byte_reader rice_in(rice.bytes());
      ASSERT_TRUE(decode_sparse(rice_in, count, spec, exponent, by_rice).ok());
      ASSERT_EQ(rice_in.left(), 0U);

      byte_writer bitmap;
      encode_bitmap(x.data(), count, positions, spec, exponent, bitmap);
      ASSERT_EQ(bitmap.size(), bitmap_bytes(count, keep, spec));
      sparse_values by_bitmap;
      byte_reader bitmap_in(bitmap.bytes());
      ASSERT_TRUE(decode_bitmap(bitmap_in, count, spec, exponent, by_bitmap).ok());
      ASSERT_EQ(bitmap_in.left(), 0U);

      const auto kept = gather(x.data(), positions);
      std::vector<float> promised(keep);
      reconstruct_groups(kept.data(), keep, spec, exponent, promised.data());
      EXPECT_EQ(by_rice.positions, positions);
      EXPECT_EQ(by_bitmap.positions, positions);
      EXPECT_EQ(by_rice.values, promised);
      EXPECT_EQ(by_bitmap.values, promised);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(all, kept_bits, testing::Values(1U, 2U, 3U, 4U, 8U, 16U));

TEST(sparse_topk, refuses_counts_padding_and_claims_without_bytes) {
  sparse_values out;
  const auto sparse = [&](std::vector<std::uint8_t> bytes) {
    byte_reader in(bytes);
    return decode_sparse(in, 8, {16, 0}, 0, out);
  };
  // keep 1, k 0, gap 3 (000 1), value 1.0
  ASSERT_TRUE(sparse({1, 0, 0x08, 0x00, 0x3c}).ok());
  EXPECT_EQ(out.positions, (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(out.values, (std::vector<float>{1.0F}));
  EXPECT_EQ(sparse({0, 0, 0x08, 0x00, 0x3c}).err().code, errc::corrupt);
  EXPECT_EQ(sparse({9, 0, 0x08, 0x00, 0x3c}).err().code, errc::corrupt);
  EXPECT_EQ(sparse({1, 0, 0x18, 0x00, 0x3c}).err().code, errc::corrupt);
  EXPECT_EQ(sparse({1, 0, 0x00, 0x01, 0x3c}).err().code, errc::corrupt);  // position 8
  EXPECT_EQ(sparse({1, 32, 0xff, 0xff, 0xff, 0xff, 0xff}).err().code, errc::corrupt);
  const auto bitmap = [&](std::vector<std::uint8_t> bytes) {
    byte_reader in(bytes);
    return decode_bitmap(in, 7, {16, 0}, 0, out);
  };
  ASSERT_TRUE(bitmap({0x40, 0x00, 0x3c}).ok());
  EXPECT_EQ(out.positions, (std::vector<std::uint32_t>{6}));
  EXPECT_EQ(bitmap({0x80, 0x00, 0x3c}).err().code, errc::corrupt);
  EXPECT_EQ(bitmap({0x00, 0x00, 0x3c}).err().code, errc::corrupt);
  EXPECT_EQ(bitmap({0x41, 0x00, 0x3c}).err().code, errc::truncated);

  // A claim of four thousand million positions with a dozen bytes behind it.
  const std::vector<std::uint8_t> claim{0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 1, 2, 3, 4, 5, 6};
  byte_reader in(claim);
  EXPECT_EQ(decode_sparse(in, 4'294'967'295U, {4, 64}, 0, out).err().code, errc::truncated);
}

}  // namespace
}  // namespace freshet::delta
