// How the kept tokens of a batch are written: as image patches, lossless, or as encoder features
// in 8 bits with one scale a token. Filter and teacher agree on this grammar:
//
//   payload := tokens                    when `zstd` is false: count * token_bytes bytes, in order
//            | zstd frame of (head body) when it is true; exactly one frame that names its size
//   head    := mode channels height width   (one byte each)
//   mode    := 0, body = tokens as they are; the other three bytes are 0
//            | 1, body = to_residuals(tokens) with this layout, channels*height*width = token_bytes
//
// Patches are u8 [count, P]. Features are i8 [count, D] with scales f32 [count]; value = i8 * scale.
// The packer measures and keeps the smallest form, so `zstd` is only set where it is smaller.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::uncertainty {

/// Largest decoded payload that a decoder accepts unless told otherwise.
inline constexpr std::size_t default_payload_limit_bytes = std::size_t{64} << 20;

/// Larger features than half precision holds are nobody's.
inline constexpr float largest_feature = 65504.0F;

struct packed_tokens {
  bool zstd = false;
  std::size_t count = 0;
  std::size_t token_bytes = 0;  ///< P, or D for features
  std::vector<std::uint8_t> payload;
  std::vector<float> scales;    ///< [count] for features, else empty

  /// What it costs on the wire.
  [[nodiscard]] std::size_t bytes() const noexcept { return payload.size() + scales.size() * sizeof(float); }
};

/// patches: [count, patch_bytes].
packed_tokens pack_patches(const std::uint8_t* patches, std::size_t count, std::size_t patch_bytes);
/// About what pack_patches() would take, usually a little more: found out at a tenth of the time.
std::size_t probe_patches(const std::uint8_t* patches, std::size_t count, std::size_t patch_bytes);
/// Refuses a size over `limit_bytes` before it allocates, and anything outside of the grammar.
result<std::vector<std::uint8_t>> unpack_patches(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                                 std::size_t count, std::size_t patch_bytes,
                                                 std::size_t limit_bytes = default_payload_limit_bytes);

/// The tokens as they were packed, patches or int8 features, without their scales: for whoever only
/// checks or cuts a batch.
result<std::vector<std::uint8_t>> unpack_raw(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                             std::size_t count, std::size_t token_bytes, bool patches,
                                             std::size_t limit_bytes = default_payload_limit_bytes);

/// features: [count, width], none beyond largest_feature. Symmetric: scale = max |x| / 127, error at most scale / 2.
result<packed_tokens> pack_features(const float* features, std::size_t count, std::size_t width);
/// -> [count, width]. Scales must be finite and not negative.
result<std::vector<float>> unpack_features(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                           const float* scales, std::size_t scale_count, std::size_t count,
                                           std::size_t width, std::size_t limit_bytes = default_payload_limit_bytes);

/// The cheaper one by measured bytes; patches when equal, since they are exact.
const packed_tokens& cheaper(const packed_tokens& patches, const packed_tokens& features);

}  // namespace freshet::uncertainty
