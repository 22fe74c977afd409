#include "actors/port/enrolment_client.hpp"

#include <algorithm>
#include <thread>

#include <zmq.hpp>

#include "actors/port/endpoint.hpp"
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::port {

namespace {
constexpr epoch any_life{1};
constexpr std::chrono::milliseconds look_again{20};
}  // namespace

result<topology::enrol_reply> ask_enrolment(const desk& at, const rt::link_keys& own,
                                            const topology::enrol_request& question,
                                            std::chrono::milliseconds patience) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + patience;
  FRESHET_TRY(check_endpoint(at.endpoint, false, true));
  zmq::context_t context(1);
  zmq::socket_t socket = make_dealer(context, {}, routing_id_of(question.node, any_life));
  socket.set(zmq::sockopt::linger, 0);
  encrypt_as_client(socket, own, at.public_key);
  FRESHET_TRY(connect(socket, at.endpoint));
  topology::parcel p;
  p.head.from = {question.node, rt::port_role};
  p.head.to = {at.node, rt::port_role};
  p.head.life = any_life;
  p.body = question;
  FRESHET_TRY_ASSIGN(const auto frames, topology::encode(p));
  bool asked = false;
  while (clock::now() < until) {
    // Asked once: a token is good for one answer, which the loss of a connection would only confuse.
    if (!asked) asked = send(socket, nullptr, frames) == send_outcome::sent;
    if (asked) {
      if (const auto message = receive(socket, false, 4)) {
        auto reply = topology::decode(message->frames);
        if (reply) {
          if (const auto* answer = std::get_if<topology::enrol_reply>(&*reply->body)) return *answer;
        }
      }
    }
    std::this_thread::sleep_for(look_again);
  }
  return error{errc::timeout, "no answer from " + at.endpoint + " under the key that the topology names for node " +
                                  at.node};
}

}  // namespace freshet::port
