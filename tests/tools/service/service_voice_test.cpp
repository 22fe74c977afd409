#include "tools/freshet/service/service_voice.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

struct service_voice_test : ::testing::Test {
  std::vector<std::string> said;
  bool heard = true;
  service_voice voice{[this](const std::string& lines) {
                        if (heard) said.push_back(lines);
                        return heard;
                      },
                      std::chrono::microseconds(10s)};
  service_voice::time_point at(std::chrono::milliseconds t) { return service_voice::time_point{} + 100s + t; }
  std::vector<std::string> take() { return std::exchange(said, {}); }
};

TEST_F(service_voice_test, is_ready_once_and_gives_signs_of_life_at_half_of_the_watchdog) {
  voice.turn(at(0s), false, true);
  EXPECT_EQ(take(), std::vector<std::string>{"WATCHDOG=1\n"}) << "a long start is no hang";
  voice.turn(at(1s), true, true);
  EXPECT_EQ(take(), std::vector<std::string>{"READY=1\n"});
  voice.turn(at(4999ms), true, true);
  EXPECT_TRUE(take().empty());
  voice.turn(at(5s), true, true, "X_MORE=1\n");
  EXPECT_EQ(take(), std::vector<std::string>{"WATCHDOG=1\nX_MORE=1\n"});
}

TEST_F(service_voice_test, says_nothing_while_something_hangs) {
  voice.turn(at(0s), true, true);
  take();
  for (int i = 1; i < 60; ++i) voice.turn(at(std::chrono::seconds(i)), true, false);
  EXPECT_TRUE(take().empty());
  voice.turn(at(60s), true, true);
  EXPECT_EQ(take(), std::vector<std::string>{"WATCHDOG=1\n"});
}

TEST_F(service_voice_test, says_again_what_nobody_took) {
  heard = false;
  voice.turn(at(0s), true, true);
  EXPECT_FALSE(voice.said_ready());
  heard = true;
  voice.turn(at(1ms), true, true);
  EXPECT_EQ(take(), (std::vector<std::string>{"READY=1\n", "WATCHDOG=1\n"}));
}

TEST_F(service_voice_test, frames_a_reload_and_ends_with_a_stop) {
  voice.reloading(at(0s));
  voice.reloaded();
  EXPECT_TRUE(take().empty()) << "not before it is ready";
  voice.turn(at(0s), true, false);
  take();
  voice.reloading(at(1s));
  voice.reloaded();
  EXPECT_EQ(take(), (std::vector<std::string>{"RELOADING=1\nMONOTONIC_USEC=101000000\n", "READY=1\n"}));
  voice.stopping();
  voice.stopping();
  EXPECT_EQ(take(), std::vector<std::string>{"STOPPING=1\nSTATUS=stopping\n"});
  voice.turn(at(20s), true, true);
  voice.status(at(20s), "late words");
  EXPECT_TRUE(take().empty());
}

TEST_F(service_voice_test, tells_the_status_when_it_changes_and_not_too_often) {
  voice.status(at(0s), "a\nREADY=1");
  EXPECT_EQ(take(), std::vector<std::string>{"STATUS=a READY=1\n"}) << "one line, whatever is in it";
  voice.status(at(1s), "b");
  EXPECT_TRUE(take().empty());
  voice.status(at(5s), "b");
  EXPECT_EQ(take(), std::vector<std::string>{"STATUS=b\n"});
  voice.status(at(15s), "b");
  EXPECT_TRUE(take().empty());
}

TEST(one_line, is_bounded_and_does_not_cut_a_character) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "–";
  const std::string cut = one_line("x" + text);
  EXPECT_LT(cut.size(), 410U);
  EXPECT_EQ((cut.size() - 1) % 3, 0U);
}

}  // namespace
}  // namespace freshet::cli
