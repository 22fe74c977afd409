// The scale of one quantised group (dense_groups.hpp has the grids): near the least squared error
// over both grids, by a few clipping ratios and Lloyd steps (given codes q, the best scale is
// Σxq / Σq², and the error falls by (Σxq)² / Σq²: Lloyd 1982). Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshet::delta {

/// One of the two uniform grids of a bit count, with its scale as fp16 (sign bit = grid "rise").
/// Levels are (k + shift) × step for whole k in [low, low + 2^bits - 1].
struct group_grid {
  float step = 0;
  float shift = 0;
  float low = 0;
  float high = 0;
};

/// The grid that a stored scale stands for. `half_scale` must be finite.
[[nodiscard]] group_grid grid_of(std::uint16_t half_scale, unsigned bits) noexcept;

/// fp16 scale for x [count], |x| below 2^14; +0 when all are zero.
[[nodiscard]] std::uint16_t choose_scale(const float* x, std::size_t count, unsigned bits);

/// Nearest level of each x, as a code from 0.
void assign_codes(const float* x, std::size_t count, const group_grid& grid, std::uint8_t* codes);

}  // namespace freshet::delta
