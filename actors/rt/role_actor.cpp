#include "actors/rt/role_actor.hpp"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

namespace freshet::rt {

namespace {

using namespace actors;

struct role_state {
  std::unique_ptr<role_engine> engine;
  port_handle port;
  std::shared_ptr<std::atomic<std::int64_t>> waiting = std::make_shared<std::atomic<std::int64_t>>(0);
  bool work_queued = false;
  time_point carried_out{};
  std::uint64_t timer_generation = 0;
  std::optional<time_point> timer_at;
  static inline const char* name = "role";
};

// Timers that are due at once are gathered, not chased.
constexpr duration shortest_timer = std::chrono::milliseconds(1);

using role_pointer = role_handle::stateful_pointer<role_state>;

// Acknowledgements for each mail of a flood would wake as many threads as the flood itself; what waits in the mailbox
// already will carry this event's words too. Only for a moment: whoever works long on each message speaks in between.
constexpr duration gathering_time = std::chrono::microseconds(200);

bool more_comes_at_once(role_pointer self, const time_source& clock) {
  auto& s = self->state;
  return s.waiting->load(std::memory_order_relaxed) > 0 && clock.now() - s.carried_out < gathering_time;
}

// Carries out what the last event left behind: parcels to the port, a slice of work into the
// mailbox (behind what waits there already), and the next timer.
void carry_out(role_pointer self, const time_source& clock) {
  auto& s = self->state;
  s.carried_out = clock.now();
  auto parcels = s.engine->take_outgoing();
  if (!parcels.empty()) self->send(s.port, send_parcels{std::move(parcels)});
  if (s.engine->wants_work() && !s.work_queued) {
    s.work_queued = true;
    self->send(self, work_more{});
  }
  const time_point next = s.engine->next_wake();
  if (!s.timer_at || next < *s.timer_at) {
    s.timer_at = next;
    self->delayed_send(self, std::max<duration>(next - clock.now(), shortest_timer), timer{++s.timer_generation});
  }
}

// Whatever a core throws ends here, and its actor with it.
template <class F>
void guarded(role_pointer self, const role_setup& setup, F event) {
  std::string why;
  try {
    event();
    return;
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
    why = "an exception of an unknown type";
  }
  setup.engine.log->error("{}: failed: {}", setup.engine.self.text(), why);
  self->quit(caf::make_error(caf::sec::runtime_error, std::move(why)));
}

// One event, and then what it left behind.
template <class F>
void on_engine(role_pointer self, const role_setup& setup, F event) {
  guarded(self, setup, [&] {
    event(*self->state.engine);
    carry_out(self, *setup.engine.clock);
  });
}

role_handle::behavior_type role_behaviour(role_pointer self, std::shared_ptr<const role_setup> setup) {
  self->state.port = setup->port;
  guarded(self, *setup, [&] {
    engine_options options = setup->engine;
    options.waiting = self->state.waiting;
    self->state.engine = std::make_unique<role_engine>(std::move(options), setup->make_core());
    // Registered before start(), so that no answer to what start() says can be early.
    self->send(setup->port, register_role{setup->engine.self.role, role_handle{self}, self->state.waiting});
    self->state.engine->start();
    carry_out(self, *setup->engine.clock);
  });
  return {
      [self, setup](deliver& d) {
        guarded(self, *setup, [&] {
          role_engine& e = *self->state.engine;
          e.begin_mail();
          for (topology::parcel& p : d.what) {
            self->state.waiting->fetch_sub(1, std::memory_order_relaxed);
            e.deliver(std::move(p), d.arrived);
          }
          e.end_mail();
          const time_source& clock = *setup->engine.clock;
          if (!more_comes_at_once(self, clock)) carry_out(self, clock);
        });
      },
      [self, setup](work_more) {
        self->state.work_queued = false;
        on_engine(self, *setup, [](role_engine& e) { e.work(); });
      },
      [self, setup](timer t) {
        if (t.generation != self->state.timer_generation) return;
        self->state.timer_at.reset();
        on_engine(self, *setup, [](role_engine& e) { e.wake(); });
      },
      [self, setup](stop) {
        on_engine(self, *setup, [](role_engine& e) { e.stop(); });
        self->quit();
      },
      [self, setup](get_stats) {
        std::string text;
        guarded(self, *setup, [&] { text = self->state.engine->stats_json(); });
        return text;
      },
  };
}

}  // namespace

epoch draw_life() {
  std::random_device source;
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = (std::uint64_t{source()} << 32) | source();
  return epoch{drawn};
}

role_handle spawn_role(system& home, role_setup setup, placement where) {
  if (!setup.engine.clock) setup.engine.clock = home.clock();
  if (!setup.engine.log) setup.engine.log = home.log();
  auto alive = home.alive();
  const auto ticket = alive->enter(setup.engine.self.text());
  auto shared = std::make_shared<const role_setup>(std::move(setup));
  auto handle = where == placement::own_thread && !home.deterministic()
                    ? home.actors().spawn<caf::detached>(role_behaviour, shared)
                    : home.actors().spawn(role_behaviour, shared);
  caf::actor_cast<caf::abstract_actor*>(handle)->attach_functor([alive, ticket] { alive->leave(ticket); });
  return handle;
}

}  // namespace freshet::rt
