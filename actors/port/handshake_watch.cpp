#include "actors/port/handshake_watch.hpp"

#include "kernels/base/check.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

namespace freshet::port {

namespace {

constexpr int failures =
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

std::string fresh_name() {
  static std::atomic<std::uint64_t> counter{0};
  return "inproc://freshet/handshakes/" + std::to_string(++counter);
}

}  // namespace

handshake_watch::handshake_watch(zmq::context_t& context, zmq::socket_t& watched)
    : events_(context, zmq::socket_type::pair) {
  const std::string name = fresh_name();
  const int done = zmq_socket_monitor(watched.handle(), name.c_str(), failures);
  FRESHET_ENSURE(done == 0, zmq_strerror(zmq_errno()));
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(name);
}

bool handshake_watch::refused() {
  bool any = false;
  zmq::message_t part;
  while (events_.recv(part, zmq::recv_flags::dontwait)) {
    std::uint16_t event = 0;
    if (part.more() && part.size() >= sizeof event) {
      std::memcpy(&event, part.data(), sizeof event);
      any = any || (event & failures) != 0;
    }
  }
  return any;
}

}  // namespace freshet::port
