#include "actors/port/sockets.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "kernels/base/rng.hpp"

namespace freshet::port {

namespace {

using std::chrono::milliseconds;

// Below this a copy is cheaper than the bookkeeping of sharing.
constexpr std::size_t share_from_bytes = 512;

constexpr int redial_least_first_ms = 50;
constexpr int redial_least_most_ms = 1000;
constexpr int heartbeat_ms = 1000;
constexpr int heartbeat_timeout_ms = 4000;
constexpr int handshake_ms = 5000;
constexpr milliseconds bind_patience{500};
constexpr milliseconds bind_again{2};

std::uint64_t frame_wire_bytes(std::size_t bytes) { return bytes + (bytes > 255 ? 9u : 2u); }

void set_common(zmq::socket_t& socket, const rt::port_limits& limits) {
  socket.set(zmq::sockopt::sndhwm, limits.socket_queue_messages);
  socket.set(zmq::sockopt::rcvhwm, limits.socket_queue_messages);
  socket.set(zmq::sockopt::linger,
             static_cast<int>(std::chrono::duration_cast<milliseconds>(limits.linger).count()));
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits.wire.frame_bytes));
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::heartbeat_ivl, heartbeat_ms);
  socket.set(zmq::sockopt::heartbeat_timeout, heartbeat_timeout_ms);
  socket.set(zmq::sockopt::heartbeat_ttl, heartbeat_timeout_ms);
  socket.set(zmq::sockopt::handshake_ivl, handshake_ms);
}

void release_owner(void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }

zmq::message_t message_of(const shared_bytes& frame) {
  if (frame.bytes() < share_from_bytes) return zmq::message_t(frame.data(), frame.bytes());
  auto owner = std::make_unique<std::shared_ptr<const void>>(frame.owner());
  // ZeroMQ does not write to what it sends; its interface only lacks the const.
  zmq::message_t m(const_cast<std::uint8_t*>(frame.data()), frame.bytes(), release_owner, owner.get());
  owner.release();
  return m;
}

error socket_error(const std::string& what, const std::string& endpoint, const zmq::error_t& e) {
  return error{errc::io, what + " " + endpoint + ": " + e.what()};
}

}  // namespace

std::uint64_t wire_bytes(const std::vector<shared_bytes>& frames) {
  std::uint64_t sum = 0;
  for (const auto& f : frames) sum += frame_wire_bytes(f.bytes());
  return sum;
}

redial_pauses draw_redial_pauses(std::uint64_t lot) {
  rng draw(lot);
  // Twice and three times the least: what meets at one dial has parted by the next.
  const auto up_to = [&](int least, int times) {
    return least + static_cast<int>(draw.below(static_cast<std::uint64_t>(least * (times - 1))));
  };
  return {up_to(redial_least_first_ms, 2), up_to(redial_least_most_ms, 3)};
}

zmq::socket_t make_router(zmq::context_t& context, const rt::port_limits& limits) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  set_common(socket, limits);
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::router_handover, true);
  return socket;
}

zmq::socket_t make_dealer(zmq::context_t& context, const rt::port_limits& limits, const std::string& routing_id) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  set_common(socket, limits);
  socket.set(zmq::sockopt::routing_id, routing_id);
  socket.set(zmq::sockopt::immediate, true);
  std::random_device source;
  const redial_pauses pauses = draw_redial_pauses((std::uint64_t{source()} << 32) | source());
  socket.set(zmq::sockopt::reconnect_ivl, pauses.first_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, pauses.most_ms);
  return socket;
}

void encrypt_as_server(zmq::socket_t& socket, const rt::link_keys& own, const std::string& domain) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, own.secret_key);
  socket.set(zmq::sockopt::zap_domain, domain);
  // A context without a ZAP handler lets everybody in, without a User-Id: nobody whom the port would hear.
}

