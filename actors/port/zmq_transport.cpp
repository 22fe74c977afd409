#include "actors/port/zmq_transport.hpp"

#include <utility>

#include "actors/port/port_actor.hpp"
#include "actors/port/socket_context.hpp"

namespace freshet::port {

zmq_transport::zmq_transport() : context_(std::make_shared<socket_context>()) {}

zmq_transport::~zmq_transport() = default;

result<std::shared_ptr<rt::opened_port>> zmq_transport::open(rt::system& engine, rt::port_config config) {
  return open_port(engine, context_, std::move(config));
}

}  // namespace freshet::port
