#include "tools/freshet/stop_token.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "tools/freshet/process_signals.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;

TEST(stop_token, wakes_every_waiter) {
  const stop_source source;
  const stop_token token = source.token();
  EXPECT_FALSE(token.stop_requested());
  EXPECT_FALSE(token.wait_for(milliseconds(1)));
  bool one = false, other = false;
  std::thread a([&, token] { one = token.wait_for(milliseconds(60'000)); });
  std::thread b([&, token] { other = token.wait_for(milliseconds(60'000)); });
  source.request_stop();
  a.join();
  b.join();
  EXPECT_TRUE(one);
  EXPECT_TRUE(other);
  EXPECT_TRUE(token.wait_for(milliseconds(60'000)));
}

TEST(stop_token, a_deadline_is_a_request) {
  const stop_source past(stop_token::clock::now() - milliseconds(1));
  EXPECT_TRUE(past.token().stop_requested());
  const stop_source soon(stop_token::clock::now() + milliseconds(30));
  EXPECT_TRUE(soon.token().wait_for(milliseconds(60'000)));
}

TEST(process_signals, counts_requests_and_sets_a_token) {
  const stop_source source;
  {
    process_signals signals([&source] { source.request_stop(); });
    EXPECT_EQ(signals.stops(), 0);
    ::raise(SIGTERM);
    ::raise(SIGINT);
    ::raise(SIGCHLD);
    EXPECT_EQ(signals.stops(), 2);
    EXPECT_TRUE(source.token().stop_requested());
    signals.wait(milliseconds(60'000));   // already signalled: returns at once
  }
  process_signals again;
  EXPECT_EQ(again.stops(), 0);
}

}  // namespace
}  // namespace freshet::cli
