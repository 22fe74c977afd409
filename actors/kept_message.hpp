// A message as one string of bytes with a seal, for records that outlive the process. The bytes are those
// of the wire codec, so what is kept is as checked and as compatible as what travels.
//
//   kept  := seal count *length *frame
//   seal  := u64, xxh3-64 over all that follows      count, length := u32, little endian
//
// Thread contract: pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/message/any_message.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace freshet::actors {

/// Fails where the codec would refuse to send the message.
result<std::vector<std::uint8_t>> bytes_of(const topology::any_message& m);

/// errc::corrupt when the bytes are not what was written; `origin` stands first in errors.
result<topology::any_message> message_of(std::vector<std::uint8_t> bytes, const std::string& origin);

}  // namespace freshet::actors
