// What each way of rounding promises: nearest is nearest, searching finds no worse, compensation changes
// the products least.
#include "kernels/quant/quantiser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/rng.hpp"

namespace freshet::quant {
namespace {

using matrix = std::vector<double>;

std::vector<float> heavy_tailed(std::size_t n, std::uint64_t seed) {
  rng random(seed);
  std::vector<float> out(n);
  for (float& x : out) {
    const double z = random.normal();
    x = static_cast<float>(0.02 * z * std::fabs(z));
  }
  return out;
}

std::vector<float> held(const packed_weight& w) {
  std::vector<float> out(static_cast<std::size_t>(w.shape.out * w.shape.in));
  dequantise_rows(w.view(), 0, w.shape.out, out.data());
  return out;
}

double error_of(const std::vector<float>& a, const std::vector<float>& b, const float* columns, std::int64_t in) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += off * off * (columns == nullptr ? 1.0 : static_cast<double>(columns[i % static_cast<std::size_t>(in)]));
  }
  return sum;
}

/// Lower Cholesky factor of a positive definite matrix.
matrix cholesky(const matrix& h, std::size_t n) {
  matrix l(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = h[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
    }
  }
  return l;
}

matrix inverse(const matrix& h, std::size_t n) {
  const matrix l = cholesky(h, n);
  matrix out(n * n, 0);
  for (std::size_t c = 0; c < n; ++c) {
    std::vector<double> y(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      double sum = i == c ? 1 : 0;
      for (std::size_t k = 0; k < i; ++k) sum -= l[i * n + k] * y[k];
      y[i] = sum / l[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
      double sum = y[i];
      for (std::size_t k = i + 1; k < n; ++k) sum -= l[k * n + i] * out[k * n + c];
      out[i * n + c] = sum / l[i * n + i];
    }
  }
  return out;
}

/// Inputs whose columns lean on each other, their second moments and what gptq needs of them.
struct calibration {
  std::size_t n;
  matrix h;
  std::vector<float> columns, upper;

  explicit calibration(std::size_t width) : n(width), h(width * width, 0) {
    rng random(21);
    constexpr int samples = 600;
    std::vector<double> mix(n * 8);
    for (double& m : mix) m = random.normal();
    for (int s = 0; s < samples; ++s) {
      std::vector<double> z(8);
      for (double& v : z) v = random.normal();
      std::vector<double> x(n);
      for (std::size_t i = 0; i < n; ++i) {
        x[i] = 0.3 * random.normal();
        for (std::size_t j = 0; j < 8; ++j) x[i] += mix[i * 8 + j] * z[j];
      }
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) h[i * n + j] += x[i] * x[j] / samples;
      }
    }
    const matrix l = cholesky(inverse(h, n), n);
    for (std::size_t i = 0; i < n; ++i) {
      columns.push_back(static_cast<float>(h[i * n + i]));
      for (std::size_t j = 0; j < n; ++j) upper.push_back(static_cast<float>(l[j * n + i]));
    }
  }

  /// E |(W - Ŵ) x|²
  [[nodiscard]] double loss(const std::vector<float>& a, const std::vector<float>& b) const {
    double sum = 0;
    for (std::size_t row = 0; row < a.size() / n; ++row) {
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          sum += (static_cast<double>(a[row * n + i]) - static_cast<double>(b[row * n + i])) * h[i * n + j] *
                 (static_cast<double>(a[row * n + j]) - static_cast<double>(b[row * n + j]));
        }
      }
    }
    return sum;
  }
};

TEST(quantiser, nearest_is_off_by_half_a_step_at_most) {
  const auto w = heavy_tailed(20 * 128, 1);
  for (const auto& [bits, group] : std::vector<std::pair<int, std::int64_t>>{{8, -1}, {4, 32}, {4, 128}}) {
    const auto shape = make_packed_shape(20, 128, bits, group, "w").value();
    const packed_weight q = quantise_nearest(w.data(), shape, "w").value();
    const auto back = held(q);
    const std::int64_t columns = group == -1 ? 128 : group;
    for (std::int64_t r = 0; r < 20; ++r) {
      for (std::int64_t k = 0; k < 128; ++k) {
        const auto at = static_cast<std::size_t>(r * 128 + k);
        const float scale = scale_at(q.view(), r, k / columns);
        // A rounded scale may cut the extreme: by a bf16's error of it, and never more than that.
        EXPECT_LE(std::fabs(back[at] - w[at]), 0.5001F * scale + std::fabs(w[at]) / 256) << r << " " << k;
      }
    }
  }
}

TEST(quantiser, weights_that_stand_on_levels_come_back_exactly) {
  rng random(2);
  std::vector<float> w(16 * 64);
  for (float& x : w) x = 0.25F * static_cast<float>(static_cast<int>(random.below(15)) - 7);
  for (std::size_t i = 0; i < w.size(); i += 32) w[i] = 0.25F * 7;  // the extreme is in each group
  const auto shape = make_packed_shape(16, 64, 4, 32, "w").value();
  EXPECT_EQ(held(quantise_nearest(w.data(), shape, "w").value()), w);
  EXPECT_EQ(held(quantise_searched(w.data(), shape, nullptr, "w").value()), w);
  const calibration c(64);
  EXPECT_EQ(held(quantise_gptq(w.data(), shape, c.columns.data(), c.upper.data(), "w").value()), w);
}

