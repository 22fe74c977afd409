#include "tools/freshet/stats_client.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <zmq.hpp>

#include "actors/port/sockets.hpp"
#include "actors/rt/transport.hpp"
#include "tools/freshet/console_dial.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::cli {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds ask_again{1000};

struct stats_client::state {
  topology::address self;
  topology::address stats;
  std::string endpoint;
  epoch life;
  rt::port_limits limits;
  zmq::context_t context{1};
  zmq::socket_t socket;

  result<void> ask(clock::time_point until) {
    topology::parcel request;
    request.head.from = self;
    request.head.to = stats;
    request.head.life = life;
    request.body = topology::stats_request{"all"};
    FRESHET_TRY_ASSIGN(const std::vector<host_tensor> frames, topology::encode(request, limits.wire));
    // The socket takes messages only while it is connected.
    while (port::send(socket, nullptr, frames) != port::send_outcome::sent) {
      if (clock::now() >= until) return error{errc::timeout, "no daemon at " + endpoint};
      ::usleep(10'000);
    }
    return {};
  }

  std::optional<std::string> answer() {
    while (const auto message = port::receive(socket, false, limits.wire.frames)) {
      if (message->too_many_frames) continue;
      // Whatever else comes (an error reply, a later protocol) is no answer: the time runs out and says so.
      auto parcel = topology::decode(message->frames, limits.wire);
      if (!parcel || !(parcel->head.from == stats)) continue;
      if (auto* snapshot = std::get_if<topology::stats_snapshot>(&parcel->body)) return std::move(snapshot->json);
    }
    return std::nullopt;
  }
};

stats_client::stats_client(std::unique_ptr<state> s) : state_(std::move(s)) {}
stats_client::stats_client(stats_client&&) noexcept = default;
stats_client& stats_client::operator=(stats_client&&) noexcept = default;
stats_client::~stats_client() = default;

result<stats_client> stats_client::open(const topology::graph& graph) {
  const auto stats = graph.stats();
  if (!stats) return error{errc::not_found, graph.file + ": no role of kind stats"};
  FRESHET_TRY_ASSIGN(const console_target target, target_of(graph, stats->node));
  auto s = std::make_unique<state>();
  s->stats = *stats;
  s->endpoint = target.endpoint;
  FRESHET_TRY_ASSIGN(console_dial link, dial(s->context, s->limits, target));
  s->self = link.self;
  s->life = link.life;
  s->socket = std::move(link.socket);
  return stats_client(std::move(s));
}

result<std::string> stats_client::fetch(milliseconds patience) {
  const auto until = clock::now() + patience;
  while (state_->answer()) {
    // an answer that came too late for the question before
  }
  FRESHET_TRY(state_->ask(until));
  // A question to a daemon that just went away is lost with its connection: ask again.
  auto again = clock::now() + ask_again;
  for (;;) {
    if (clock::now() >= again) {
      FRESHET_TRY(state_->ask(until));
      again = clock::now() + ask_again;
    }
    if (auto json = state_->answer()) return std::move(*json);
    const auto left = std::chrono::ceil<milliseconds>(until - clock::now());
    if (left.count() <= 0) return error{errc::timeout, state_->stats.text() + " at " + state_->endpoint};
    zmq::pollitem_t item{state_->socket.handle(), 0, ZMQ_POLLIN, 0};
    try {
      zmq::poll(&item, 1, std::min(left, milliseconds(100)));
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) return error{errc::io, state_->endpoint + ": " + e.what()};
    }
  }
}

}  // namespace freshet::cli
