// What a link looks like from outside: numbers for stats and tests.
#pragma once

#include "kernels/base/ids.hpp"
#include "topology/message/address.hpp"

#include <cstddef>
#include <cstdint>

namespace freshet::topology {

struct link_state {
  address peer;
  std::size_t queued = 0;          ///< accepted by send(), never put on the wire for this peer's life
  std::size_t in_flight = 0;       ///< put on the wire, not acknowledged
  std::uint64_t credit = 0;        ///< further messages that the peer would take now
  std::uint64_t acknowledged = 0;  ///< messages that left the queue for good, since start
  std::uint64_t resends = 0;
  std::uint64_t delivered = 0;   ///< sequenced messages handed to the core, since start
  std::size_t buffered = 0;      ///< received ahead of a gap
  std::uint64_t duplicates = 0;  ///< received again, dropped
  std::uint64_t refused = 0;     ///< outside of the protocol or of our credit, dropped
  epoch peer_life;               ///< 0 until the peer has answered a hello
  bool alive = false;            ///< heard of within peer_silent_after
};

}  // namespace freshet::topology
