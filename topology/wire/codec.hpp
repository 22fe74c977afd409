// The wire codec: a parcel as frames and back.
//
//   frame 0  envelope, MessagePack
//   frame 1  body, MessagePack; a tensor in it is [dtype, shape, number of its frame]
//   frame 2… the bytes of the tensors, little endian, as they lie in memory
//
// Grammar and compatibility promise: PROTOCOL.md beside this file. Functions of their arguments
// alone: any thread, no state, no exceptions for what the peer sent.
#pragma once

#include "kernels/base/shared_bytes.hpp"
#include "kernels/base/result.hpp"
#include "topology/wire/frame_range.hpp"
#include "topology/wire/parcel.hpp"

#include <cstddef>
#include <vector>

namespace freshet::topology {

/// What one parcel may claim. Checked before anything is allocated for the claim.
struct wire_limits {
  std::size_t frame_bytes = std::size_t{256} << 20;  ///< each tensor frame
  std::size_t body_bytes = std::size_t{16} << 20;    ///< frame 1
  std::size_t envelope_bytes = 4096;                 ///< frame 0
  std::size_t frames = 64;                           ///< of a parcel
  std::size_t items = std::size_t{1} << 20;        ///< of one array of numbers; of all other arrays of a body together
  std::size_t text_bytes = std::size_t{1} << 20;  ///< each string of a body
  std::size_t name_bytes = 255;                    ///< each of node and role in the envelope
  std::size_t rank = 16;                           ///< dimensions of a tensor
  std::size_t depth = 16;                          ///< arrays within arrays
};

/// Frames of a parcel. Tensor frames share the memory of the message's tensors. Fails, naming the
/// field, where the same limits would make the receiver refuse.
result<std::vector<shared_bytes>> encode(const parcel& p, const wire_limits& limits = {});

/// The parcel in these frames. Its tensors share the frames' memory, except where a frame is not
/// aligned for its dtype (then they are copies). Errors: truncated, corrupt, too_large,
/// shape_mismatch, and unsupported for another protocol or an unknown type number.
result<parcel> decode(frame_range frames, const wire_limits& limits = {});

/// Frame 0 alone, for routing without a look at the body.
result<envelope> decode_envelope(const shared_bytes& first, const wire_limits& limits = {});

}  // namespace freshet::topology
