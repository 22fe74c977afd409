// What travels on a link: an envelope that says from whom, to whom and where in the stream, and
// one message. Plain values; copies share the message.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/ids.hpp"
#include "topology/message/shared_message.hpp"

#include <cstdint>

namespace freshet::topology {

/// The version of the frames and of the link dialogue that this code speaks (wire/PROTOCOL.md).
inline constexpr std::uint8_t wire_protocol = 1;

struct envelope {
  std::uint8_t protocol = wire_protocol;
  std::uint16_t type = 0;  ///< message_traits<T>::number; encode() fills it in
  address from;
  address to;
  epoch life;                     ///< the sender's life
  std::uint64_t number = 0;       ///< position in the stream (life, to_life), from 1; 0 = unsequenced
  std::uint64_t correlation = 0;  ///< links: a hello's challenge and its echo in the ack
  std::uint32_t deadline_ms = 0;  ///< the sender has no use for an answer after this; 0 = none
  epoch to_life;                  ///< the receiver's life for which `number` counts; 0 when unsequenced
  FRESHET_FIELDS(protocol, type, from, to, life, number, correlation, deadline_ms, to_life)
};

struct parcel {
  envelope head;
  shared_message body;
  FRESHET_FIELDS(head, body)
};

}  // namespace freshet::topology
