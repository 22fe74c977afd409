#include "tools/freshet/console_line.hpp"

#include "actors/port/sockets.hpp"
#include "actors/rt/transport.hpp"
#include "tools/freshet/console_dial.hpp"
#include "topology/wire/codec.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <unistd.h>
#include <zmq.hpp>

namespace freshet::cli {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr milliseconds ask_again{1000};

struct console_line::state {
  topology::address self;
  topology::address role;
  std::string endpoint;
  epoch life;
  rt::port_limits limits;
  zmq::context_t context{1};
  zmq::socket_t socket;

  result<void> say(const topology::any_message& question, clock::time_point until) {
    topology::parcel request;
    request.head.from = self;
    request.head.to = role;
    request.head.life = life;
    request.body = question;
    FRESHET_TRY_ASSIGN(const std::vector<shared_bytes> frames, topology::encode(request, limits.wire));
    // The socket takes messages only while it is connected.
    while (port::send(socket, nullptr, frames) != port::send_outcome::sent) {
      if (clock::now() >= until) return error{errc::unavailable, "no daemon at " + endpoint};
      ::usleep(10'000);
    }
    return {};
  }

  std::optional<std::string> heard(const answer_in& answer) {
    while (const auto message = port::receive(socket, false, limits.wire.frames)) {
      if (message->too_many_frames) continue;
      // Whatever else comes (an error reply, a later protocol) is no answer: the time runs out and says so.
      auto parcel = topology::decode(message->frames, limits.wire);
      if (!parcel || !(parcel->head.from == role)) continue;
      if (auto text = answer(*parcel->body)) return text;
    }
    return std::nullopt;
  }
};

console_line::console_line(std::unique_ptr<state> s) : state_(std::move(s)) {}
console_line::console_line(console_line&&) noexcept = default;
console_line& console_line::operator=(console_line&&) noexcept = default;
console_line::~console_line() = default;

const topology::address& console_line::role() const { return state_->role; }

result<console_line> console_line::open(const topology::graph& graph, const topology::address& role) {
  FRESHET_TRY_ASSIGN(const console_target target, target_of(graph, role.node));
  auto s = std::make_unique<state>();
  s->role = role;
  s->endpoint = target.endpoint;
  FRESHET_TRY_ASSIGN(console_dial link, dial(s->context, s->limits, target));
  s->self = link.self;
  s->life = link.life;
  s->socket = std::move(link.socket);
  return console_line(std::move(s));
}

result<std::string> console_line::ask(const topology::any_message& question, const answer_in& answer,
                                      milliseconds patience, bool again) {
  const auto until = clock::now() + patience;
  while (state_->heard(answer)) {
    // an answer that came too late for the question before
  }
  FRESHET_TRY(state_->say(question, until));
  // A question to a daemon that just went away is lost with its connection: ask again.
  auto next = clock::now() + ask_again;
  for (;;) {
    if (again && clock::now() >= next) {
      FRESHET_TRY(state_->say(question, until));
      next = clock::now() + ask_again;
    }
    if (auto text = state_->heard(answer)) return std::move(*text);
    const auto left = std::chrono::ceil<milliseconds>(until - clock::now());
    if (left.count() <= 0) return error{errc::timeout, state_->role.text() + " at " + state_->endpoint};
    zmq::pollitem_t item{state_->socket.handle(), 0, ZMQ_POLLIN, 0};
    try {
      zmq::poll(&item, 1, std::min(left, milliseconds(100)));
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) return error{errc::io, state_->endpoint + ": " + e.what()};
    }
  }
}

}  // namespace freshet::cli
