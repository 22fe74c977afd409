// Image patches with loss, for whoever pays by the byte and shows pictures to models only: colours
// and pixels are rotated so that little is left of most numbers (a 3-point and two N-point DCT-II, all
// orthonormal: Ahmed, Natarajan & Rao 1974), rounded to multiples of a step, and written by an adaptive
// arithmetic coder (range_coder.hpp) that learns along the batch.
//
// What is rounded to zero among high frequencies is noise and texture. A student that trains on
// patches without it would see a cleaner world than its device does, so its size is sent for each
// channel of a patch (one of eight levels), and the decoder draws noise of that size in its place.
//
// The step is chosen a sample: the finest of a ladder that keeps the sample within `sample_bytes`, or
// the coarsest when none does. Noise is drawn from the payload itself, so every reader sees the same:
//
//   payload := head body
//   head    := channels height width   (one byte each)
//   body    := one arithmetic-coded stream (range_coder.hpp), zero bytes at its end left out:
//              for each sample its step index (5 plain bits) and its patches, then 16 plain bits 0x5a3c
//   patch   := for each channel: mean (difference from that of the patch before), noise level (3 bits),
//              last diagonal that is not zero, then the values up to it (patch_dct.cpp, patch_grammar)
//
// Thread contract: pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/uncertainty/token_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::uncertainty {

struct dct_options {
  /// Smallest step, in grey values: root mean square errors are about a fifth of it.
  double finest_step = 24;
  /// What the patches of one sample may cost; the finest step is used where they cost less.
  double sample_bytes = 400;
};

/// patches: [sum of counts, C, H, W] of bytes with token_bytes = C*H*W (C 3 or 1, square, side at most
/// 32: see square_layout); counts: kept patches of each sample. Empty when there is none.
/// errc::unsupported for other layouts.
result<std::vector<std::uint8_t>> encode_dct(const std::uint8_t* patches, const std::vector<std::uint32_t>& counts,
                                             std::size_t token_bytes, const dct_options& options);

/// -> [sum of counts, C, H, W]. Never trusts a byte: wrong sizes, cut or overlong streams are errors.
result<std::vector<std::uint8_t>> decode_dct(const std::uint8_t* payload, std::size_t payload_bytes,
                                             const std::vector<std::uint32_t>& counts, std::size_t token_bytes,
                                             std::size_t limit_bytes = default_payload_limit_bytes);

/// The same judgement without making the pixels: for whoever only lets pass what others will decode.
result<void> check_dct(const std::uint8_t* payload, std::size_t payload_bytes, const std::vector<std::uint32_t>& counts,
                       std::size_t token_bytes, std::size_t limit_bytes = default_payload_limit_bytes);

/// The largest patch that encode_dct takes.
inline constexpr std::size_t most_dct_side = 32;

}  // namespace freshet::uncertainty
