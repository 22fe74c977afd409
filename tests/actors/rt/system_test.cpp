#include "actors/rt/system.hpp"

#include <atomic>
#include <thread>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include "actors/protocols.hpp"
#include "actors/rt/latch.hpp"

namespace freshet::rt {
namespace {

using namespace std::chrono_literals;

TEST(system, a_shutdown_that_hangs_names_who_is_left) {
  auto release = std::make_shared<latch>();
  std::vector<std::string> named;
  {
    system_options o;
    o.shutdown_grace = 20ms;
    o.on_hang = [&](const std::vector<std::string>& left) {
      named = left;
      release->open();  // in earnest the process ends here
    };
    system engine(o);
    auto alive = engine.alive();
    const auto ticket = alive->enter("n/sleeper");
    // The argument is passed, not captured: CAF 0.17 dereferences a null tuple for an actor without any.
    auto sleep_until = [](caf::event_based_actor* self, std::shared_ptr<latch> wake) -> caf::behavior {
      wake->wait(20s);
      self->quit();
      return {[](actors::stop) {}};
    };
    auto sleeper = engine.actors().spawn<caf::detached>(sleep_until, release);
    caf::actor_cast<caf::abstract_actor*>(sleeper)->attach_functor([alive, ticket] { alive->leave(ticket); });
  }
  EXPECT_EQ(named, std::vector<std::string>{"n/sleeper"});
}

TEST(system, comes_and_goes_with_threads_of_all_kinds) {
  for (int i = 0; i < 30; ++i) {
    system engine;
    std::atomic<int> ran{0};
    for (int k = 0; k < 4; ++k) {
      auto quick = [](caf::event_based_actor* self, std::atomic<int>* count) -> caf::behavior {
        return {[self, count](actors::stop) {
          ++*count;
          self->quit();
        }};
      };
      auto h = k % 2 == 0 ? engine.actors().spawn(quick, &ran) : engine.actors().spawn<caf::detached>(quick, &ran);
      caf::anon_send(h, actors::stop{});
    }
    while (ran < 4) std::this_thread::sleep_for(100us);
  }
}

TEST(census, knows_who_entered_and_has_not_left) {
  census c;
  const auto a = c.enter("a");
  c.enter("b");
  c.leave(a);
  c.leave(a);
  EXPECT_EQ(c.names(), std::vector<std::string>{"b"});
}

TEST(real_clock, never_goes_back) {
  real_clock clock;
  auto last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const auto t = clock.now();
    ASSERT_GE(t, last);
    last = t;
  }
}

}  // namespace
}  // namespace freshet::rt
