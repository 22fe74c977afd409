// Feature energy, dropout and Mahalanobis: closed forms, brute force, statistics.
#include <algorithm>
#include <numeric>

#include "kernels/uncertainty/feature_energy.hpp"
#include "kernels/uncertainty/mahalanobis.hpp"
#include "tests/kernels/uncertainty/score_fixture.hpp"

namespace freshet::uncertainty {
namespace {

gaussian random_gaussian(rng& g, std::size_t width) {
  gaussian made;
  for (std::size_t d = 0; d < width; ++d) {
    made.mean.push_back(static_cast<float>(g.normal()));
    made.inv_var.push_back(static_cast<float>(g.uniform(0.2, 5.0)));
  }
  return made;
}

TEST(feature_energy, fast_agrees_with_reference_and_with_itself) {
  rng g(21);
  for (std::size_t width : odd_widths) {
    const std::vector<float> x = normal_rows(g, 7 * width, 3.0);
    std::vector<float> expected(7), got(7), first(7);
    feature_energy_rows_reference(x.data(), 7, width, 0.3, expected.data());
    feature_energy_rows(x.data(), 7, width, 0.3, first.data(), instruction_set::baseline);
    for (instruction_set set : instruction_sets()) {
      feature_energy_rows(x.data(), 7, width, 0.3, got.data(), set);
      EXPECT_EQ(got, first);
      for (std::size_t r = 0; r < 7; ++r) {
        EXPECT_NEAR(got[r], expected[r], feature_energy_tolerance * expected[r]) << width;
      }
    }
  }
}

TEST(feature_energy, closed_form) {
  const std::vector<float> x = {3, 4, 0, 0, 1, 1, 1, 1};
  std::vector<float> out(2);
  feature_energy_rows(x.data(), 2, 4, 0.5, out.data());
  EXPECT_FLOAT_EQ(out[0], 25.0f / 4);
  EXPECT_FLOAT_EQ(out[1], 1.0f);
  feature_energy_rows(x.data(), 2, 4, 0.2, out.data());
  EXPECT_FLOAT_EQ(out[0], 0.25f * 25.0f / 4);
}

// The published procedure, word for word: draw masks, scale, take the unbiased variance.
TEST(mc_dropout, equals_the_variance_of_explicit_draws) {
  rng g(22);
  const std::vector<float> x = normal_rows(g, 3 * 10);
  std::vector<float> got(3);
  rng a(5);
  mc_dropout_rows(x.data(), 3, 10, 4, 0.3, a, got.data());
  rng b(5);
  for (std::size_t r = 0; r < 3; ++r) {
    double mean_variance = 0;
    for (std::size_t d = 0; d < 10; ++d) {
      std::vector<double> draws;
      for (int k = 0; k < 4; ++k) draws.push_back(b.chance(0.7) ? static_cast<double>(x[r * 10 + d]) / 0.7 : 0.0);
      const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / 4;
      double variance = 0;
      for (double v : draws) variance += (v - mean) * (v - mean) / 3;
      mean_variance += variance / 10;
    }
    EXPECT_NEAR(got[r], mean_variance, 1e-5 * (1 + mean_variance));
  }
}

// E[mc_dropout] = feature_energy (the derived identity of methods 1.1).
TEST(mc_dropout, mean_over_many_runs_is_the_energy) {
  rng g(23);
  const std::size_t rows = 6, width = 32;
  std::vector<float> x = normal_rows(g, rows * width);
  for (double p : {0.5, 0.25}) {
    std::vector<float> energy(rows), once(rows);
    feature_energy_rows(x.data(), rows, width, p, energy.data());
    std::vector<double> mean(rows, 0.0), square(rows, 0.0);
    const int runs = 800;
    for (int i = 0; i < runs; ++i) {
      mc_dropout_rows(x.data(), rows, width, 10, p, g, once.data());
      for (std::size_t r = 0; r < rows; ++r) {
        mean[r] += static_cast<double>(once[r]) / runs;
        square[r] += static_cast<double>(once[r]) * once[r] / runs;
      }
    }
    for (std::size_t r = 0; r < rows; ++r) {
      const double standard_error = std::sqrt((square[r] - mean[r] * mean[r]) / runs);
      EXPECT_NEAR(mean[r], energy[r], 4.5 * standard_error) << "p " << p;
    }
  }
}

TEST(mc_dropout, ranks_tokens_as_the_energy_does) {
  rng g(24);
  const std::size_t tokens = 32, width = 256;
  std::vector<float> x;
  for (std::size_t l = 0; l < tokens; ++l) {
    const std::vector<float> row = normal_rows(g, width, g.uniform(0.5, 2.0));
    x.insert(x.end(), row.begin(), row.end());
  }
  std::vector<float> energy(tokens), drawn(tokens);
  feature_energy_rows(x.data(), tokens, width, 0.5, energy.data());
  mc_dropout_rows(x.data(), tokens, width, 10, 0.5, g, drawn.data());
  const auto rank_of = [&](const std::vector<float>& v, std::size_t i) {
    return static_cast<double>(std::count_if(v.begin(), v.end(), [&](float y) { return y < v[i]; }));
  };
  double difference = 0;
  for (std::size_t l = 0; l < tokens; ++l) difference += std::pow(rank_of(energy, l) - rank_of(drawn, l), 2);
  const double n = tokens;
  const double spearman = 1 - 6 * difference / (n * (n * n - 1));
  EXPECT_GT(spearman, 0.97);
}

TEST(mahalanobis, fast_agrees_with_reference_and_with_itself) {
  rng g(25);
  for (std::size_t width : odd_widths) {
    const gaussian source = random_gaussian(g, width), other = random_gaussian(g, width);
    const std::vector<float> x = normal_rows(g, 5 * width, 2.0, 0.5);
    for (bool unit : {false, true}) {
      std::vector<float> plain(5), to_other(5), expected(5), got(5), first(5);
      mahalanobis_rows_reference(x.data(), 5, source, {}, unit, plain.data());
      mahalanobis_rows_reference(x.data(), 5, other, {}, unit, to_other.data());
      mahalanobis_rows_reference(x.data(), 5, source, other, unit, expected.data());
      mahalanobis_rows(x.data(), 5, source, other, unit, first.data(), instruction_set::baseline);
      for (instruction_set set : instruction_sets()) {
        mahalanobis_rows(x.data(), 5, source, other, unit, got.data(), set);
        EXPECT_EQ(got, first);
        for (std::size_t r = 0; r < 5; ++r) {
          EXPECT_NEAR(got[r], expected[r], mahalanobis_tolerance * (plain[r] + to_other[r])) << width;
          EXPECT_NEAR(expected[r], plain[r] - to_other[r], 1e-4 * (plain[r] + to_other[r]));
        }
        mahalanobis_rows(x.data(), 5, source, {}, unit, got.data(), set);
        for (std::size_t r = 0; r < 5; ++r) EXPECT_NEAR(got[r], plain[r], mahalanobis_tolerance * plain[r]);
      }
    }
  }
}

TEST(mahalanobis, closed_forms) {
  gaussian g;
  g.mean = {1, 2};
  g.inv_var = {1, 4};
  const std::vector<float> x = {1, 2, 3, 3};
  std::vector<float> out(2);
  mahalanobis_rows(x.data(), 2, g, {}, false, out.data());
  EXPECT_FLOAT_EQ(out[0], 0);
  EXPECT_FLOAT_EQ(out[1], (4.0f + 4.0f) / 2);
  mahalanobis_rows(x.data(), 2, g, g, false, out.data());
  EXPECT_EQ(out[1], 0);
}

TEST(mahalanobis, own_data_lies_at_one_and_unit_form_ignores_scale) {
  rng g(26);
  const std::size_t rows = 4000, width = 12;
  const std::vector<float> x = normal_rows(g, rows * width, 2.5, -1.0);
  const auto fitted = fit_gaussian(x.data(), rows, width);
  ASSERT_TRUE(fitted.ok());
  std::vector<float> out(rows);
  mahalanobis_rows(x.data(), rows, *fitted, {}, false, out.data());
  // chi-square with D degrees of freedom, divided by D: mean 1.
  EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0) / rows, 1.0, 0.02);
  std::vector<float> scaled(x.begin(), x.begin() + 3 * width);
  for (float& v : scaled) v *= 7.5f;
  std::vector<float> a(3), b(3);
  mahalanobis_rows(x.data(), 3, *fitted, {}, true, a.data());
  mahalanobis_rows(scaled.data(), 3, *fitted, {}, true, b.data());
  for (int r = 0; r < 3; ++r) EXPECT_NEAR(a[r], b[r], 1e-4);
}