TEST(quantiser, searching_gains_and_looks_at_the_columns_that_matter) {
  const auto w = heavy_tailed(64 * 128, 3);
  std::vector<float> columns(128, 0.01F);
  for (std::size_t k = 0; k < 128; k += 16) columns[k] = 10;
  for (const std::int64_t group : {32, 64, 128}) {
    const auto shape = make_packed_shape(64, 128, 4, group, "w").value();
    const auto nearest = held(quantise_nearest(w.data(), shape, "w").value());
    const auto searched = held(quantise_searched(w.data(), shape, nullptr, "w").value());
    const auto aware = held(quantise_searched(w.data(), shape, columns.data(), "w").value());
    EXPECT_LT(error_of(searched, w, nullptr, 128), 0.95 * error_of(nearest, w, nullptr, 128)) << group;
    EXPECT_LT(error_of(aware, w, columns.data(), 128), 0.9 * error_of(searched, w, columns.data(), 128)) << group;
  }
}

TEST(quantiser, compensation_changes_products_least) {
  for (const std::size_t width : {64U, 192U}) {
    const calibration c(width);
    const auto w = heavy_tailed(40 * width, 4);
    for (const auto& [bits, group] : std::vector<std::pair<int, std::int64_t>>{{8, -1}, {4, 32}, {4, 64}}) {
      const auto shape = make_packed_shape(40, static_cast<std::int64_t>(width), bits, group, "w").value();
      const double nearest = c.loss(held(quantise_nearest(w.data(), shape, "w").value()), w);
      const double searched = c.loss(held(quantise_searched(w.data(), shape, c.columns.data(), "w").value()), w);
      const double gptq =
          c.loss(held(quantise_gptq(w.data(), shape, c.columns.data(), c.upper.data(), "w").value()), w);
      EXPECT_LE(searched, nearest) << width << " " << bits;
      EXPECT_LT(gptq, 0.6 * searched) << width << " " << bits << " " << group;
    }
  }
}

TEST(quantiser, two_columns_are_compensated_as_computed_by_hand) {
  // With H = [[1, r], [r, 1]] the best second weight for an error e of the first is w2 + r e.
  std::vector<float> w(32, 0.0F);
  w[0] = 0.125F * 7;     // on a level of the scale 1/8
  w[1] = 0.125F * 3.4F;  // rounds to 3, error 0.4
  w[2] = 0.125F * 1.2F;  // rounds to 1 alone; with 1.2 + 0.9 * 0.4 = 1.56 to 2
  matrix h(32 * 32, 0);
  for (std::size_t i = 0; i < 32; ++i) h[i * 33] = 1;
  h[1 * 32 + 2] = h[2 * 32 + 1] = 0.9;
  const matrix l = cholesky(inverse(h, 32), 32);
  std::vector<float> upper;
  for (std::size_t i = 0; i < 32; ++i) {
    for (std::size_t j = 0; j < 32; ++j) upper.push_back(static_cast<float>(l[j * 32 + i]));
  }
  // Only the extreme's own column matters to the scale, and it is met exactly.
  std::vector<float> columns(32, 0.0F);
  columns[0] = 1;
  const auto shape = make_packed_shape(1, 32, 4, 32, "w").value();
  const packed_weight q = quantise_gptq(w.data(), shape, columns.data(), upper.data(), "w").value();
  EXPECT_EQ(scale_at(q.view(), 0, 0), 0.125F);
  EXPECT_EQ(step_at(q.view(), 0, 0), 7);
  EXPECT_EQ(step_at(q.view(), 0, 1), 3);
  EXPECT_EQ(step_at(q.view(), 0, 2), 2);
}

TEST(quantiser, names_what_is_not_finite) {
  std::vector<float> w(2 * 32, 0.5F);
  w[32 + 5] = std::numeric_limits<float>::quiet_NaN();
  const auto shape = make_packed_shape(2, 32, 4, 32, "w").value();
  const auto refused = quantise_nearest(w.data(), shape, "some.layer");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.err().code, errc::corrupt);
  EXPECT_EQ(refused.err().context, "some.layer: the weight in row 1, column 5 is not finite");
  w[32 + 5] = 0.5F;
  calibration c(32);
  c.upper[3 * 32 + 3] = -1;
  EXPECT_EQ(quantise_gptq(w.data(), shape, c.columns.data(), c.upper.data(), "w").err().code, errc::corrupt);
}

TEST(quantiser, a_group_of_zeros_stays_zero) {
  const std::vector<float> w(16 * 32, 0.0F);
  const auto shape = make_packed_shape(16, 32, 4, 32, "w").value();
  EXPECT_EQ(held(quantise_searched(w.data(), shape, nullptr, "w").value()), w);
}

}  // namespace
}  // namespace freshet::quant
