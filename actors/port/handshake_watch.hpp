// Hears whether the handshake of an encrypted link failed. ZeroMQ connects anew when a connection
// breaks, but never after a refusal: a node whose key comes into the list later has to dial again.
// Thread contract: that of the socket that is watched.
#pragma once

#include <zmq.hpp>

namespace freshet::port {

class handshake_watch {
 public:
  /// To be made before the socket connects.
  handshake_watch(zmq::context_t& context, zmq::socket_t& watched);

  /// Whether one was refused since the last call.
  [[nodiscard]] bool refused();

 private:
  zmq::socket_t events_;
};

}  // namespace freshet::port
