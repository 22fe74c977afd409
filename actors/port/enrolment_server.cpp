#include "actors/port/enrolment_server.hpp"

#include <atomic>
#include <cerrno>
#include <utility>

#include "actors/port/endpoint.hpp"
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "kernels/base/hex.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::port {

namespace {

constexpr std::size_t most_bytes = 4096;
constexpr std::size_t messages_per_round = 64;

topology::wire_limits small() {
  topology::wire_limits limits;
  limits.frame_bytes = most_bytes;
  limits.body_bytes = most_bytes;
  limits.frames = 2;
  limits.items = 256;
  limits.text_bytes = 256;
  return limits;
}

rt::port_limits small_port() {
  rt::port_limits limits;
  limits.socket_queue_messages = 16;
  limits.wire = small();
  return limits;
}

std::string fresh_domain() {
  static std::atomic<std::uint64_t> counter{0};
  return "enrolment-" + std::to_string(++counter);
}

}  // namespace

result<std::unique_ptr<enrolment_server>> enrolment_server::open(std::shared_ptr<socket_context> context,
                                                                 const std::string& endpoint, const std::string& node,
                                                                 const rt::link_keys& own, answerer answer) {
  FRESHET_TRY(check_endpoint(endpoint, true, true));
  if (!is_tcp(endpoint)) return error{errc::invalid_argument, "enrolment at " + endpoint + "; tcp is right"};
  zmq::socket_t socket = make_router(context->sockets(), small_port());
  std::unique_ptr<enrolment_server> made(
      new enrolment_server(std::move(context), node, std::move(socket), std::move(answer)));
  made->context_->zap().guard(made->domain_, [](const std::string&) { return true; });
  encrypt_as_server(made->socket_, own, made->domain_);
  FRESHET_TRY_ASSIGN(made->endpoint_, bind(made->socket_, endpoint));
  made->thread_ = std::thread([server = made.get()] { server->run(); });
  return made;
}

enrolment_server::enrolment_server(std::shared_ptr<socket_context> context, std::string node, zmq::socket_t socket,
                                   answerer answer)
    : context_(std::move(context)),
      node_(std::move(node)),
      domain_(fresh_domain()),
      socket_(std::move(socket)),
      answer_(std::move(answer)) {}

enrolment_server::~enrolment_server() {
  stop_.wake();
  if (thread_.joinable()) thread_.join();
  socket_.close();
  context_->zap().forget(domain_);
}

void enrolment_server::run() {
  for (;;) {
    zmq::pollitem_t items[] = {{nullptr, stop_.fd(), ZMQ_POLLIN, 0}, {socket_.handle(), 0, ZMQ_POLLIN, 0}};
    try {
      zmq::poll(items, 2, std::chrono::milliseconds(-1));
    } catch (const zmq::error_t& e) {
      if (e.num() == EINTR) continue;
      return;   // the context ends
    }
    if (items[0].revents & ZMQ_POLLIN) return;
    if (items[1].revents & ZMQ_POLLIN) serve();
  }
}

void enrolment_server::serve() {
  for (std::size_t n = 0; n < messages_per_round; ++n) {
    const auto message = receive(socket_, true, small().frames);
    if (!message) return;
    const auto key = from_hex(message->user_id);
    if (!key || key->empty() || message->too_many_frames) continue;
    auto asked = topology::decode(message->frames, small());
    // Whoever says anything else is not worth an answer.
    const auto* request = asked ? std::get_if<topology::enrol_request>(&*asked->body) : nullptr;
    if (request == nullptr || asked->head.to.node != node_) continue;
    topology::parcel reply;
    reply.head.from = asked->head.to;
    reply.head.to = asked->head.from;
    reply.head.life = asked->head.life;
    reply.head.correlation = asked->head.correlation;
    reply.body = answer_(*key, message->peer_address, *request);
    const auto frames = topology::encode(reply);
    if (frames) send(socket_, &message->routing_id, *frames);
  }
}

}  // namespace freshet::port
