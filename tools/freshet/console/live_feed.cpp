#include "tools/freshet/console/live_feed.hpp"

#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "actors/rt/real_clock.hpp"
#include "actors/rt/transport.hpp"
#include "topology/wire/codec.hpp"

#include <random>
#include <utility>

#include <unistd.h>
#include <zmq.hpp>

namespace freshet::cli {

using std::chrono::milliseconds;

namespace {

time_point now() { return rt::real_clock().now(); }

std::uint64_t draw() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U | source()) | 1U;
}

constexpr int linger_ms = 100;  // for the good-bye
constexpr std::size_t messages_a_round = 256;

}  // namespace

result<stats_place> place_of_stats(const topology::graph& graph) {
  const auto stats = graph.stats();
  if (!stats) return error{errc::not_found, graph.file + ": no role of kind stats"};
  FRESHET_TRY_ASSIGN(console_target target, target_of(graph, stats->node));
  return stats_place{*stats, std::move(target)};
}

struct live_feed::state {
  explicit state(std::uint32_t interval_ms) : follower(interval_ms, draw) {}
  stats_place place;
  topology::address self;
  epoch life;
  rt::port_limits limits;
  zmq::context_t context{1};
  zmq::socket_t socket;
  live_follower follower;

  void send_waiting() {
    for (auto& message : follower.take_outgoing()) {
      topology::parcel p;
      p.head.from = self;
      p.head.to = place.role;
      p.head.life = life;
      p.body = std::move(message);
      const auto frames = topology::encode(p, limits.wire);
      // Without a connection the word is lost; the follower says it again.
      if (frames) (void)port::send(socket, nullptr, *frames);
    }
  }
  void receive_all() {
    for (std::size_t n = 0; n < messages_a_round; ++n) {
      const auto message = port::receive(socket, false, limits.wire.frames);
      if (!message) return;
      if (message->too_many_frames) continue;
      const auto parcel = topology::decode(message->frames, limits.wire);
      // The port of the node answers for roles that do not understand.
      if (parcel && parcel->head.from.node == place.role.node) follower.receive(parcel->body, now());
    }
  }
};

live_feed::live_feed(std::unique_ptr<state> s) : state_(std::move(s)) {}
live_feed::live_feed(live_feed&&) noexcept = default;
live_feed& live_feed::operator=(live_feed&&) noexcept = default;
live_feed::~live_feed() {
  if (!state_) return;
  state_->follower.leave();
  state_->send_waiting();
}

result<live_feed> live_feed::open(stats_place place, std::uint32_t interval_ms) {
  auto s = std::make_unique<state>(interval_ms);
  s->place = std::move(place);
  FRESHET_TRY_ASSIGN(console_dial link, dial(s->context, s->limits, s->place.at));
  s->self = link.self;
  s->life = link.life;
  s->socket = std::move(link.socket);
  s->socket.set(zmq::sockopt::linger, linger_ms);
  return live_feed(std::move(s));
}

void live_feed::wait(milliseconds longest, int also) {
  state_->follower.tick(now());
  state_->send_waiting();
  zmq::pollitem_t items[] = {{state_->socket.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, also, ZMQ_POLLIN, 0}};
  try {
    zmq::poll(items, also < 0 ? 1 : 2, longest);
  } catch (const zmq::error_t&) {
    return;  // a signal: the caller looks at what it meant
  }
  state_->receive_all();
  state_->follower.tick(now());
  state_->send_waiting();
}

std::vector<live_change> live_feed::take_changes() { return state_->follower.take_changes(); }
bool live_feed::attached() const { return state_->follower.attached(); }
const stats_place& live_feed::place() const { return state_->place; }

}  // namespace freshet::cli
