#include "actors/port/conduct.hpp"

#include <gtest/gtest.h>

namespace freshet::port {
namespace {

using namespace std::chrono_literals;

conduct_limits limits() { return {3, 10s, 5s, 4}; }

TEST(conduct, cuts_off_for_a_while_after_enough_strikes_in_the_window) {
  conduct c(limits());
  const time_point t{};
  EXPECT_FALSE(c.strike("a", t));
  EXPECT_FALSE(c.strike("a", t + 1s));
  EXPECT_FALSE(c.is_cut_off("a", t + 1s));
  EXPECT_TRUE(c.strike("a", t + 2s));
  EXPECT_TRUE(c.is_cut_off("a", t + 6999ms));
  EXPECT_FALSE(c.is_cut_off("a", t + 7s));
  EXPECT_FALSE(c.is_cut_off("b", t + 3s));
}

TEST(conduct, forgives_what_is_outside_of_the_window) {
  conduct c(limits());
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(c.strike("a", time_point{} + i * 6s)) << i;
}

TEST(conduct, remembers_few_senders_and_keeps_those_that_are_cut_off) {
  conduct c(limits());
  const time_point t{};
  for (int i = 0; i < 3; ++i) c.strike("bad", t);
  for (int i = 0; i < 100; ++i) c.strike("crowd" + std::to_string(i), t);
  EXPECT_TRUE(c.is_cut_off("bad", t + 1s));
}

}  // namespace
}  // namespace freshet::port
