// How a node gets its PORT without knowing how it is built: actors/port implements this over
// ZeroMQ, tests over nothing at all.
// Thread contract: open() from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/rt/link_security.hpp"
#include "kernels/base/clock.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/address.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::rt {

class system;

/// Bounds of one peer's queue in front of its socket. Control beyond them pushes out the oldest
/// control; bulk beyond them is not taken (the link sends it again).
struct queue_limits {
  std::size_t control_messages = 1024;
  std::size_t control_bytes = std::size_t{4} << 20;
  std::size_t bulk_messages = 4096;
  std::size_t bulk_bytes = std::size_t{256} << 20;
};

struct port_limits {
  queue_limits queue;
  int socket_queue_messages = 256;         ///< inside ZeroMQ, each way and peer; control cannot overtake there
  topology::wire_limits wire;              ///< a frame beyond its frame_bytes ends the connection
  std::size_t messages_per_round = 256;    ///< from one socket before the others have their turn
  std::int64_t mailbox_messages = 8192;    ///< delivered to a role and not yet handled
  std::size_t learned_peers = 4096;        ///< that connected to us; the longest silent goes first
  std::size_t strikes = 8;                 ///< malformed messages within `strike_window` that cut a peer off
  duration strike_window = std::chrono::seconds(10);
  duration cut_off_time = std::chrono::seconds(5);
  duration linger = std::chrono::milliseconds(300);   ///< for unsent messages at a stop
};

struct port_config {
  std::string node;
  std::vector<std::string> listen;               ///< endpoints: inproc://, ipc://, tcp://
  std::map<std::string, std::string> peers;      ///< node -> endpoint
  std::optional<topology::address> stats;        ///< where the port's own role_report goes, once a second
  /// Roles that are about to register. What comes for them earlier waits, a little of it.
  std::vector<std::string> expected_roles;
  std::optional<epoch> life;                     ///< drawn at random when empty
  link_security security;                        ///< tcp without it is for the loopback interface only
  port_limits limits;
};

struct opened_port;  // actors/rt/opened_port.hpp: handle, actual endpoints, counters

class transport {
 public:
  virtual ~transport() = default;
  /// Returns when all endpoints are bound, or the first error.
  virtual result<std::shared_ptr<opened_port>> open(system& engine, port_config config) = 0;
};

}  // namespace freshet::rt