TEST(gaussian, fit_equals_the_two_pass_formula) {
  rng g(27);
  const std::size_t rows = 37, width = 5;
  const std::vector<float> x = normal_rows(g, rows * width, 3.0, 10.0);
  const auto fitted = fit_gaussian(x.data(), rows, width);
  ASSERT_TRUE(fitted.ok());
  for (std::size_t d = 0; d < width; ++d) {
    double mean = 0, variance = 0;
    for (std::size_t r = 0; r < rows; ++r) mean += static_cast<double>(x[r * width + d]) / rows;
    for (std::size_t r = 0; r < rows; ++r) variance += std::pow(static_cast<double>(x[r * width + d]) - mean, 2) / (rows - 1);
    EXPECT_NEAR(fitted->mean[d], mean, 1e-5 * std::abs(mean));
    EXPECT_NEAR(fitted->inv_var[d], 1 / variance, 1e-5 / variance);
  }
}

TEST(gaussian, forgets_floors_and_skips_what_is_not_finite) {
  gaussian_fitter forgetting(1, 50);
  rng g(28);
  const std::vector<float> old = normal_rows(g, 500, 1.0, 100.0), fresh = normal_rows(g, 500, 1.0, -100.0);
  forgetting.add(old.data(), 500);
  forgetting.add(fresh.data(), 500);
  EXPECT_NEAR(forgetting.fit()->mean[0], -100, 1.0);

  gaussian_fitter still(2);
  const std::vector<float> rows = {1, 5, 2, 5, NAN, 5, 3, INFINITY, 4, 5};
  still.add(rows.data(), 5);
  EXPECT_EQ(still.rows(), 3u);
  const auto fitted = still.fit(0.01);
  ASSERT_TRUE(fitted.ok());
  // Variances 7/3 and 0; the floor is 1 % of their mean.
  EXPECT_NEAR(fitted->inv_var[0], 3.0 / 7, 1e-5);
  EXPECT_NEAR(fitted->inv_var[1], 1 / (0.01 * 7.0 / 6), 1e-2);
  EXPECT_FALSE(gaussian_fitter(3).fit().ok());
}

TEST(gaussian, checks_what_comes_from_outside) {
  EXPECT_TRUE(checked_gaussian({1, 2}, {1, 2}).ok());
  EXPECT_EQ(checked_gaussian({1, 2}, {1}).err().code, errc::shape_mismatch);
  EXPECT_EQ(checked_gaussian({1, NAN}, {1, 1}).err().code, errc::corrupt);
  EXPECT_EQ(checked_gaussian({1, 2}, {1, 0}).err().code, errc::corrupt);
  EXPECT_EQ(checked_gaussian({1, 2}, {1, INFINITY}).err().code, errc::corrupt);
  EXPECT_EQ(checked_gaussian({1, 2, 3}, {1, 1, 1}, 2).err().code, errc::too_large);
}

TEST(pooled_features, is_the_mean_token) {
  const std::vector<float> x = {1, 10, 3, 30};
  EXPECT_EQ(pooled_features(x.data(), 2, 2), (std::vector<float>{2, 20}));
}

}  // namespace
}  // namespace freshet::uncertainty
