// What the fast answer scores share: one row of logits, read from memory once and then from cache.
// Included by .cpp files of this folder only.
#pragma once

#include "kernels/uncertainty/fetch.hpp"
#include "kernels/uncertainty/lanes.hpp"

#include <limits>

namespace freshet::uncertainty {

inline constexpr float lowest_logit = std::numeric_limits<float>::lowest();

/// Called for each vector in the second scan of a row, which computes: meanwhile the next row comes, and its first scan,
/// which does little else than read, finds it in the cache. (Half of it in each scan was a fifth slower.)
FRESHET_INLINE void fetch_next_row(const float* row, std::size_t i, std::size_t width) noexcept {
  if (i / floats_in_a_stretch * floats_in_a_stretch + floats_in_a_stretch <= width) return fetch_side_by_side(row, i, width);
  fetch_line(row, i + width);   // less than a stretch is left of the row
}

/// Largest value of row [width], width > 0.
template <std::size_t B>
FRESHET_INLINE float row_max(const float* row, std::size_t width) {
  lanes<B> best = lanes<B>::all(lowest_logit);
  std::size_t i = 0;
  for (; i + lane_count <= width; i += lane_count) {
    best = max_of(best, lanes<B>::load(row + i));
  }
  if (i < width) best = max_of(best, lanes<B>::load_tail(row + i, width - i, lowest_logit));
  return largest_of(best);
}

/// Sums over a row, shifted by its maximum m and divided by the temperature: d = (z - m) / T.
/// The maximum itself is kept apart, so that 1 - p_max does not cancel.
struct row_sums {
  float others = 0;  ///< sum of exp(d) where z < m
  float ties = 0;    ///< how many z equal m (at least 1)
};

template <std::size_t B>
FRESHET_INLINE row_sums sums_of_row(const float* row, std::size_t width, float max, float inverse_temperature) {
  const lanes<B> one = lanes<B>::all(1.0f);
  lanes<B> others = lanes<B>::all(0.0f);
  lanes<B> below = others;  // exact: a lane counts to 2^24
  std::size_t i = 0;
  for (; i + lane_count <= width; i += lane_count) {
    fetch_next_row(row, i, width);
    const lanes<B> d = (lanes<B>::load(row + i) - max) * inverse_temperature;
    others += where_negative(d, exponential(d));
    below += where_negative(d, one);
  }
  if (i < width) {
    const lanes<B> valid = lanes<B>::ones(width - i);
    const lanes<B> d = (lanes<B>::load_tail(row + i, width - i, lowest_logit) - max) * inverse_temperature;
    others += where_negative(d, exponential(d) * valid);
    below += where_negative(d, valid);
  }
  return {sum_of(others), static_cast<float>(width) - sum_of(below)};
}

}  // namespace freshet::uncertainty
