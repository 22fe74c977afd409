#include "actors/rt/supervisor.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include "kernels/base/check.hpp"

namespace freshet::rt {

namespace {

using namespace actors;

struct child {
  child_spec spec;
  restart_budget budget;
  role_handle handle;     // empty while none runs
  std::uint64_t restarts = 0;
  bool ending = false;    // for good, whatever it ends with
  bool asked = false;     // for a sign of life that has not come yet
};

struct supervisor_state {
  std::vector<child> children;
  std::shared_ptr<const supervisor_setup> setup;
  std::shared_ptr<const time_source> clock;
  std::shared_ptr<spdlog::logger> log;
  bool stopping = false;
  static inline const char* name = "supervisor";
};

using supervisor_pointer = supervisor_handle::stateful_pointer<supervisor_state>;

void start_child(supervisor_pointer self, std::size_t index) {
  auto& c = self->state.children[index];
  c.handle = c.spec.start(c.restarts);
  self->monitor(c.handle);
  self->state.setup->board->update(index, [&](child_health& h) {
    h.state = child_state::running;
    h.restarts = c.restarts;
    h.answered.reset();
  });
}

// One question at a time: a child in the middle of a long slice must not find a heap of them.
void ask_for_sign_of_life(supervisor_pointer self, std::size_t index) {
  auto& c = self->state.children[index];
  if (!c.handle || c.asked) return;
  c.asked = true;
  self->request(c.handle, caf::infinite, get_stats{})
      .then(
          [self, index, life = c.restarts](const std::string& figures) {
            auto& answering = self->state.children[index];
            answering.asked = false;
            if (answering.restarts != life) return;
            self->state.setup->board->update(index, [&, now = self->state.clock->now()](child_health& h) {
              h.answered = now;
              h.figures = figures;
            });
          },
          // It has ended: the down message says why.
          [self, index](const caf::error&) { self->state.children[index].asked = false; });
}

// The supervisor itself has nothing left to do once all children have ended in a stop.
void end_if_done(supervisor_pointer self) {
  auto& s = self->state;
  if (!s.stopping) return;
  for (const auto& c : s.children)
    if (c.handle) return;
  self->quit();
}

bool ended_in_order(const caf::error& reason) {
  return !reason || reason == caf::exit_reason::normal || reason == caf::exit_reason::user_shutdown;
}

void child_failed(supervisor_pointer self, std::size_t index, const std::string& why) {
  auto& s = self->state;
  auto& c = s.children[index];
  const auto delay = c.budget.failed(s.clock->now());
  s.setup->board->update(index, [&](child_health& h) {
    h.state = delay ? child_state::backing_off : child_state::given_up;
    h.last_failure = why;
  });
  if (delay) {
    s.log->warn("{}: {} failed ({}); starts again in {} ms", s.setup->name, c.spec.name, why,
                std::chrono::duration_cast<std::chrono::milliseconds>(*delay).count());
    self->delayed_send(self, *delay, restart_child{index});
    return;
  }
  s.log->critical("{}: {} failed too often and is given up; last: {}", s.setup->name, c.spec.name, why);
  if (s.setup->on_give_up) s.setup->on_give_up(c.spec.name, why);
}

void child_down(supervisor_pointer self, const caf::down_msg& down) {
  auto& s = self->state;
  for (std::size_t i = 0; i < s.children.size(); ++i) {
    auto& c = s.children[i];
    if (!c.handle || c.handle.address() != down.source) continue;
    c.handle = nullptr;
    if (s.stopping || c.ending || ended_in_order(down.reason))
      s.setup->board->update(i, [](child_health& h) { h.state = child_state::stopped; });
    else
      child_failed(self, i, self->system().render(down.reason));
    break;
  }
  end_if_done(self);
}

void stop_all(supervisor_pointer self, bool at_once) {
  auto& s = self->state;
  s.stopping = true;
  for (std::size_t i = 0; i < s.children.size(); ++i) {
    auto& c = s.children[i];
    if (!c.handle)
      s.setup->board->update(i, [](child_health& h) {
        if (h.state != child_state::given_up) h.state = child_state::stopped;
      });
    else if (at_once)
      self->send_exit(c.handle, caf::exit_reason::kill);
    else
      self->send(c.handle, stop{});
  }
  end_if_done(self);
}

void add(supervisor_pointer self, const child_spec& spec) {
  auto& s = self->state;
  if (s.stopping) return;
  std::size_t index = 0;
  while (index < s.children.size() && s.children[index].spec.name != spec.name) ++index;
  if (index == s.children.size()) {
    s.children.push_back({spec, restart_budget(spec.limits), role_handle{}, 0, false, false});
    const std::size_t on_board = s.setup->board->add(spec.name);
    FRESHET_ENSURE(on_board == index, "the board counts as its supervisor does");
  } else {
    if (s.children[index].handle) {
      // It neither ends nor dies: its thread cannot be taken away from it. Only a new process helps.
      s.setup->board->update(index, [](child_health& h) {
        h.state = child_state::given_up;
        h.last_failure = "the one before it does not end";
      });
      s.log->critical("{}: {} does not end, so it cannot be started again", s.setup->name, spec.name);
      if (s.setup->on_give_up) s.setup->on_give_up(spec.name, "the one before it does not end");
      return;
    }
    s.setup->board->update(index, [](child_health& h) { h.gone = false; });
    s.children[index] = {spec, restart_budget(spec.limits), role_handle{}, 0, false, false};
  }
  start_child(self, index);
}

void end(supervisor_pointer self, const end_child& what) {
  auto& s = self->state;
  for (std::size_t i = 0; i < s.children.size(); ++i) {
    auto& c = s.children[i];
    if (c.spec.name != what.name) continue;
    c.ending = true;
    s.setup->board->update(i, [](child_health& h) { h.gone = true; });
    if (!c.handle)
      s.setup->board->update(i, [](child_health& h) { h.state = child_state::stopped; });
    else if (what.at_once)
      self->send_exit(c.handle, caf::exit_reason::kill);
    else
      self->send(c.handle, stop{});
  }
}

supervisor_handle::behavior_type supervise(supervisor_pointer self, system* home,
                                           std::shared_ptr<const supervisor_setup> setup) {
  auto& s = self->state;
  s.setup = setup;
  s.clock = home->clock();
  s.log = home->log();
  self->set_down_handler([self](const caf::down_msg& down) { child_down(self, down); });
  for (const auto& spec : setup->children) s.children.push_back({spec, restart_budget(spec.limits), role_handle{}, 0, false, false});
  for (std::size_t i = 0; i < s.children.size(); ++i) start_child(self, i);
  return {
      [self](stop_children what) { stop_all(self, what.at_once); },
      [self](const add_child& what) { add(self, *what.spec); },
      [self](const end_child& what) { end(self, what); },
      [self](restart_child what) {
        auto& c = self->state.children[what.index];
        if (self->state.stopping || c.ending || c.handle) return;
        ++c.restarts;
        start_child(self, what.index);
      },
      [self](get_stats) {
        auto& all = self->state;
        for (std::size_t i = 0; i < all.children.size(); ++i) ask_for_sign_of_life(self, i);
        return "{\"children\":" + std::to_string(all.children.size()) + "}";
      },
  };
}

}  // namespace

supervisor_handle spawn_supervisor(system& home, supervisor_setup setup) {
  auto alive = home.alive();
  const auto ticket = alive->enter(setup.name + "/supervisor");
  auto handle =
      home.actors().spawn(supervise, &home, std::make_shared<const supervisor_setup>(std::move(setup)));
  caf::actor_cast<caf::abstract_actor*>(handle)->attach_functor([alive, ticket] { alive->leave(ticket); });
  return handle;
}

}  // namespace freshet::rt
