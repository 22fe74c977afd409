// What the link measurements send: one message of the uplink, and the small one that answers it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/base/shared_bytes.hpp"
#include "topology/message/any_message.hpp"

namespace freshet::cli {

/// One sample whose kept tokens take `payload_bytes`. Copies share the payload.
[[nodiscard]] topology::uts_batch link_message(std::size_t payload_bytes);
[[nodiscard]] topology::paced link_answer(std::uint64_t tick);

struct link_frames {
  std::vector<shared_bytes> message;
  std::vector<shared_bytes> answer;
};
/// The frames that a port puts on the wire for both.
[[nodiscard]] result<link_frames> frames_of(std::size_t payload_bytes);

}  // namespace freshet::cli
