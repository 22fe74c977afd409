#include "tools/freshet/launch_plan.hpp"

#include <gtest/gtest.h>

#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;
using time_point = restart_plan::time_point;
const ending killed{true, 9};

TEST(restart_plan, waits_ever_longer_and_then_gives_up) {
  restart_plan plan({});
  time_point now{};
  for (const int expected : {200, 400, 800, 1600, 3200, 6400, 10'000}) {
    plan.started(now);
    now += milliseconds(50);
    EXPECT_EQ(plan.ended(now, killed), milliseconds(expected));
    now += milliseconds(expected);
  }
  plan.started(now);
  EXPECT_EQ(plan.ended(now, killed), std::nullopt);
}

TEST(restart_plan, a_long_life_begins_anew) {
  restart_plan plan({});
  time_point now{};
  for (int i = 0; i < 5; ++i) {
    plan.started(now);
    (void)plan.ended(now, killed);
  }
  for (int i = 0; i < 100; ++i) {
    plan.started(now);
    now += milliseconds(10'000);
    EXPECT_EQ(plan.ended(now, killed), milliseconds(200));
  }
}

TEST(restart_plan, what_cannot_change_is_not_tried_again) {
  for (const int status : {exit_usage, exit_bad_config}) EXPECT_EQ(restart_plan({}).ended({}, {false, status}), std::nullopt);
  EXPECT_TRUE(restart_plan({}).ended({}, {true, exit_usage}).has_value()) << "a signal is no exit status";
  EXPECT_TRUE(restart_plan({}).ended({}, {false, exit_ok}).has_value()) << "nobody asked it to end";
}

}  // namespace
}  // namespace freshet::cli
