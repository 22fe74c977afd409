// Sparse segments: the values that matter most, with their positions. Positions are either
// Rice-coded gaps (rice.hpp) or a bitmap, which wins above a density of about 25 %; values are
// quantised groups (dense_groups.hpp) over the kept values in order of position.
//
//   rice:    keep varint (≥ 1)  k u8  codes, padded to a byte  groups[keep]
//   bitmap:  mask[⌈count/8⌉], least significant bit first, zero-padded, at least one bit set
//            groups[popcount]
//
// Decoding refuses positions outside of the segment, set padding and counts that cannot be. Pure
// functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/dense_groups.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

struct sparse_values {
  std::vector<std::uint32_t> positions;  ///< strictly increasing
  std::vector<float> values;             ///< one a position
};

/// What keeping a value is worth: importance × x², or x² without importance (null). Zero stays zero.
inline double worth(const float* x, const float* importance, std::size_t i) noexcept {
  const double square = static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return importance == nullptr ? square : square * static_cast<double>(importance[i]);
}

/// The `keep` positions of greatest worth, ascending; the lower position wins a tie.
[[nodiscard]] std::vector<std::uint32_t> select_top(const float* x, const float* importance, std::size_t count,
                                                    std::size_t keep);
/// The values at the positions.
[[nodiscard]] std::vector<float> gather(const float* x, const std::vector<std::uint32_t>& positions);

[[nodiscard]] std::uint64_t sparse_bytes(const std::vector<std::uint32_t>& positions, const group_spec& spec);
void encode_sparse(const float* x, const std::vector<std::uint32_t>& positions, const group_spec& spec, int exponent,
                   byte_writer& out);
[[nodiscard]] result<void> decode_sparse(byte_reader& in, std::uint64_t count, const group_spec& spec, int exponent,
                                         sparse_values& out);

[[nodiscard]] std::uint64_t bitmap_bytes(std::uint64_t count, std::uint64_t keep, const group_spec& spec);
void encode_bitmap(const float* x, std::uint64_t count, const std::vector<std::uint32_t>& positions,
                   const group_spec& spec, int exponent, byte_writer& out);
[[nodiscard]] result<void> decode_bitmap(byte_reader& in, std::uint64_t count, const group_spec& spec, int exponent,
                                         sparse_values& out);

}  // namespace freshet::delta
