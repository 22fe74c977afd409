#include "kernels/delta/knapsack.hpp"

#include "kernels/base/rng.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::delta {
namespace {

using items_t = std::vector<std::vector<rate_option>>;

double best_by_force(const items_t& items, std::size_t from, std::uint64_t left) {
  if (from == items.size()) return 0;
  double best = best_by_force(items, from + 1, left);
  for (const auto& option : items[from]) {
    if (option.bytes <= left) {
      best = std::max(best, option.gain + best_by_force(items, from + 1, left - option.bytes));
    }
  }
  return best;
}

TEST(knapsack, near_the_optimum_and_within_budget) {
  rng from(1);
  double worst = 1;
  double sum = 0;
  const int rounds = 1500;
  for (int round = 0; round < rounds; ++round) {
    items_t items(1 + from.below(5));
    double largest_step = 0;
    const std::uint64_t budget = 1 + from.below(120);
    for (auto& options : items) {
      options.resize(from.below(6));
      for (auto& option : options) option = {1 + from.below(60), from.uniform(-0.1, 1.0) * 30};
      rate_option last;
      for (const std::size_t place : concave_hull(options, budget)) {
        largest_step = std::max(largest_step, options[place].gain - last.gain);
        last = options[place];
      }
    }
    const auto picks = choose_rates(items, budget);
    std::uint64_t bytes = 0;
    double gain = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (picks[i] == no_option) continue;
      bytes += items[i][picks[i]].bytes;
      gain += items[i][picks[i]].gain;
    }
    ASSERT_LE(bytes, budget);
    const double best = best_by_force(items, 0, budget);
    ASSERT_GE(gain, best - largest_step - 1e-9);
    ASSERT_GE(gain, best / 2 - 1e-9);
    const double ratio = best > 0 ? gain / best : 1;
    worst = std::min(worst, ratio);
    sum += ratio;
  }
  EXPECT_GE(sum / rounds, 0.97);
  EXPECT_GE(worst, 0.6);
}

TEST(knapsack, hull_drops_what_lies_below_it) {
  const std::vector<rate_option> options{{10, 5}, {20, 6}, {30, 12}, {30, 11}, {40, 12}, {90, 50}};
  EXPECT_EQ(concave_hull(options, 50), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(concave_hull(options, 100), (std::vector<std::size_t>{5}));
  EXPECT_TRUE(concave_hull({{5, 0}, {6, -1}}, 100).empty());
}

TEST(knapsack, a_big_item_beats_a_steep_small_one) {
  const items_t items{{{1, 2}}, {{100, 100}}};
  EXPECT_EQ(choose_rates(items, 100), (std::vector<std::size_t>{no_option, 0}));
  EXPECT_EQ(choose_rates(items, 101), (std::vector<std::size_t>{0, 0}));
}

}  // namespace
}  // namespace freshet::delta
