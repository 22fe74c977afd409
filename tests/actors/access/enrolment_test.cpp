#include "actors/access/enrolment.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace freshet::access {
namespace {

using namespace std::chrono_literals;

time_point at(duration t) { return time_point{} + t; }

class desk : public ::testing::Test {
 protected:
  [[nodiscard]] access_list open() const { return std::move(access_list::open(folder_.path() / "l.sqlite")).value(); }
  static std::string key(char c) { return std::string(32, c); }
  static topology::enrol_request with(const std::string& token) { return {"edge", token, {}}; }

  test::temporary_folder folder_;
  access_list list_ = open();
  enrolment desk_{open(), [] { return std::string("the list"); }};
};

TEST_F(desk, a_token_brings_a_key_in_once) {
  const std::string token = *list_.give_token({"edge", false}, 100, 60, "ann");
  const auto yes = desk_.answer(key('a'), "10.0.0.1", with(token), at(0s), 110);
  EXPECT_TRUE(yes.accepted) << yes.why;
  EXPECT_EQ(yes.trusted, "the list");
  EXPECT_EQ(list_.allowed()->at(key('a')).node, "edge");
  const auto again = desk_.answer(key('b'), "10.0.0.1", with(token), at(0s), 111);
  EXPECT_FALSE(again.accepted);
  EXPECT_TRUE(again.trusted.empty());
  EXPECT_EQ(list_.allowed()->size(), 1U);
}

TEST_F(desk, guessing_is_slow_and_hinders_no_other_address) {
  const std::string token = *list_.give_token({"edge", false}, 100, 3600, "ann");
  int looked_up = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto no = desk_.answer(key('a'), "10.0.0.66", with(std::string(40, 'f')), at(i * 10ms), 110);
    EXPECT_FALSE(no.accepted);
    looked_up += no.why.find("too many") == std::string::npos ? 1 : 0;
  }
  EXPECT_LE(looked_up, 5 + 2 + 1);
  EXPECT_FALSE(desk_.answer(key('a'), "10.0.0.66", with(token), at(9992ms), 110).accepted);
  EXPECT_TRUE(desk_.answer(key('b'), "10.0.0.1", with(token), at(9992ms), 110).accepted);
}

TEST_F(desk, a_crowd_of_addresses_is_slow_together) {
  int looked_up = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto no = desk_.answer(key('a'), "10.1." + std::to_string(i), with("x"), at(i * 1ms), 110);
    looked_up += no.why.find("too many") == std::string::npos ? 1 : 0;
  }
  EXPECT_LE(looked_up, 50 + 50 + 1);
}

TEST_F(desk, an_allowed_key_brings_in_its_successor_and_only_for_its_own_node) {
  ASSERT_TRUE(list_.allow(key('a'), {"edge", false}, 1, "ann").ok());
  ASSERT_TRUE(list_.allow(key('o'), {"other", false}, 1, "ann").ok());
  topology::enrol_request next{"edge", {}, std::vector<std::uint8_t>(32, 'b')};
  EXPECT_FALSE(desk_.answer(key('o'), "1", next, at(0s), 2).accepted);
  EXPECT_FALSE(desk_.answer(key('x'), "2", next, at(0s), 2).accepted);
  EXPECT_TRUE(desk_.answer(key('a'), "3", next, at(0s), 2).accepted);
  EXPECT_EQ(list_.allowed()->count(key('b')), 1U);
  ASSERT_TRUE(list_.revoke(key('a'), 3, "ann").ok());
  next.successor.assign(32, 'c');
  EXPECT_FALSE(desk_.answer(key('a'), "4", next, at(0s), 4).accepted);
  EXPECT_TRUE(desk_.answer(key('b'), "5", next, at(0s), 4).accepted);
}

}  // namespace
}  // namespace freshet::access
