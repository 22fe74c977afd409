#include "tools/freshet/service/node_watch.hpp"

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

struct node_watch_test : ::testing::Test {
  node_watch watch{{"a", "b"}, {5s, 30s, 600s}};
  node_watch::time_point at(std::chrono::milliseconds t) { return node_watch::time_point{} + 1h + t; }
};

TEST_F(node_watch_test, is_ready_once_every_process_of_now_has_said_so) {
  EXPECT_FALSE(watch.all_ready());
  watch.started("a", 11, at(0s));
  watch.started("b", 12, at(0s));
  watch.heard({11, "READY=1\nWATCHDOG=1\n"}, at(1s));
  watch.heard({99, "READY=1\n"}, at(1s));
  EXPECT_FALSE(watch.all_ready()) << "nobody may speak for another";
  EXPECT_EQ(watch.view(at(1s))[1].state, node_state::starting);
  watch.heard({12, "READY=1\n"}, at(2s));
  EXPECT_TRUE(watch.all_ready());
  watch.ended("a", "ended with signal 9 (Killed)");
  EXPECT_FALSE(watch.all_ready());
  EXPECT_EQ(watch.view(at(2s))[0].why, "ended with signal 9 (Killed)");
  watch.started("a", 13, at(3s));
  watch.heard({11, "READY=1\n"}, at(3s));
  EXPECT_FALSE(watch.all_ready()) << "the word of a process that is gone counts no more";
  EXPECT_EQ(watch.view(at(3s))[0].starts, 2U);
}

TEST_F(node_watch_test, silence_is_late_first_and_hung_then) {
  watch.started("a", 11, at(0s));
  watch.heard({11, "READY=1\nWATCHDOG=1\n"}, at(0s));
  EXPECT_TRUE(watch.all_answer(at(5s)));
  EXPECT_FALSE(watch.all_answer(at(5001ms)));
  EXPECT_EQ(watch.view(at(7s))[0].state, node_state::late);
  EXPECT_EQ(watch.view(at(7s))[0].why, "has not answered for 7 s");
  EXPECT_TRUE(watch.hung(at(30s)).empty());
  EXPECT_EQ(watch.hung(at(30'001ms)), std::vector<std::string>{"a"});
  watch.heard({11, "WATCHDOG=1\n"}, at(31s));
  EXPECT_TRUE(watch.all_answer(at(31s)));
  EXPECT_TRUE(watch.hung(at(31s)).empty());
}

TEST_F(node_watch_test, a_long_start_is_no_hang_until_it_is_far_too_long) {
  watch.started("a", 11, at(0s));
  EXPECT_TRUE(watch.all_answer(at(599s)));
  EXPECT_TRUE(watch.hung(at(599s)).empty());
  EXPECT_EQ(watch.hung(at(601s)), std::vector<std::string>{"a"});
}

TEST_F(node_watch_test, roles_that_are_not_well_travel_with_a_sign_of_life) {
  watch.started("a", 11, at(0s));
  const std::vector<unwell_role> unwell{{"teacher", "is given up; it failed: \"no\nmodel\" \xff"}};
  watch.heard({11, "WATCHDOG=1\n" + health_line(unwell)}, at(1s));
  const auto seen = watch.view(at(1s))[0].unwell;
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].role, "teacher");
  EXPECT_EQ(seen[0].why, "is given up; it failed: \"no model\" \xef\xbf\xbd");
  watch.heard({11, "X_FRESHET_UNWELL=[{\"role\":1}]"}, at(2s));
  EXPECT_EQ(watch.view(at(2s))[0].unwell.size(), 1U) << "what cannot be read changes nothing";
  watch.heard({11, "WATCHDOG=1\n" + health_line({})}, at(3s));
  EXPECT_TRUE(watch.view(at(3s))[0].unwell.empty());
}

}  // namespace
}  // namespace freshet::cli
