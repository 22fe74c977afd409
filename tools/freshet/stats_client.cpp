#include "tools/freshet/stats_client.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <zmq.hpp>

#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "actors/rt/transport.hpp"
#include "topology/graph/endpoint.hpp"
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
  const topology::node_spec* node = graph.find_node(stats->node);
  if (node == nullptr || node->listen.empty())
    return error{errc::not_found, graph.file + ": node " + stats->node + ", which has stats, listens nowhere"};
  auto s = std::make_unique<state>();
  s->self = {"console-" + std::to_string(::getpid()), "console"};
  s->stats = *stats;
  s->endpoint = node->listen.front();
  // Unlike that of any console before with this process number.
  s->life = epoch(static_cast<std::uint64_t>(clock::now().time_since_epoch().count()) | 1U);
  s->socket = port::make_dealer(s->context, s->limits, port::routing_id_of(s->self.node, s->life));
  s->socket.set(zmq::sockopt::linger, 0);
  FRESHET_TRY(port::connect(s->socket, s->endpoint));
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
