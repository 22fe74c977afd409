// Every build of every kernel against the plain definition, bit by bit, over odd sizes; the definition
// against double precision.
#include "kernels/quant/product.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/quant/adapter.hpp"
#include "kernels/quant/quantiser.hpp"

namespace freshet::quant {
namespace {

// Error of int8 activations in blocks of 32 against exact ones, relative to |x| |w| of a row: each step is off
// by at most half of m / 127. Seen 0.0011.
constexpr double activation_tolerance = 0.004;

std::vector<float> normal(std::size_t n, std::uint64_t seed, double sigma = 1) {
  rng random(seed);
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal() * sigma);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct size_of_product {
  std::int64_t out, in;
  int bits;
  std::int64_t group;
};
const std::vector<size_of_product> sizes{{1, 1, 8, -1},     {16, 32, 8, -1},   {17, 33, 8, -1},   {100, 500, 8, -1},
                                         {333, 64, 8, -1},  {48, 1000, 8, -1}, {1, 32, 4, 32},    {33, 64, 4, 64},
                                         {80, 160, 4, 32},  {65, 896, 4, 128}, {128, 1024, 4, 64}, {50, 4864, 4, 32}};

TEST(product, all_builds_give_the_bits_of_the_definition) {
  for (const auto& size : sizes) {
    const auto shape = make_packed_shape(size.out, size.in, size.bits, size.group, "w").value();
    const auto values = normal(static_cast<std::size_t>(size.out * size.in), 1, 0.05);
    const packed_weight w = quantise_searched(values.data(), shape, nullptr, "w").value();
    for (const std::int64_t rows : {1, 2, 3, 5, 8, 13, 40}) {
      auto x = normal(static_cast<std::size_t>(rows * size.in), 2);
      x[x.size() / 2] *= 50;  // an outlier
      quantised_rows q;
      quantise_rows_reference(x.data(), rows, size.in, size.in, q);
      const std::int64_t stride = size.out + 3;
      std::vector<float> want(static_cast<std::size_t>(rows * stride), -7.0F);
      multiply_reference(w.view(), q, want.data(), stride);
      for (const instruction_set set : usable_instruction_sets()) {
        std::vector<float> got(static_cast<std::size_t>(rows * stride), -7.0F);
        multiply(w.view(), q, 0, shape.panels(), got.data(), stride, set);
        EXPECT_TRUE(same_bits(got, want)) << name(set) << " " << size.out << " x " << size.in << ", " << rows << " rows, "
                                          << size.bits << " bits";
        // Split among threads, and row by row: the same.
        std::vector<float> split(static_cast<std::size_t>(rows * stride), -7.0F);
        const std::int64_t middle = shape.panels() / 3;
        multiply(w.view(), q, middle, shape.panels(), split.data(), stride, set);
        multiply(w.view(), q, 0, middle, split.data(), stride, set);
        EXPECT_TRUE(same_bits(split, want)) << name(set);
        for (std::int64_t r = 0; r < rows; ++r) {
          quantised_rows one;
          quantise_rows(x.data() + r * size.in, 1, size.in, size.in, one, set);
          std::vector<float> alone(static_cast<std::size_t>(size.out));
          multiply(w.view(), one, 0, shape.panels(), alone.data(), size.out, set);
          EXPECT_EQ(std::memcmp(alone.data(), want.data() + r * stride, alone.size() * sizeof(float)), 0)
              << name(set) << " row " << r;
        }
      }
    }
  }
}

TEST(product, extreme_levels_do_not_saturate) {
  for (const int bits : {8, 4}) {
    const std::int64_t in = 256;
    const auto shape = make_packed_shape(16, in, bits, bits == 8 ? whole_row : 128, "w").value();
    for (const int sign_w : {-1, 1}) {
      const int half = shape.zero_point();
      const int step = sign_w < 0 ? -half : half - 1;
      const std::vector<std::int8_t> steps(static_cast<std::size_t>(16 * in), static_cast<std::int8_t>(step));
      const std::vector<float> scales(static_cast<std::size_t>(16 * shape.groups()), 1.0F);
      const packed_weight w = pack(shape, steps.data(), scales.data());
      for (const float sign_x : {-1.0F, 1.0F}) {
        const std::vector<float> x(static_cast<std::size_t>(5 * in), sign_x * 127);
        quantised_rows q;
        quantise_rows(x.data(), 5, in, in, q);
        for (const instruction_set set : usable_instruction_sets()) {
          std::vector<float> y(5 * 16);
          multiply(w.view(), q, 0, 1, y.data(), 16, set);
          for (const float v : y) EXPECT_EQ(v, sign_x * 127 * static_cast<float>(step) * static_cast<float>(in)) << name(set);
        }
      }
    }
  }
}

TEST(product, is_close_to_the_product_of_the_weights_it_holds) {
  for (const auto& size : sizes) {
    const auto shape = make_packed_shape(size.out, size.in, size.bits, size.group, "w").value();
    const auto values = normal(static_cast<std::size_t>(size.out * size.in), 4, 0.1);
    const packed_weight w = quantise_nearest(values.data(), shape, "w").value();
    std::vector<float> held(values.size());
    dequantise_rows(w.view(), 0, size.out, held.data());
    const auto x = normal(static_cast<std::size_t>(3 * size.in), 5);
    quantised_rows q;
    quantise_rows(x.data(), 3, size.in, size.in, q);
    std::vector<float> y(static_cast<std::size_t>(3 * size.out));
    multiply(w.view(), q, 0, shape.panels(), y.data(), size.out);
    double worst = 0;
    for (std::int64_t r = 0; r < 3; ++r) {
      for (std::int64_t o = 0; o < size.out; ++o) {
        double sum = 0;
        double xx = 0;
        double ww = 0;
        for (std::int64_t k = 0; k < size.in; ++k) {
          const double a = x[static_cast<std::size_t>(r * size.in + k)];
          const double b = held[static_cast<std::size_t>(o * size.in + k)];
          sum += a * b;
          xx += a * a;
          ww += b * b;
        }
        const double off = std::fabs(sum - static_cast<double>(y[static_cast<std::size_t>(r * size.out + o)]));
        worst = std::max(worst, off / (std::sqrt(xx * ww) + 1e-12));
      }
    }
    EXPECT_LT(worst, activation_tolerance) << size.out << " x " << size.in;
  }
}

TEST(activations, all_builds_give_the_steps_of_the_definition) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t in : {1, 31, 32, 33, 64, 100, 896}) {
    auto x = normal(static_cast<std::size_t>(7 * in), 6);
    for (std::size_t i = 0; i < static_cast<std::size_t>(in); ++i) x[i] = 0;                       // a row of zeros
    for (std::size_t i = 0; i < static_cast<std::size_t>(in); ++i) x[static_cast<std::size_t>(in) + i] *= 1e-33F;  // too small
    x[static_cast<std::size_t>(3 * in)] = std::numeric_limits<float>::quiet_NaN();
    x[static_cast<std::size_t>(4 * in + in / 2)] = -infinity;
    x[static_cast<std::size_t>(5 * in)] = std::numeric_limits<float>::max();
    quantised_rows want;
    quantise_rows_reference(x.data(), 7, in, in, want);
    EXPECT_TRUE(std::isnan(want.scales[static_cast<std::size_t>(3 * want.blocks)]));
    EXPECT_EQ(want.scales[0], 0);
    for (const instruction_set set : usable_instruction_sets()) {
      quantised_rows got;
      quantise_rows(x.data(), 7, in, in, got, set);
      EXPECT_EQ(got.steps, want.steps) << name(set) << " " << in;
      EXPECT_EQ(got.sums, want.sums) << name(set) << " " << in;
      EXPECT_TRUE(same_bits(got.scales, want.scales)) << name(set) << " " << in;
    }
  }
}

