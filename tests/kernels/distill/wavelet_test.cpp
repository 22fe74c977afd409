// The filter against what makes it a Daubechies wavelet of six vanishing moments, the transform
// against its definition and against orthonormality.
#include "kernels/distill/wavelet.hpp"

#include <cmath>

#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {
namespace {

std::vector<double> values_of(const at::Tensor& t) {
  const at::Tensor flat = t.contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

double high_pass(std::size_t j) { return (j % 2 == 0 ? -1.0 : 1.0) * db6_low_pass[11 - j]; }

TEST(wavelet, taps_are_orthonormal) {
  double sum = 0;
  for (double tap : db6_low_pass) sum += tap;
  EXPECT_NEAR(sum, std::sqrt(2.0), 1e-10);
  for (std::size_t shift = 0; shift < 12; shift += 2) {
    double low = 0;
    double high = 0;
    double cross = 0;
    for (std::size_t j = 0; j + shift < 12; ++j) {
      low += db6_low_pass[j] * db6_low_pass[j + shift];
      high += high_pass(j) * high_pass(j + shift);
      cross += db6_low_pass[j] * high_pass(j + shift);
    }
    EXPECT_NEAR(low, shift == 0 ? 1 : 0, 1e-10) << shift;
    EXPECT_NEAR(high, shift == 0 ? 1 : 0, 1e-10) << shift;
    EXPECT_NEAR(cross, 0, 1e-10) << shift;
  }
}

TEST(wavelet, high_pass_has_six_vanishing_moments) {
  for (int power = 0; power < 6; ++power) {
    double moment = 0;
    for (std::size_t j = 0; j < 12; ++j) moment += std::pow(static_cast<double>(j) / 11, power) * high_pass(j);
    EXPECT_NEAR(moment, 0, 1e-9) << power;
  }
  double seventh = 0;
  for (std::size_t j = 0; j < 12; ++j) seventh += std::pow(static_cast<double>(j) / 11, 6) * high_pass(j);
  EXPECT_GT(std::abs(seventh), 1e-5);
}

TEST(wavelet, lengths_are_those_of_the_paper) {
  const wavelet_bands bands = db6_transform(at::randn({2, 3, 32}), 3);
  ASSERT_EQ(bands.details.size(), 3U);
  EXPECT_EQ(bands.details[0].sizes(), (std::vector<std::int64_t>{2, 3, 21}));
  EXPECT_EQ(bands.details[1].sizes(), (std::vector<std::int64_t>{2, 3, 16}));
  EXPECT_EQ(bands.details[2].sizes(), (std::vector<std::int64_t>{2, 3, 13}));
  EXPECT_EQ(bands.approximation.sizes(), (std::vector<std::int64_t>{2, 3, 13}));
}

TEST(wavelet, equals_its_definition_at_any_length) {
  at::manual_seed(1);
  for (std::int64_t n : {1, 2, 3, 5, 9, 12, 21, 32, 37}) {
    const at::Tensor x = at::randn({2, 3, n}, at::kDouble);
    const wavelet_bands bands = db6_transform(x, 3);
    for (std::int64_t row = 0; row < 2; ++row) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        std::vector<double> signal = values_of(x[row][channel]);
        for (std::size_t level = 0; level < 3; ++level) {
          auto [low, high] = transform_by_definition(signal);
          const std::vector<double> got = values_of(bands.details[level][row][channel]);
          ASSERT_EQ(got.size(), high.size());
          for (std::size_t i = 0; i < high.size(); ++i) EXPECT_NEAR(got[i], high[i], 1e-12) << n << " level " << level;
          signal = std::move(low);
        }
        const std::vector<double> rest = values_of(bands.approximation[row][channel]);
        ASSERT_EQ(rest.size(), signal.size());
        for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_NEAR(rest[i], signal[i], 1e-12);
      }
    }
  }
}

TEST(wavelet, single_precision_agrees_with_double) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({24, 128, 36}, at::kDouble);
  const wavelet_bands exact = db6_transform(x, 3);
  const wavelet_bands fast = db6_transform(x.to(at::kFloat), 3);
  for (std::size_t level = 0; level < 3; ++level) {
    EXPECT_LT(largest_difference(fast.details[level].to(at::kDouble), exact.details[level]), 1e-5);
  }
}

TEST(wavelet, is_linear) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({1, 2, 19}, at::kDouble);
  const at::Tensor y = at::randn({1, 2, 19}, at::kDouble);
  const wavelet_bands both = db6_transform(2.5 * x - y, 3);
  const wavelet_bands one = db6_transform(x, 3);
  const wavelet_bands other = db6_transform(y, 3);
  for (std::size_t level = 0; level < 3; ++level) {
    EXPECT_LT(largest_difference(both.details[level], 2.5 * one.details[level] - other.details[level]), 1e-12);
  }
}

TEST(wavelet, keeps_the_energy_of_a_signal) {
  // Zero padding keeps every coefficient that is not zero, so an orthonormal transform loses nothing.
  at::manual_seed(4);
  for (std::int64_t n : {7, 32, 101}) {
    const at::Tensor x = at::constant_pad_nd(at::randn({1, 1, n}, at::kDouble), {40, 40});
    const wavelet_bands bands = db6_transform(x, 3);
    double energy = bands.approximation.square().sum().item<double>();
    for (const at::Tensor& d : bands.details) energy += d.square().sum().item<double>();
    EXPECT_NEAR(energy, x.square().sum().item<double>(), 1e-8) << n;
  }
}

TEST(wavelet, details_of_a_smooth_signal_vanish_inside) {
  const at::Tensor t = at::arange(64, at::kDouble) / 64;
  const at::Tensor x = (1 + t - 3 * t.pow(2) + t.pow(5)).reshape({1, 1, 64});
  const at::Tensor detail = db6_transform(x, 1).details[0];
  EXPECT_LT(detail.narrow(2, 5, 27).abs().max().item<double>(), 1e-8);
  EXPECT_GT(detail.abs().max().item<double>(), 1e-2);
}

TEST(wavelet, gradient_equals_differences) {
  at::manual_seed(5);
  const at::Tensor weight = at::randn({2, 3, 13}, at::kDouble);
  expect_gradient([&](const at::Tensor& x) { return (db6_transform(x, 3).details[2] * weight).sum(); },
                  at::randn({2, 3, 32}, at::kDouble));
}

}  // namespace
}  // namespace freshet::distill
