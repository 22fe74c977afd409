// Held to brute force: every way to deal the right answers out is counted.
#include "kernels/rollout/comparison.hpp"

#include "kernels/base/rng.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace freshet::rollout {
namespace {

stratum of(std::uint64_t n, std::uint64_t a, std::uint64_t m, std::uint64_t b) { return {{n, a}, {m, b}}; }

// All ways to choose which answers, of both sides of all strata, are the right ones, given how many of a
// stratum are; each is as likely as any other. Bit i of a mask is answer i; the trial's come first.
double by_counting(const std::vector<stratum>& strata) {
  std::uint64_t seen = 0;
  for (const stratum& s : strata) seen += s.trial.agreed;
  std::vector<double> chance{1.0};
  std::vector<std::vector<std::uint64_t>> ways;
  std::uint64_t total = 1;
  std::vector<std::uint64_t> sums{0};
  for (const stratum& s : strata) {
    const auto all = s.trial.asked + s.control.asked;
    std::vector<std::uint64_t> mine;
    for (std::uint64_t mask = 0; mask < (std::uint64_t{1} << all); ++mask) {
      const auto right = static_cast<std::uint64_t>(__builtin_popcountll(mask));
      if (right != s.trial.agreed + s.control.agreed) continue;
      mine.push_back(
          static_cast<std::uint64_t>(__builtin_popcountll(mask & ((std::uint64_t{1} << s.trial.asked) - 1))));
    }
    std::vector<std::uint64_t> next;
    for (const auto a : sums)
      for (const auto b : mine) next.push_back(a + b);
    sums = std::move(next);
    total *= mine.size();
  }
  std::uint64_t as_few = 0;
  for (const auto x : sums) as_few += x <= seen ? 1 : 0;
  return static_cast<double>(as_few) / static_cast<double>(total);
}

TEST(comparison, one_stratum_is_what_counting_gives) {
  for (std::uint64_t n = 1; n <= 6; ++n)
    for (std::uint64_t m = 1; m <= 6; ++m)
      for (std::uint64_t a = 0; a <= n; ++a)
        for (std::uint64_t b = 0; b <= m; ++b) {
          const std::vector<stratum> s{of(n, a, m, b)};
          ASSERT_NEAR(chance_of_worse(s), by_counting(s), 1e-12) << a << "/" << n << " against " << b << "/" << m;
        }
}

TEST(comparison, several_strata_are_what_counting_gives) {
  rng draw(7);
  for (int round = 0; round < 60; ++round) {
    std::vector<stratum> s;
    for (std::uint64_t i = 0; i < 1 + draw.below(3); ++i) {
      const auto n = 1 + draw.below(4);
      const auto m = 1 + draw.below(4);
      s.push_back(of(n, draw.below(n + 1), m, draw.below(m + 1)));
    }
    ASSERT_NEAR(chance_of_worse(s), by_counting(s), 1e-12);
  }
}

TEST(comparison, a_known_table) {
  // Fisher's tea, one cup wrong: (1 + 16) / 70 of the mirror image.
  EXPECT_NEAR(chance_of_worse({of(4, 1, 4, 3)}), 17.0 / 70.0, 1e-12);
  EXPECT_DOUBLE_EQ(chance_of_worse({}), 1.0);
  EXPECT_DOUBLE_EQ(chance_of_worse({of(5, 0, 0, 0)}), 1.0) << "nobody to compare with";
}

TEST(comparison, strata_are_not_confounded) {
  // The trial meets the hard domain more often and does as well in both.
  const std::vector<stratum> s{of(90, 27, 10, 3), of(10, 9, 90, 81)};
  EXPECT_NEAR(loss_of(s), 0.0, 1e-12);
  EXPECT_GT(chance_of_worse(s), 0.4);
  EXPECT_LT(chance_of_worse({of(100, 36, 100, 84)}), 1e-9) << "what adding them up would claim";
}

TEST(comparison, thousands_of_samples_are_no_trouble) {
  EXPECT_NEAR(chance_of_worse({of(4000, 3200, 4000, 3200)}), 0.5, 0.02);
  EXPECT_LT(chance_of_worse({of(4000, 3000, 4000, 3200)}), 1e-6);
}

TEST(comparison, the_exact_test_never_alarms_more_often_than_it_says) {
  // Every outcome of both sides, weighed by its chance when both are alike.
  for (const double p : {0.3, 0.5, 0.8, 0.95}) {
    for (const auto& [n, m] : {std::pair{8, 8}, std::pair{8, 40}, std::pair{20, 12}}) {
      const auto chance = [&](int of_n, int k) {
        return std::exp(std::lgamma(of_n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(of_n - k + 1.0) + k * std::log(p) +
                        (of_n - k) * std::log1p(-p));
      };
      double alarms = 0;
      for (int a = 0; a <= n; ++a)
        for (int b = 0; b <= m; ++b)
          if (chance_of_worse({of(static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(a),
                                  static_cast<std::uint64_t>(m), static_cast<std::uint64_t>(b))}) <= 0.05)
            alarms += chance(n, a) * chance(m, b);
      EXPECT_LE(alarms, 0.05) << p << " " << n << " " << m;
    }
  }
}

TEST(comparison, bounds_hold_the_true_loss_about_as_often_as_they_say) {
  rng draw(3);
  const double p = 0.8;
  const double q = 0.7;
  int inside = 0;
  const int rounds = 4000;
  for (int r = 0; r < rounds; ++r) {
    stratum s{{40, 0}, {60, 0}};
    for (int i = 0; i < 40; ++i) s.trial.agreed += draw.chance(q) ? 1 : 0;
    for (int i = 0; i < 60; ++i) s.control.agreed += draw.chance(p) ? 1 : 0;
    const interval got = loss_bounds(s, 1.96);
    inside += got.low <= p - q && p - q <= got.high ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(inside) / rounds, 0.95, 0.02);
  // Newcombe (1998), table II, column (a): 56/70 - 48/80 gives 0.0524 to 0.3339.
  const interval known = loss_bounds({{80, 48}, {70, 56}}, 1.959964);
  EXPECT_NEAR(known.low, 0.0524, 5e-5);
  EXPECT_NEAR(known.high, 0.3339, 5e-5);
}

}  // namespace
}  // namespace freshet::rollout
