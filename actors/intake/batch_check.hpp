// What a UTS batch must be to be accepted, and how to take samples out of one. Batches come from
// devices that may be broken or lie: everything is checked before anything is kept.
// Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/message/samples.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::actors {

struct batch_limits {
  std::size_t samples = 4096;
  std::uint32_t tokens_per_sample = 65536;
  std::uint32_t token_bytes = std::uint32_t{1} << 20;
  std::uint64_t payload_bytes = std::uint64_t{64} << 20;  ///< unpacked
  std::size_t text_bytes = 4096;                          ///< each question and answer
};

/// Sizes within the limits; bitmaps of the right length, with no bit past the last token and as
/// many bits as kept_count says; payload (unpacked, if packed) and scales of exactly the size of
/// the kept tokens; finite numbers. Samples without tokens are text alone and bring nothing but texts.
result<void> check_batch(const topology::uts_batch& batch, const batch_limits& limits);

/// The batch with only the samples whose flag is set. A packed payload comes out unpacked. The
/// batch must have passed check_batch.
result<topology::uts_batch> keep_samples(const topology::uts_batch& batch, const std::vector<bool>& keep);

/// Bytes that the batch brings: payload, scales, bitmaps and texts.
[[nodiscard]] std::uint64_t content_bytes(const topology::uts_batch& batch);

}  // namespace freshet::actors
