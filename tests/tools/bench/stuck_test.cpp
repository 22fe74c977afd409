#include "tools/freshet/bench/stuck.hpp"

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

TEST(stuck, is_what_neither_gets_on_nor_computes_for_all_of_the_patience) {
  stuck run(60s, time_point{});
  const time_point begin{};
  EXPECT_FALSE(run.look(begin, 0, 500));
  EXPECT_FALSE(run.look(begin + 60s, 0, 500));
  EXPECT_TRUE(run.look(begin + 61s, 0, 500));
}

TEST(stuck, is_not_what_gets_on_however_little_it_computes) {
  stuck run(60s, time_point{});
  time_point now{};
  for (std::uint64_t tick = 0; tick < 10; ++tick) {
    EXPECT_FALSE(run.look(now, tick, 500));
    now += 50s;
  }
}

TEST(stuck, is_not_a_step_that_takes_many_times_the_patience) {
  stuck run(60s, time_point{});
  time_point now{};
  for (std::uint64_t second = 0; second < 600; ++second) {
    EXPECT_FALSE(run.look(now, 3, second * 1000));
    now += 1s;
  }
  // The step is over, and what should have followed does not.
  EXPECT_FALSE(run.look(now, 3, 600'000));
  EXPECT_TRUE(run.look(now + 62s, 3, 600'000));
}

TEST(stuck, timers_that_only_tick_are_no_work) {
  stuck run(60s, time_point{});
  time_point now{};
  std::uint64_t cpu_ms = 0;
  bool hangs = false;
  for (int second = 0; second < 62 && !hangs; ++second) {
    hangs = run.look(now, 3, cpu_ms);
    now += 1s;
    cpu_ms += 10;
  }
  EXPECT_TRUE(hangs);
}

}  // namespace
}  // namespace freshet::cli
