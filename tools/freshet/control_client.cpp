#include "tools/freshet/control_client.hpp"

#include "actors/port/sockets.hpp"
#include "actors/rt/transport.hpp"
#include "tools/freshet/console_dial.hpp"
#include "topology/graph/plan.hpp"
#include "topology/wire/codec.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>
#include <zmq.hpp>

namespace freshet::cli {

using nlohmann::json;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds ask_again{1000};

errc code_named(const std::string& text) {
  for (int i = 1; i <= static_cast<int>(errc::internal); ++i)
    if (name(static_cast<errc>(i)) == text) return static_cast<errc>(i);
  return errc::internal;
}

}  // namespace

struct control_client::state {
  topology::address self;
  topology::address control;
  std::string endpoint;
  epoch life;
  std::uint64_t number = 0;
  rt::port_limits limits;
  zmq::context_t context{1};
  zmq::socket_t socket;

  result<void> say(const std::string& verb, const std::string& text, clock::time_point until) {
    topology::parcel request;
    request.head.from = self;
    request.head.to = control;
    request.head.life = life;
    request.body = topology::operator_request{number, verb, text};
    FRESHET_TRY_ASSIGN(const std::vector<host_tensor> frames, topology::encode(request, limits.wire));
    // The socket takes messages only while it is connected.
    while (port::send(socket, nullptr, frames) != port::send_outcome::sent) {
      if (clock::now() >= until) return error{errc::unavailable, "no daemon at " + endpoint};
      ::usleep(10'000);
    }
    return {};
  }

  std::optional<std::string> answer() {
    while (const auto message = port::receive(socket, false, limits.wire.frames)) {
      if (message->too_many_frames) continue;
      auto parcel = topology::decode(message->frames, limits.wire);
      if (!parcel || !(parcel->head.from == control)) continue;
      auto* said = std::get_if<topology::operator_answer>(&parcel->body);
      if (said != nullptr && said->number == number) return std::move(said->json);
    }
    return std::nullopt;
  }
};

control_client::control_client(std::unique_ptr<state> s) : state_(std::move(s)) {}
control_client::control_client(control_client&&) noexcept = default;
control_client& control_client::operator=(control_client&&) noexcept = default;
control_client::~control_client() = default;

result<control_client> control_client::open(const topology::graph& graph) {
  return open(graph, {topology::control_node(graph), topology::control_role});
}

result<control_client> control_client::open(const topology::graph& graph, const topology::address& role) {
  FRESHET_TRY_ASSIGN(const console_target target, target_of(graph, role.node));
  auto s = std::make_unique<state>();
  s->control = role;
  s->endpoint = target.endpoint;
  FRESHET_TRY_ASSIGN(console_dial link, dial(s->context, s->limits, target));
  s->self = link.self;
  s->life = link.life;
  s->socket = std::move(link.socket);
  return control_client(std::move(s));
}

result<json> control_client::ask(const std::string& verb, const json& request, milliseconds patience) {
  return exchange(verb, request, patience, true);
}

result<json> control_client::once(const std::string& verb, const json& request, milliseconds patience) {
  return exchange(verb, request, patience, false);
}

result<json> control_client::exchange(const std::string& verb, const json& request, milliseconds patience, bool again) {
  const auto until = clock::now() + patience;
  const std::string text = request.dump(-1, ' ', false, json::error_handler_t::replace);
  ++state_->number;
  FRESHET_TRY(state_->say(verb, text, until));
  auto next = clock::now() + ask_again;
  for (;;) {
    if (auto said = state_->answer()) {
      json document = json::parse(*said, nullptr, false);
      if (!document.is_object())
        return error{errc::corrupt, "the answer of " + state_->control.text() + " is no JSON object"};
      const auto failed = document.find("error");
      if (failed == document.end()) return document;
      return error{code_named(failed->is_string() ? failed->get<std::string>() : ""), document.value("text", "")};
    }
    if (again && clock::now() >= next) {
      FRESHET_TRY(state_->say(verb, text, until));
      next = clock::now() + ask_again;
    }
    const auto left = std::chrono::ceil<milliseconds>(until - clock::now());
    if (left.count() <= 0) return error{errc::timeout, state_->control.text() + " at " + state_->endpoint};
    zmq::pollitem_t item{state_->socket.handle(), 0, ZMQ_POLLIN, 0};
    try {
      zmq::poll(&item, 1, std::min(left, milliseconds(100)));
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) return error{errc::io, state_->endpoint + ": " + e.what()};
    }
  }
}

}  // namespace freshet::cli
