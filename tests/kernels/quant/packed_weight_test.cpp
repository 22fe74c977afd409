// The layout holds what was put in, byte by byte where the header says, and takes nothing else.
#include "kernels/quant/packed_weight.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/base/rng.hpp"

namespace freshet::quant {
namespace {

struct drawn {
  packed_shape shape;
  std::vector<std::int8_t> steps;
  std::vector<float> scales;
};

drawn draw(std::int64_t out, std::int64_t in, int bits, std::int64_t group) {
  drawn d;
  d.shape = make_packed_shape(out, in, bits, group, "w").value();
  rng random(static_cast<std::uint64_t>(out * 1000 + in + bits));
  const int half = d.shape.zero_point();
  for (std::int64_t i = 0; i < out * in; ++i) {
    d.steps.push_back(static_cast<std::int8_t>(static_cast<int>(random.below(static_cast<std::uint64_t>(2 * half))) - half));
  }
  for (std::int64_t i = 0; i < out * d.shape.groups(); ++i) {
    d.scales.push_back(round_scale(static_cast<float>(random.normal()), bits));
  }
  return d;
}

TEST(packed_weight, holds_every_step_and_scale_over_odd_sizes) {
  for (const auto& [out, in, bits, group] : std::vector<std::tuple<int, int, int, int>>{
           {1, 1, 8, -1}, {16, 32, 8, -1}, {17, 33, 8, -1}, {5, 100, 8, -1}, {1, 32, 4, 32}, {33, 64, 4, 32},
           {16, 128, 4, 128}, {47, 192, 4, 64}}) {
    const drawn d = draw(out, in, bits, group);
    const packed_weight w = pack(d.shape, d.steps.data(), d.scales.data());
    const std::int64_t columns = group == -1 ? in : group;
    std::vector<float> back(static_cast<std::size_t>(out * in));
    dequantise_rows(w.view(), 0, out, back.data());
    for (std::int64_t r = 0; r < out; ++r) {
      for (std::int64_t k = 0; k < in; ++k) {
        const auto at = static_cast<std::size_t>(r * in + k);
        const float scale = d.scales[static_cast<std::size_t>(r * d.shape.groups() + k / columns)];
        ASSERT_EQ(step_at(w.view(), r, k), d.steps[at]) << out << " x " << in;
        ASSERT_EQ(scale_at(w.view(), r, k / columns), scale);
        ASSERT_EQ(back[at], static_cast<float>(d.steps[at]) * scale);
      }
    }
    const auto again = adopt_packed(w.q, w.scales, out, in, "w");
    ASSERT_TRUE(again.ok()) << again.err().text();
    EXPECT_EQ(again->shape, d.shape);
  }
}

TEST(packed_weight, bytes_lie_where_the_header_says) {
  std::vector<std::int8_t> steps(20 * 64, 0);
  steps[17 * 64 + 13] = -3;  // row 17 = panel 1, row 1; column 13 = step 1 of eight, fourth of the high half: 5
  std::vector<float> scales(20 * 2, 1.0F);
  const packed_weight four = pack(make_packed_shape(20, 64, 4, 32, "w").value(), steps.data(), scales.data());
  EXPECT_EQ(four.q.shape(), (std::vector<std::int64_t>{2, 8, 16, 4}));
  EXPECT_EQ(four.scales.shape(), (std::vector<std::int64_t>{2, 2, 16}));
  const auto at4 = static_cast<std::size_t>(((1 * 8 + 1) * 16 + 1) * 4 + 1);
  EXPECT_EQ(four.q.as<std::uint8_t>()[at4], ((8 - 3) << 4) | 8);
  const packed_weight eight = pack(make_packed_shape(20, 64, 8, -1, "w").value(), steps.data(), scales.data());
  EXPECT_EQ(eight.q.shape(), (std::vector<std::int64_t>{2, 16, 16, 4}));
  const auto at8 = static_cast<std::size_t>(((1 * 16 + 3) * 16 + 1) * 4 + 1);
  EXPECT_EQ(eight.q.as<std::uint8_t>()[at8], 125);
}

TEST(packed_weight, refuses_shapes_that_it_does_not_have) {
  const auto says = [](const result<packed_shape>& r, const std::string& what) {
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.err().context.find(what), std::string::npos) << r.err().text();
    EXPECT_EQ(r.err().context.rfind("some.layer: ", 0), 0U) << r.err().text();
  };
  says(make_packed_shape(8, 64, 3, 32, "some.layer"), "3 bits, must be 8 or 4");
  says(make_packed_shape(8, 64, 4, 16, "some.layer"), "group of 16 columns, must be 32, 64 or 128");
  says(make_packed_shape(8, 64, 8, 32, "some.layer"), "one scale a row");
  says(make_packed_shape(8, 160, 4, 64, "some.layer"), "a group of 64 does not divide its 160 columns");
  says(make_packed_shape(0, 64, 8, -1, "some.layer"), "0 by 64");
}

TEST(packed_weight, refuses_tensors_that_do_not_fit) {
  const drawn d = draw(20, 64, 4, 32);
  const packed_weight w = pack(d.shape, d.steps.data(), d.scales.data());
  const auto says = [](const result<packed_weight>& r, errc code, const std::string& what) {
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.err().code, code);
    EXPECT_NE(r.err().context.find(what), std::string::npos) << r.err().text();
  };
  says(adopt_packed(w.scales, w.scales, 20, 64, "w"), errc::shape_mismatch, "must be u8 in four dimensions");
  says(adopt_packed(w.q, w.scales, 40, 64, "w"), errc::shape_mismatch, "[3, 16, 16, 4] (8 bits) or [3, 8, 16, 4] (4 bits)");
  says(adopt_packed(w.q, host_tensor::of(std::vector<float>(64, 1.0F), {2, 2, 16}), 20, 64, "w"), errc::shape_mismatch,
       "scales are f32 [2, 2, 16], must be bf16 [2, 2, 16]");
  // A scale that is no number, in the last row.
  std::vector<std::uint8_t> bytes(w.scales.data(), w.scales.data() + w.scales.bytes());
  const std::uint16_t nan = 0x7FC0;
  std::memcpy(bytes.data() + ((1 * 2 + 1) * 16 + 3) * 2, &nan, 2);
  const auto bad = host_tensor::copy_of(dtype::bf16, {2, 2, 16}, bytes.data());
  says(adopt_packed(w.q, bad, 20, 64, "w"), errc::corrupt, "the scale of row 19, group 1 is not finite");
  // In rows that only pad, it is not read.
  std::vector<std::uint8_t> padding(w.scales.data(), w.scales.data() + w.scales.bytes());
  std::memcpy(padding.data() + ((1 * 2 + 1) * 16 + 4) * 2, &nan, 2);
  EXPECT_TRUE(adopt_packed(w.q, host_tensor::copy_of(dtype::bf16, {2, 2, 16}, padding.data()), 20, 64, "w").ok());
}

TEST(packed_weight, scales_of_four_bits_are_the_nearest_bf16) {
  rng random(3);
  for (int i = 0; i < 10'000; ++i) {
    const auto x = static_cast<float>(random.normal() * std::exp(random.uniform(-20, 20)));
    const float r = round_scale(x, 4);
    EXPECT_LE(std::fabs(r - x), std::fabs(x) / 256);
    EXPECT_EQ(round_scale(r, 4), r);
    EXPECT_EQ(round_scale(x, 8), x);
  }
}

}  // namespace
}  // namespace freshet::quant
