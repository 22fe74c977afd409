// Which samples are kept and which are drawn, counted.
#include "kernels/distill/replay.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace freshet::distill {
namespace {

sample_handle numbered(std::int32_t number) {
  auto s = std::make_shared<labelled_sample>();
  s->prompt = {number};
  return s;
}

replay filled(std::size_t recent, std::size_t reservoir, std::int32_t count, std::uint64_t seed) {
  replay memory({recent, reservoir}, rng(seed));
  for (std::int32_t i = 0; i < count; ++i) memory.add(numbered(i));
  return memory;
}

std::vector<std::int32_t> numbers(const std::vector<sample_handle>& samples) {
  std::vector<std::int32_t> out;
  for (const auto& s : samples) out.push_back(s->prompt.front());
  return out;
}

constexpr batch_mix only_recent{0, 0};
constexpr batch_mix only_reservoir{1, 0};

TEST(replay, the_window_holds_the_newest) {
  replay memory = filled(5, 100, 12, 1);
  EXPECT_EQ(memory.seen(), 12U);
  EXPECT_EQ(memory.recent_size(), 5U);
  EXPECT_EQ(memory.reservoir_size(), 7U);
  auto recent = numbers(memory.draw(5, only_recent));
  std::sort(recent.begin(), recent.end());
  EXPECT_EQ(recent, (std::vector<std::int32_t>{7, 8, 9, 10, 11}));
  auto older = numbers(memory.draw(7, only_reservoir));
  std::sort(older.begin(), older.end());
  EXPECT_EQ(older, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(replay, leaves_the_window_oldest_first) {
  replay memory({3, 100}, rng(1));
  for (std::int32_t i = 0; i < 40; ++i) {
    memory.add(numbered(i));
    auto recent = numbers(memory.draw(memory.recent_size(), only_recent));
    EXPECT_EQ(*std::min_element(recent.begin(), recent.end()), std::max(0, i - 2));
    EXPECT_EQ(*std::max_element(recent.begin(), recent.end()), i);
  }
}

TEST(replay, the_reservoir_is_uniform_over_all_that_left) {
  constexpr std::size_t room = 20;
  constexpr std::int32_t left = 200;
  constexpr int trials = 2000;
  std::vector<double> seen(left, 0.0);
  for (int t = 0; t < trials; ++t) {
    replay memory = filled(1, room, left + 1, static_cast<std::uint64_t>(t) + 1);
    const auto kept = numbers(memory.draw(room, only_reservoir));
    EXPECT_EQ(std::set<std::int32_t>(kept.begin(), kept.end()).size(), room);
    for (std::int32_t i : kept) seen[static_cast<std::size_t>(i)] += 1;
  }
  const double share = static_cast<double>(room) / left;
  const double expected = trials * share;
  double chi_square = 0;
  for (double s : seen) chi_square += (s - expected) * (s - expected) / (expected * (1 - share));
  // 199 degrees of freedom, mean 199, deviation 20: five of those.
  EXPECT_LT(chi_square, 299);
  EXPECT_GT(chi_square, 99);
}

TEST(replay, shares_of_a_batch) {
  replay memory = filled(10, 50, 60, 2);
  std::vector<sample_handle> source;
  for (std::int32_t i = 0; i < 20; ++i) source.push_back(numbered(1000 + i));
  memory.set_source(source);
  EXPECT_EQ(memory.source_size(), 20U);
  const auto batch = numbers(memory.draw(10, {0.3, 0.2}));
  ASSERT_EQ(batch.size(), 10U);
  EXPECT_EQ(std::count_if(batch.begin(), batch.end(), [](std::int32_t i) { return i >= 1000; }), 2);
  EXPECT_EQ(std::count_if(batch.begin(), batch.end(), [](std::int32_t i) { return i < 50; }), 3);
  EXPECT_EQ(std::count_if(batch.begin(), batch.end(), [](std::int32_t i) { return i >= 50 && i < 1000; }), 5);
  EXPECT_EQ(std::set<std::int32_t>(batch.begin(), batch.end()).size(), 10U);
  // Shares that together exceed one never exceed the batch.
  EXPECT_EQ(memory.draw(10, {0.9, 0.9}).size(), 10U);
}

TEST(replay, the_recent_window_fills_in_for_empty_pools) {
  replay memory({10, 0}, rng(3));
  EXPECT_TRUE(memory.empty());
  for (std::int32_t i = 0; i < 30; ++i) memory.add(numbered(i));
  EXPECT_EQ(memory.reservoir_size(), 0U);
  const auto batch = numbers(memory.draw(8, {0.5, 0.5}));
  ASSERT_EQ(batch.size(), 8U);
  for (std::int32_t i : batch) EXPECT_GE(i, 20);
}

TEST(replay, repeats_only_when_a_pool_is_used_up) {
  replay memory = filled(4, 0, 4, 4);
  std::map<std::int32_t, int> times;
  for (std::int32_t i : numbers(memory.draw(10, only_recent))) ++times[i];
  EXPECT_EQ(times.size(), 4U);
  for (const auto& [number, count] : times) EXPECT_TRUE(count == 2 || count == 3) << number;
}

TEST(replay, draws_from_the_window_are_uniform) {
  replay memory = filled(10, 0, 25, 5);
  std::map<std::int32_t, double> times;
  constexpr int draws = 5000;
  for (int i = 0; i < draws; ++i) {
    for (std::int32_t n : numbers(memory.draw(3, only_recent))) times[n] += 1;
  }
  double chi_square = 0;
  for (std::int32_t n = 15; n < 25; ++n) {
    const double expected = draws * 0.3;
    chi_square += (times[n] - expected) * (times[n] - expected) / (expected * 0.7);
  }
  EXPECT_LT(chi_square, 9 + 5 * std::sqrt(18.0));
}

TEST(replay, repeats_by_seed) {
  const auto history = [](std::uint64_t seed) {
    replay memory = filled(5, 10, 200, seed);
    std::vector<std::int32_t> all;
    for (int i = 0; i < 10; ++i) {
      for (std::int32_t n : numbers(memory.draw(8, {0.5, 0.0}))) all.push_back(n);
    }
    return all;
  };
  EXPECT_EQ(history(1), history(1));
  EXPECT_NE(history(1), history(2));
}

TEST(replay_death, needs_a_window) { EXPECT_DEATH(replay({0, 10}, rng(1)), "recent window"); }

}  // namespace
}  // namespace freshet::distill
