#include "actors/rt/restart_budget.hpp"

#include <gtest/gtest.h>

namespace freshet::rt {
namespace {

using namespace std::chrono_literals;

restart_limits limits() {
  restart_limits l;
  l.first_delay = 100ms;
  l.longest_delay = 1s;
  l.restarts = 5;
  l.window = 60s;
  return l;
}

TEST(restart_budget, doubles_up_to_the_longest_and_then_is_spent) {
  restart_budget b(limits());
  const time_point t{};
  EXPECT_EQ(b.failed(t), duration(100ms));
  EXPECT_EQ(b.failed(t + 1s), duration(200ms));
  EXPECT_EQ(b.failed(t + 2s), duration(400ms));
  EXPECT_EQ(b.failed(t + 3s), duration(800ms));
  EXPECT_EQ(b.failed(t + 4s), duration(1s));
  EXPECT_EQ(b.failed(t + 5s), std::nullopt);
  EXPECT_EQ(b.failed(t + 6s), std::nullopt);
}

TEST(restart_budget, failures_outside_of_the_window_are_forgotten) {
  restart_budget b(limits());
  const time_point t{};
  for (int i = 0; i < 200; ++i) EXPECT_EQ(b.failed(t + i * 61s), duration(100ms)) << i;
}

TEST(restart_budget, allows_none_when_told_so) {
  auto l = limits();
  l.restarts = 0;
  EXPECT_EQ(restart_budget(l).failed(time_point{}), std::nullopt);
}

}  // namespace
}  // namespace freshet::rt
