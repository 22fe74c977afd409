// A matrix [out, in] in 8 or 4 bits, laid out as the kernels read it and as files hold it, so that a
// mapped file is used in place:
//
//   panel  := 16 rows; the last one is padded. `in` is padded to a multiple of 32 columns
//   level  := unsigned, the weight's step number plus a zero point of 2^(bits-1)
//   q      := u8, 8 bits: [panels, in/4, 16, 4]  byte (p, k, r, j) is row 16p+r, column 4k+j
//                 4 bits: [panels, in/8, 16, 4]  byte (p, k, r, j) is row 16p+r, column 8k+j in its low
//                                                and column 8k+4+j in its high half
//   scales := 8 bits: f32 [panels, 16]                one step for each row
//             4 bits: bf16 [panels, in/group, 16]     one for each row and group of 32, 64 or 128 columns
//   weight := (level - zero point) * scale
//
// Sixteen rows side by side: a vector of sixteen 32-bit lanes holds four columns of each, which is
// what one integer dot-product instruction takes, and no sum ever crosses lanes.
// What pads is never read as a weight; pack() fills it with zero points and zero scales.
// Ownership: a packed_weight shares its memory. Thread contract: immutable.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"

namespace freshet::quant {

inline constexpr std::int64_t panel_rows = 16;
/// Columns that share one activation scale (activations.hpp), and the smallest group of weights.
inline constexpr std::int64_t block_columns = 32;
/// `group` where every row has a single scale.
inline constexpr std::int64_t whole_row = -1;

struct packed_shape {
  std::int64_t out = 0;
  std::int64_t in = 0;
  int bits = 8;
  std::int64_t group = whole_row;

  [[nodiscard]] std::int64_t panels() const noexcept { return (out + panel_rows - 1) / panel_rows; }
  [[nodiscard]] std::int64_t padded_in() const noexcept {
    return (in + block_columns - 1) / block_columns * block_columns;
  }
  [[nodiscard]] std::int64_t blocks() const noexcept { return padded_in() / block_columns; }
  [[nodiscard]] std::int64_t groups() const noexcept { return group == whole_row ? 1 : in / group; }
  [[nodiscard]] int zero_point() const noexcept { return 1 << (bits - 1); }
  /// Bytes of one panel's levels.
  [[nodiscard]] std::int64_t panel_bytes() const noexcept { return panel_rows * padded_in() * bits / 8; }
  [[nodiscard]] dtype scale_type() const noexcept { return bits == 8 ? dtype::f32 : dtype::bf16; }
  [[nodiscard]] std::vector<std::int64_t> q_dims() const;
  [[nodiscard]] std::vector<std::int64_t> scale_dims() const;

  friend bool operator==(const packed_shape& a, const packed_shape& b) {
    return a.out == b.out && a.in == b.in && a.bits == b.bits && a.group == b.group;
  }
};

/// A checked shape: 8 bits with whole_row, or 4 bits with a group of 32, 64 or 128 that divides `in`.
/// `what` stands first in errors.
result<packed_shape> make_packed_shape(std::int64_t out, std::int64_t in, int bits, std::int64_t group,
                                       std::string_view what);

/// Only pointers, for the kernels; whoever makes one keeps the memory.
struct packed_view {
  packed_shape shape;
  const std::uint8_t* q = nullptr;
  const std::uint8_t* scales = nullptr;
};

struct packed_weight {
  packed_shape shape;
  host_tensor q;
  host_tensor scales;
  [[nodiscard]] packed_view view() const noexcept { return {shape, q.data(), scales.data()}; }
};

/// Takes tensors as a file gave them for a matrix [out, in] and finds bits and group by their shapes.
/// Errors: shape_mismatch for shapes and dtypes that no layout above has, corrupt for a scale that is
/// not finite; each begins with `what`.
result<packed_weight> adopt_packed(host_tensor q, host_tensor scales, std::int64_t out, std::int64_t in,
                                   std::string_view what);

/// steps: signed step numbers [out, in], within [-2^(bits-1), 2^(bits-1)); scales: f32 [out, groups],
/// for 4 bits such that bf16 holds them (round_scale()). A broken invariant otherwise.
packed_weight pack(const packed_shape& shape, const std::int8_t* steps, const float* scales);

/// The nearest number that the layout of `bits` can hold as a scale.
[[nodiscard]] float round_scale(float scale, int bits) noexcept;

/// Weights of rows [first, first + count) as f32 [count, in].
void dequantise_rows(const packed_view& w, std::int64_t first, std::int64_t count, float* out);

/// The scale of a row's group; both within range.
[[nodiscard]] float scale_at(const packed_view& w, std::int64_t row, std::int64_t group) noexcept;
/// The signed step number of one weight.
[[nodiscard]] int step_at(const packed_view& w, std::int64_t row, std::int64_t column) noexcept;

}  // namespace freshet::quant
