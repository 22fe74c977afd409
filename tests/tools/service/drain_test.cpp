// The end of a node that hangs is the end of a process: each of these tests has one of its own.
#include "tools/freshet/service/drain.hpp"

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/latch.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/test_cores.hpp"
#include "tools/freshet/log.hpp"
#include "tools/freshet/service/node_service.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

/// Never comes back from its first slice of work.
struct hanging_core : testing::quiet_core {
  std::shared_ptr<rt::latch> entered;
  bool work(time_point, actors::outbox&) override {
    entered->open();
    for (;;) std::this_thread::sleep_for(1h);
  }
};

rt::node_options hanging(const std::shared_ptr<rt::latch>& entered, rt::placement where) {
  rt::node_options o;
  o.name = "n";
  o.roles.push_back({"good", testing::make_echo(), rt::placement::own_thread, {}});
  o.roles.push_back({"stuck",
                     [entered] {
                       auto core = std::make_unique<hanging_core>();
                       core->entered = entered;
                       return core;
                     },
                     where,
                     {}});
  return o;
}

/// A process as `freshet run --node` is one. Exits 99 where drain should have, 98 when it took far too long.
void run_and_drain(rt::placement where, exit_code verdict) {
  std::thread([] {
    std::this_thread::sleep_for(60s);
    ::_exit(98);
  }).detach();
  rt::system engine;
  port::zmq_transport links;
  auto entered = std::make_shared<rt::latch>();
  auto running = rt::node::start(engine, links, hanging(entered, where));
  if (!running.ok() || !entered->wait(30s)) ::_exit(97);
  const auto log = make_log({"info", "text"}, "n");
  drain(*running.value(), 100ms, *log, verdict);
  ::_exit(99);
}

struct drain_death : ::testing::Test {
  drain_death() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(drain_death, a_hanging_role_is_named_and_the_process_ends_with_its_code) {
  EXPECT_EXIT(run_and_drain(rt::placement::own_thread, exit_ok), ::testing::ExitedWithCode(exit_not_in_time),
              "n/stuck: has not ended within 100 ms");
}

TEST_F(drain_death, even_when_it_blocks_what_runs_the_supervisor) {
  EXPECT_EXIT(run_and_drain(rt::placement::shared, exit_ok), ::testing::ExitedWithCode(exit_not_in_time), "n/stuck");
}

TEST_F(drain_death, a_failure_stays_a_failure) {
  EXPECT_EXIT(run_and_drain(rt::placement::own_thread, exit_failed), ::testing::ExitedWithCode(exit_failed), "n/stuck");
}

TEST(drain, passes_the_verdict_on_when_all_end_in_order_and_lets_out_what_was_handed_over) {
  rt::system engine;
  port::zmq_transport links;
  auto seen = std::make_shared<testing::shared_log>();
  auto answers = std::make_shared<testing::shared_log>();
  rt::node_options far;
  far.name = "cloud";
  far.listen = {"tcp://127.0.0.1:*"};
  far.roles.push_back({"echo", testing::make_echo(seen), rt::placement::shared, {}});
  auto cloud = rt::node::start(engine, links, std::move(far));
  ASSERT_TRUE(cloud.ok());

  // A role whose last words at the stop must still reach the other side.
  struct last_words_core : testing::quiet_core {
    void stop(time_point, actors::outbox& out) override {
      topology::pace p;
      p.tick = 77;
      out.send({"cloud", "echo"}, p);
    }
    void tick(time_point, actors::outbox& out) override {
      if (!said) {
        topology::pace p;
        p.tick = 1;
        out.send({"cloud", "echo"}, p);
      }
      said = true;
    }
    bool said = false;
  };
  rt::node_options near;
  near.name = "device";
  near.peers = {{"cloud", cloud.value()->endpoints().front()}};
  near.roles.push_back({"speaker", [] { return std::make_unique<last_words_core>(); }, rt::placement::own_thread, {}});
  auto device = rt::node::start(engine, links, std::move(near));
  ASSERT_TRUE(device.ok());
  ASSERT_TRUE(seen->wait_for(1));
  spdlog::logger quiet("n", std::make_shared<spdlog::sinks::null_sink_mt>());
  EXPECT_EQ(drain(*device.value(), 20s, quiet, exit_failed), exit_failed);
  ASSERT_TRUE(seen->wait_for(2));
  EXPECT_EQ(seen->all(), (std::vector<std::uint64_t>{1, 77}));
  EXPECT_EQ(drain(*cloud.value(), 20s, quiet, exit_ok), exit_ok);
}

TEST(unwell_roles, are_those_that_do_not_run) {
  std::vector<rt::child_health> health(4);
  health[0].name = "a";
  health[0].answered = time_point{};
  health[1].name = "b";
  health[2].name = "c";
  health[2].state = rt::child_state::backing_off;
  health[2].last_failure = "no model";
  health[3].name = "d";
  health[3].state = rt::child_state::given_up;
  const auto unwell = unwell_roles(health);
  ASSERT_EQ(unwell.size(), 3U);
  EXPECT_EQ(unwell[0].why, "is starting");
  EXPECT_EQ(unwell[1].why, "waits to be started again; it failed: no model");
  EXPECT_EQ(unwell[2].role, "d");
  EXPECT_FALSE(all_run(health));
  health.resize(1);
  EXPECT_TRUE(all_run(health));
}

}  // namespace
}  // namespace freshet::cli
