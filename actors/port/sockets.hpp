// ZeroMQ sockets as this project sets them up, and messages between host tensors and frames
// without a copy in either direction. Errors of the outside are values here; nothing throws.
// Thread contract: a socket belongs to the thread that uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "actors/rt/transport.hpp"
#include "kernels/base/shared_bytes.hpp"
#include "kernels/base/result.hpp"

namespace freshet::port {

/// Bytes of a message on the wire: each frame with its ZMTP header.
[[nodiscard]] std::uint64_t wire_bytes(const std::vector<shared_bytes>& frames);

/// Between two dials of one socket: ZeroMQ begins with the first pause, doubles it up to the last, and adds up to the
/// first at random. That is next to nothing once pauses are long, so each socket draws its own pair: a fleet that
/// lost its cloud at the same moment does not come back at the same moments.
struct redial_pauses {
  int first_ms = 0;
  int most_ms = 0;
};
[[nodiscard]] redial_pauses draw_redial_pauses(std::uint64_t lot);

/// Incoming side: knows its senders by routing id, and says when one is not there.
zmq::socket_t make_router(zmq::context_t& context, const rt::port_limits& limits);
/// Outgoing side, one a peer. Takes messages only while it has a connection.
zmq::socket_t make_dealer(zmq::context_t& context, const rt::port_limits& limits, const std::string& routing_id);

/// Returns the endpoint as bound. Waits a moment for a name that its former owner is letting go.
/// From the next bind on, the socket takes only CURVE connections that the ZAP domain admits.
void encrypt_as_server(zmq::socket_t& socket, const rt::link_keys& own, const std::string& domain);
/// Before connect: to whoever has the secret half of `server_key`, and to nobody else.
void encrypt_as_client(zmq::socket_t& socket, const rt::link_keys& own, const std::string& server_key);

result<std::string> bind(zmq::socket_t& socket, const std::string& endpoint);
result<void> connect(zmq::socket_t& socket, const std::string& endpoint);
/// Gives an inproc name free at once, a tcp port soon after. The path of an ipc endpoint stays:
/// removing it could hit a successor's, and the next to bind replaces it.
void unbind(zmq::socket_t& socket, const std::string& endpoint);

enum class send_outcome : std::uint8_t { sent, would_block, unreachable };

/// All frames or none. `routing_id` (routers only) goes in front. The frames' memory is shared
/// with the socket until it is on its way.
send_outcome send(zmq::socket_t& socket, const std::string* routing_id, const std::vector<shared_bytes>& frames);

struct received {
  std::string routing_id;               ///< empty from a dealer
  std::string user_id;                  ///< the peer's key in hexadecimal digits; empty on plain links
  std::string peer_address;             ///< of a peer with a key
  std::vector<shared_bytes> frames;      ///< share the memory of the ZeroMQ messages
  std::uint64_t wire_bytes = 0;         ///< of all frames, also of those beyond the limit
  bool too_many_frames = false;         ///< the rest was read and dropped
};

/// The next message, or nothing when none is there now.
std::optional<received> receive(zmq::socket_t& socket, bool from_router, std::size_t most_frames);

}  // namespace freshet::port
