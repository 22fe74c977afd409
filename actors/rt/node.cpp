#include "actors/rt/node.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "actors/rt/opened_port.hpp"
#include "actors/rt/role_actor.hpp"
#include "actors/rt/supervisor.hpp"

namespace freshet::rt {

namespace {

constexpr std::chrono::milliseconds default_stop_deadline{5000};
// The port's share of a stop: its queues are flushed for at most `linger`, then closed.
constexpr std::chrono::milliseconds port_margin{1000};
// How soon somebody in a hurry is noticed.
constexpr std::chrono::milliseconds hurry_look{50};

result<void> check(const node_options& o) {
  if (o.name.empty()) return error{errc::invalid_argument, "a node needs a name"};
  std::set<std::string> names;
  for (const auto& role : o.roles) {
    if (role.name.empty()) return error{errc::invalid_argument, "node " + o.name + ": a role without a name"};
    if (!role.factory)
      return error{errc::invalid_argument, "node " + o.name + ": role " + role.name + " has no factory"};
    if (!names.insert(role.name).second)
      return error{errc::invalid_argument, "node " + o.name + ": two roles are named " + role.name};
  }
  return {};
}

port_config port_settings(const node_options& o) {
  port_config c;
  c.node = o.name;
  c.listen = o.listen;
  c.peers = o.peers;
  c.stats = o.stats;
  for (const auto& role : o.roles) c.expected_roles.push_back(role.name);
  c.limits = o.limits;
  c.security = o.security;
  return c;
}

child_spec child_of(system& engine, const node_options& o, const role_spec& role, const actors::port_handle& port) {
  role_setup setup;
  setup.engine.self = {o.name, role.name};
  setup.engine.stats = o.stats;
  setup.engine.links = o.links;
  setup.engine.tick_period = o.tick_period;
  setup.engine.report_period = o.report_period;
  setup.engine.log = o.log;
  setup.make_core = role.factory;
  setup.port = port;
  return {role.name,
          [&engine, setup, where = role.where](std::uint64_t restarts) {
            role_setup fresh = setup;
            fresh.engine.life = draw_life();
            fresh.engine.restarts = restarts;
            return spawn_role(engine, std::move(fresh), where);
          },
          role.restarts};
}

}  // namespace

struct node::state {
  system* engine = nullptr;
  node_options options;   // without its first roles
  std::string name;
  std::shared_ptr<opened_port> port;
  std::shared_ptr<supervision_board> board;
  actors::supervisor_handle supervisor;
  duration linger{};
  bool stopped = false;
};

result<std::unique_ptr<node>> node::start(system& engine, transport& links, node_options options) {
  FRESHET_TRY(check(options));
  if (!options.log) options.log = engine.log();
  FRESHET_TRY_ASSIGN(auto port, links.open(engine, port_settings(options)));
  auto s = std::make_unique<state>();
  s->name = options.name;
  s->engine = &engine;
  s->port = port;
  s->linger = options.limits.linger;
  supervisor_setup supervision;
  supervision.name = options.name;
  supervision.on_give_up = options.on_give_up;
  std::vector<std::string> names;
  for (const auto& role : options.roles) {
    names.push_back(role.name);
    supervision.children.push_back(child_of(engine, options, role, port->handle));
  }
  s->board = std::make_shared<supervision_board>(std::move(names));
  supervision.board = s->board;
  s->supervisor = spawn_supervisor(engine, std::move(supervision));
  s->options = std::move(options);
  s->options.roles.clear();
  return std::unique_ptr<node>(new node(std::move(s)));
}

node::node(std::unique_ptr<state> s) : state_(std::move(s)) {}

node::~node() { stop(default_stop_deadline); }

stop_report node::stop(std::chrono::milliseconds deadline) {
  stop_report report;
  auto& s = *state_;
  if (!s.stopped) {
    s.stopped = true;
    caf::anon_send(s.supervisor, actors::stop_children{false});
    report.in_time = s.board->wait_until_all_ended(deadline);
    if (!report.in_time) {
      for (const auto& child : s.board->snapshot())
        if (child.state == child_state::running || child.state == child_state::backing_off)
          report.left.push_back(child.name);
      caf::anon_send(s.supervisor, actors::stop_children{true});
    }
    caf::anon_send(s.port->handle, actors::stop{});
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(s.linger) + port_margin;
    if (!s.port->closed->wait(wait)) {
      report.in_time = false;
      report.left.push_back("port");
    }
    s.supervisor = nullptr;
  }
  report.traffic = s.port->traffic->snapshot();
  return report;
}

const std::string& node::name() const { return state_->name; }
const std::vector<std::string>& node::endpoints() const { return state_->port->endpoints; }

void node::connect(const std::string& peer, const std::string& endpoint, const std::string& server_key) {
  caf::anon_send(state_->port->handle, actors::connect_peer{peer, endpoint, server_key});
}

void node::disconnect(const std::string& peer) { caf::anon_send(state_->port->handle, actors::disconnect_peer{peer}); }

void node::start_role(role_spec role) {
  auto& s = *state_;
  auto child = child_of(*s.engine, s.options, role, s.port->handle);
  caf::anon_send(s.supervisor, actors::add_child{std::make_shared<const child_spec>(std::move(child))});
  // Whoever stops it next must not take the end of the one before for its own.
  FRESHET_ENSURE(s.board->wait_until_started(role.name, default_stop_deadline), "a supervisor starts what it is told");
}

bool node::stop_role(const std::string& role, std::chrono::milliseconds deadline, const std::function<bool()>& hurry) {
  auto& s = *state_;
  caf::anon_send(s.supervisor, actors::end_child{role, false});
  const auto until = std::chrono::steady_clock::now() + deadline;
  bool in_time = false;
  while (!in_time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    in_time = s.board->wait_until_ended(role, std::clamp(left, std::chrono::milliseconds(0), hurry_look));
    if (in_time || left.count() <= 0) break;
    if (hurry()) return false;
  }
  if (!in_time) {
    caf::anon_send(s.supervisor, actors::end_child{role, true});
    s.board->wait_until_ended(role, port_margin);
  }
  caf::anon_send(s.port->handle, actors::forget_role{role});
  return in_time;
}

void node::knock() const { caf::anon_send(state_->supervisor, actors::get_stats{}); }

std::map<std::string, std::string> node::figures(std::chrono::milliseconds patience) const {
  const time_point asked = state_->engine->clock()->now();
  knock();
  state_->board->wait_until_all_answered(asked, patience);
  std::map<std::string, std::string> out;
  for (child_health& child : state_->board->snapshot()) {
    if (child.answered && *child.answered >= asked) out.emplace(std::move(child.name), std::move(child.figures));
  }
  return out;
}

traffic_snapshot node::traffic() const { return state_->port->traffic->snapshot(); }
std::vector<child_health> node::health() const { return state_->board->snapshot(); }

bool node::answers(std::chrono::milliseconds patience) const {
  if (state_->stopped) return false;
  caf::scoped_actor self{state_->engine->actors()};
  const auto answered = [&](const auto& who, duration within) {
    bool heard = false;
    self->request(who, within, actors::get_stats{})
        .receive([&](const std::string&) { heard = true; }, [](const caf::error&) {});
    return heard;
  };
  const time_point until = state_->engine->clock()->now() + patience;
  return answered(state_->supervisor, patience) &&
         answered(state_->port->handle, std::max<duration>(until - state_->engine->clock()->now(), duration{1}));
}

bool node::failed() const {
  if (!state_->stopped && state_->port->closed->is_open()) return true;
  for (const auto& child : state_->board->snapshot())
    if (child.state == child_state::given_up) return true;
  return false;
}

}  // namespace freshet::rt