TEST(activations, what_is_not_finite_reaches_every_output_of_its_row_only) {
  const auto shape = make_packed_shape(16, 64, 8, -1, "w").value();
  const auto values = normal(16 * 64, 7);
  const packed_weight w = quantise_nearest(values.data(), shape, "w").value();
  auto x = normal(2 * 64, 8);
  x[40] = std::numeric_limits<float>::infinity();
  quantised_rows q;
  quantise_rows(x.data(), 2, 64, 64, q);
  std::vector<float> y(32);
  multiply(w.view(), q, 0, 1, y.data(), 16);
  for (int o = 0; o < 16; ++o) {
    EXPECT_TRUE(std::isnan(y[static_cast<std::size_t>(o)]));
    EXPECT_TRUE(std::isfinite(y[static_cast<std::size_t>(16 + o)]));
  }
}

TEST(adapter, all_builds_agree_and_are_close_to_double) {
  for (const auto& [rows, in, out, rank] : std::vector<std::tuple<int, int, int, int>>{
           {1, 1, 1, 1}, {3, 33, 17, 4}, {5, 100, 50, 7}, {2, 896, 128, 16}, {3, 40, 1223, 3}}) {
    const auto x = normal(static_cast<std::size_t>(rows * in), 9);
    const auto a = normal(static_cast<std::size_t>(rank * in), 10, 0.1);
    const auto b = normal(static_cast<std::size_t>(out * rank), 11, 0.1);
    const auto bias = normal(static_cast<std::size_t>(out), 12);
    const auto base = normal(static_cast<std::size_t>(rows * out), 13);
    std::vector<float> first;
    for (const instruction_set set : usable_instruction_sets()) {
      std::vector<float> h(static_cast<std::size_t>(rows * rank));
      adapter_down(x.data(), rows, in, in, a.data(), rank, h.data(), set);
      std::vector<float> y = base;
      layer_finish with{bias.data(), h.data(), b.data(), rank, 0.5F};
      const int middle = out / 2;
      finish_rows(y.data(), rows, out, 0, middle, with, set);
      finish_rows(y.data(), rows, out, middle, out, with, set);
      if (first.empty()) first = y;
      EXPECT_TRUE(same_bits(y, first)) << name(set) << " " << in << " x " << out;
      std::vector<float> one(static_cast<std::size_t>(rank));
      adapter_down(x.data() + (rows - 1) * in, 1, in, in, a.data(), rank, one.data(), set);
      EXPECT_EQ(std::memcmp(one.data(), h.data() + (rows - 1) * rank, one.size() * sizeof(float)), 0);
    }
    for (int r = 0; r < rows; ++r) {
      for (int o = 0; o < out; ++o) {
        const auto at = static_cast<std::size_t>(r * out + o);
        double want = static_cast<double>(base[at]) + static_cast<double>(bias[static_cast<std::size_t>(o)]);
        for (int j = 0; j < rank; ++j) {
          double h = 0;
          for (int k = 0; k < in; ++k) {
            h += static_cast<double>(x[static_cast<std::size_t>(r * in + k)]) * static_cast<double>(a[static_cast<std::size_t>(j * in + k)]);
          }
          want += 0.5 * h * static_cast<double>(b[static_cast<std::size_t>(o * rank + j)]);
        }
        EXPECT_NEAR(first[at], want, 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace freshet::quant