void encrypt_as_client(zmq::socket_t& socket, const rt::link_keys& own, const std::string& server_key) {
  socket.set(zmq::sockopt::curve_serverkey, server_key);
  socket.set(zmq::sockopt::curve_publickey, own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, own.secret_key);
}

namespace {
// With this option on, ZeroMQ would also print IPv4 addresses in their IPv6 form.
void allow_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}
}  // namespace

result<std::string> bind(zmq::socket_t& socket, const std::string& endpoint) {
  for (milliseconds waited{0};; waited += bind_again) {
    try {
      allow_ipv6(socket, endpoint);
      socket.bind(endpoint);
      return socket.get(zmq::sockopt::last_endpoint);
    } catch (const zmq::error_t& e) {
      if (e.num() != EADDRINUSE || waited >= bind_patience) return socket_error("cannot listen on", endpoint, e);
    }
    std::this_thread::sleep_for(bind_again);
  }
}

result<void> connect(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    allow_ipv6(socket, endpoint);
    socket.connect(endpoint);
    return {};
  } catch (const zmq::error_t& e) {
    return socket_error("cannot connect to", endpoint, e);
  }
}

void unbind(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    socket.unbind(endpoint);
  } catch (const zmq::error_t&) {
    // never bound, or gone already: the name is free either way
  }
}

send_outcome send(zmq::socket_t& socket, const std::string* routing_id, const std::vector<shared_bytes>& frames) {
  using zmq::send_flags;
  bool begun = false;
  // Never wait: a peer that goes between two parts takes the message with it (ZeroMQ rolls it
  // back), and waiting for another one would stop the port.
  auto put = [&](zmq::message_t m, bool more) {
    const bool taken =
        socket.send(m, send_flags::dontwait | (more ? send_flags::sndmore : send_flags::none)).has_value();
    if (taken) begun = true;
    return taken;
  };
  try {
    if (routing_id && !put(zmq::message_t(routing_id->data(), routing_id->size()), true))
      return send_outcome::would_block;
    for (std::size_t i = 0; i < frames.size(); ++i)
      if (!put(message_of(frames[i]), i + 1 < frames.size()))
        return begun ? send_outcome::unreachable : send_outcome::would_block;
    return send_outcome::sent;
  } catch (const zmq::error_t&) {
    return send_outcome::unreachable;
  }
}

namespace {

// An interrupted read is tried again; any other failure (the context ends) reads as nothing there.
bool read_part(zmq::socket_t& socket, zmq::message_t& part) {
  while (true) {
    try {
      return socket.recv(part, zmq::recv_flags::dontwait).has_value();
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) return false;
    }
  }
}

}  // namespace

std::optional<received> receive(zmq::socket_t& socket, bool from_router, std::size_t most_frames) {
  zmq::message_t part;
  if (!read_part(socket, part)) return std::nullopt;
  received r;
  if (from_router) {
    r.routing_id = part.to_string();
    // ZeroMQ hands over whole messages: from here on parts are there or were never sent.
    if (!part.more() || !read_part(socket, part)) return r;
  }
  // Absent on plain links, where the C function says so without an exception.
  if (const char* user = zmq_msg_gets(part.handle(), "User-Id"); user != nullptr) {
    r.user_id = user;
    if (const char* address = zmq_msg_gets(part.handle(), "Peer-Address"); address != nullptr) r.peer_address = address;
  }
  // One holder for all frames: they live and die together, and small ones lie within the holder,
  // so tensors are made only once it is complete.
  auto holder = std::make_shared<std::vector<zmq::message_t>>();
  while (true) {
    const bool more = part.more();
    r.wire_bytes += frame_wire_bytes(part.size());
    if (holder->size() < most_frames)
      holder->push_back(std::move(part));
    else
      r.too_many_frames = true;
    part.rebuild();
    if (!more || !read_part(socket, part)) break;
  }
  r.frames.reserve(holder->size());
  for (const auto& m : *holder) {
    r.frames.emplace_back(holder, m.data(), m.size());
  }
  return r;
}

}  // namespace freshet::port
