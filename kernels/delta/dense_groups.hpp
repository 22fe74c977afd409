// Quantised groups: n values in groups of equal length (the last may be short), one fp16 scale a
// group, codes of 1, 2, 3, 4 or 8 bits; or plain fp16 at 16 bits. All of it is relative to 2^exponent, which
// the update chooses once, so that fp16 is never short of range.
//
//   bits 16:  value[n]  fp16
//   else:     scale[groups] fp16, then the codes, packed least significant bit first, zero-padded to a byte
//
//   decoded = (code - offset) × scale × 2^exponent
//   grid "tread" (scale ≥ 0): offset = 2^(bits-1), has a zero:  2 bits: -2 -1 0 1
//   grid "rise"  (sign bit of the scale set, |scale| counts; 1 bit: always): offset = (2^bits - 1) / 2,
//                symmetric without a zero:  2 bits: -1.5 -0.5 0.5 1.5;  1 bit: ±scale/2
//   1 bit: scale/2 = mean |x|, the least-squares sign code (BitDelta, arXiv 2402.10193, eq. 3).
//   8 bits: tread only.
//
// A product has at most 11 + 8 significant bits: exact in f32 on every platform, with or without
// fused multiply-add. Decoding refuses infinite and NaN scales and set padding bits. Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"

#include <cstddef>
#include <cstdint>

namespace freshet::delta {

struct group_spec {
  unsigned bits = 4;
  std::uint32_t group = 64;  ///< values a scale: 0 = all in one group, or a power of two from 8 to 32768
};

[[nodiscard]] bool valid(const group_spec& spec) noexcept;
[[nodiscard]] std::uint64_t group_count(std::uint64_t count, const group_spec& spec) noexcept;
/// Exact bytes of `count` values.
[[nodiscard]] std::uint64_t groups_bytes(std::uint64_t count, const group_spec& spec) noexcept;

/// Least exponent and greatest that keep every product a normal float.
inline constexpr int min_exponent = -100;
inline constexpr int max_exponent = 60;
/// The exponent under which `peak` (the largest magnitude) lies just below 2^14.
[[nodiscard]] int exponent_for(float peak) noexcept;

void encode_groups(const float* x, std::size_t count, const group_spec& spec, int exponent, byte_writer& out);
/// What decoding will give for x, without the bytes: for measuring distortion.
void reconstruct_groups(const float* x, std::size_t count, const group_spec& spec, int exponent, float* out);
[[nodiscard]] result<void> decode_groups(byte_reader& in, std::size_t count, const group_spec& spec, int exponent,
                                         float* out);

}  // namespace freshet::delta
