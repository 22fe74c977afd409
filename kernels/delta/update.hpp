// The payload of an update: what is to be added to the trainable set. Self-describing, so one
// decoder serves every codec (codec.hpp). Little-endian throughout:
//
//   update   := 0x00                                nothing to add
//             | 0x01 body                           plain
//             | 0x02 body_bytes:varint zstd(body)   packed
//             | 0x03 exact                          lossless against a base (exact.hpp)
//   body     := exponent:i8 in [-100, 60]  sent:varint ≥ 1  segment × sent
//   segment  := skipped:varint        segments of the layout left out since the last one sent
//               tag:u8                format (plan.hpp) × 16 + place of the bits in {1,2,3,4,8,16}
//               group:u8              0 = one group, g in 1..13 = groups of 4 × 2^g; absent at 16 bits
//               data                  dense_groups.hpp or sparse_topk.hpp, sized by the layout
//
// Nothing may follow. Decoding allocates at most in proportion to the layout that the caller
// holds, reads and checks everything, and only then adds: a payload that is refused leaves the
// values as they were. What is added is the same bits on every host: each decoded value is exact
// in f32 and enters by one addition. Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/byte_sink.hpp"
#include "kernels/delta/bytes.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/delta/plan.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

/// Deltas beyond this are refused: they cannot be told from a diverged training.
inline constexpr float largest_delta = 0x1p73F;

/// Encodes delta [total] as planned. `importance` [total] or null weighs the choice of the kept
/// values in sparse segments. Refuses values that are not finite, and plans that do not fit.
[[nodiscard]] result<std::vector<std::uint8_t>> encode_update(const float* delta, const float* importance,
                                                              const layout& parts, const update_plan& plan);

/// Lossless update from base [total] to target [total]; only right on exactly that base.
[[nodiscard]] result<std::vector<std::uint8_t>> encode_exact_update(const float* base, const float* target,
                                                                    const layout& parts);
/// The same, into the sink as it is made: for values that are larger than memory.
[[nodiscard]] result<void> encode_exact_update(const float* base, const float* target, const layout& parts,
                                               const byte_sink& sink);

/// Adds the update to values [total], or returns why not and leaves them alone.
[[nodiscard]] result<void> apply_update(byte_view bytes, const layout& parts, float* values);

/// The exponent that encode_update will use for this delta.
[[nodiscard]] int update_exponent(const float* delta, const layout& parts);

/// Bytes of the body before its first segment, at most, and of a segment's header, at most.
[[nodiscard]] std::uint64_t update_overhead_bytes(const layout& parts) noexcept;
[[nodiscard]] std::uint64_t segment_overhead_bytes(const layout& parts, const group_spec& spec) noexcept;

/// Finite, and no larger than the encoder takes.
[[nodiscard]] result<void> check_delta(const float* delta, const layout& parts);

}  // namespace freshet::delta
