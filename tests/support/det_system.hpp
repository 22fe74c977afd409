// A deterministic actor system inside GoogleTest: no thread runs, actors take a turn when the test
// says so, and time moves only when the test moves it. Roles talk through a hub in place of
// sockets, which can lose what it is told to lose.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <gtest/gtest.h>

#include "actors/protocols.hpp"
#include "actors/rt/system.hpp"
#include "kernels/base/rng.hpp"

namespace freshet::testing {

/// What the ports of all nodes of a test share.
struct hub {
  std::map<topology::address, actors::register_role> roles;
  std::function<bool(const topology::parcel&)> loses = [](const topology::parcel&) { return false; };
  std::vector<topology::envelope> carried;   ///< of every parcel, also of the lost ones
};

struct hub_port_state {
  std::string node;
  static inline const char* name = "hub_port";
};

inline actors::port_handle::behavior_type hub_port(actors::port_handle::stateful_pointer<hub_port_state> self,
                                                   std::string node, std::shared_ptr<hub> shared,
                                                   std::shared_ptr<const rt::time_source> clock) {
  return {
      [self, shared, clock](actors::send_parcels& m) {
        for (auto& p : m.parcels) {
          shared->carried.push_back(p.head);
          auto to = shared->roles.find(p.head.to);
          if (to == shared->roles.end() || shared->loses(p)) continue;
          to->second.waiting->fetch_add(1);
          actors::deliver mail{{}, clock->now()};
          mail.what.push_back(std::move(p));
          self->send(to->second.handle, std::move(mail));
        }
      },
      [node, shared](const actors::register_role& m) { shared->roles[{node, m.role}] = m; },
      [](const actors::forget_role&) {},
      [](const actors::connect_peer&) {},
      [](const actors::disconnect_peer&) {},
      [self, shared](actors::stop) {
        shared->roles.clear();
        self->quit();
      },
      [](actors::get_stats) { return std::string("{}"); },
  };
}

class det_system : public ::testing::Test {
 protected:
  det_system() : engine(options()) {}

  ~det_system() override {
    shared_hub->roles.clear();
    for (auto& a : tracked_) caf::anon_send_exit(a, caf::exit_reason::kill);
    tracked_.clear();
    dispatch_all();
  }

  [[nodiscard]] time_point now() const { return engine.clock()->now(); }

  /// Whatever is tracked is killed at the end of the test; nothing else may be left then.
  template <class Handle>
  Handle track(Handle h) {
    tracked_.push_back(caf::actor_cast<caf::actor>(h));
    return h;
  }

  actors::port_handle port_of(const std::string& node) {
    return track(engine.actors().spawn(hub_port, node, shared_hub, engine.clock()));
  }

  /// Runs turns, in order, until nobody has mail. The bound catches actors that feed each other.
  std::size_t dispatch_all(std::size_t most = 1'000'000) {
    std::size_t turns = 0;
    while (turns < most && scheduler().try_run_once()) ++turns;
    EXPECT_LT(turns, most) << "the actors never come to rest";
    return turns;
  }
  /// The same with the next actor drawn at random: one of the orders that threads could produce.
  std::size_t dispatch_all(rng& order, std::size_t most = 1'000'000) {
    std::size_t turns = 0;
    for (auto& jobs = scheduler().jobs; !jobs.empty() && turns < most; ++turns) {
      auto i = static_cast<std::ptrdiff_t>(order.below(jobs.size()));
      std::rotate(jobs.begin(), jobs.begin() + i, jobs.begin() + i + 1);
      scheduler().run_once();
    }
    EXPECT_LT(turns, most) << "the actors never come to rest";
    return turns;
  }
  /// Lets time pass in steps, with all turns after each.
  void advance(duration span, duration step = std::chrono::milliseconds(1)) {
    for (duration gone{0}; gone < span; gone += step) {
      scheduler().advance_time(std::min(step, span - gone));
      dispatch_all();
    }
  }
  void advance(rng& order, duration span, duration step = std::chrono::milliseconds(1)) {
    for (duration gone{0}; gone < span; gone += step) {
      scheduler().advance_time(std::min(step, span - gone));
      dispatch_all(order);
    }
  }

  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(engine.actors().scheduler());
  }

  rt::system engine;
  std::shared_ptr<hub> shared_hub = std::make_shared<hub>();

 private:
  static rt::system_options options() {
    rt::system_options o;
    o.deterministic = true;
    return o;
  }
  std::vector<caf::actor> tracked_;
};

}  // namespace freshet::testing
