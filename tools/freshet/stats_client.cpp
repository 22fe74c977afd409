#include "tools/freshet/stats_client.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <zmq.hpp>

#include "actors/access/key_file.hpp"
#include "actors/port/endpoint.hpp"
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "actors/rt/transport.hpp"
#include "kernels/base/hex.hpp"
#include "topology/graph/endpoint.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::cli {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds ask_again{1000};

namespace {

/// A local socket that is there, before one of the network.
std::string nearest_endpoint(const topology::node_spec& node) {
  for (const std::string& text : node.listen) {
    const auto e = topology::parse_endpoint(text);
    std::error_code ignored;
    if (e && e->kind == topology::endpoint_kind::ipc && std::filesystem::exists(e->where, ignored)) return text;
  }
  return node.listen.front();
}

struct console_key {
  std::string name;
  rt::link_keys keys;
};

/// The operator's own, by whatever name: the first of the state folder.
result<console_key> find_console_key(const topology::graph& graph) {
  std::error_code ignored;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(graph.state_dir, ignored)) {
    const std::string name = entry.path().filename().string();
    if (topology::is_console_name(name)) names.insert(name);
  }
  if (names.empty())
    return error{errc::not_found, graph.state_dir + ": no key of a console; `freshet keys new console-NAME` makes one, to be "
                                                    "enrolled where the daemon runs"};
  FRESHET_TRY_ASSIGN(rt::link_keys keys, access::read_link_keys(access::link_key_file(graph.state_dir, *names.begin())));
  return console_key{*names.begin(), std::move(keys)};
}

}  // namespace

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
  s->stats = *stats;
  s->endpoint = nearest_endpoint(*node);
  const std::string process = std::to_string(::getpid());
  s->self = {std::string(topology::console_prefix) + process, "console"};
  // Unlike that of any console before with this process number.
  s->life = epoch(static_cast<std::uint64_t>(clock::now().time_since_epoch().count()) | 1U);
  s->socket = port::make_dealer(s->context, s->limits, port::routing_id_of(s->self.node, s->life));
  s->socket.set(zmq::sockopt::linger, 0);
  if (port::is_tcp(s->endpoint) && !node->public_key.empty()) {
    FRESHET_TRY_ASSIGN(const console_key key, find_console_key(graph));
    s->self.node = key.name + "-" + process;
    s->socket.set(zmq::sockopt::routing_id, port::routing_id_of(s->self.node, s->life));
    port::encrypt_as_client(s->socket, key.keys, from_hex(node->public_key).value_or(""));
  }
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
