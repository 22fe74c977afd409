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

/// The scan that gives them, stretch by stretch: for whoever looks at a stretch while it is in the nearest cache.
template <std::size_t B>
class sum_scan {
 public:
  FRESHET_INLINE sum_scan(const float* row, std::size_t width, float max, float inverse_temperature)
      : row_(row), width_(width), max_(max), inverse_temperature_(inverse_temperature), others_(lanes<B>::all(0.0f)), below_(others_) {}

  /// From where the scan is to `end`, a whole number of vectors from there.
  FRESHET_INLINE void to(std::size_t end) {
    const lanes<B> one = lanes<B>::all(1.0f);
    lanes<B> others = others_;
    lanes<B> below = below_;  // exact: a lane counts to 2^24
    for (; at_ + lane_count <= end; at_ += lane_count) {
      fetch_next_row(row_, at_, width_);
      const lanes<B> d = (lanes<B>::load(row_ + at_) - max_) * inverse_temperature_;
      others += where_negative(d, exponential(d));
      below += where_negative(d, one);
    }
    others_ = others;
    below_ = below;
  }
  /// To the end of the row, whose last vector may be a part of one.
  FRESHET_INLINE row_sums finish() {
    to(width_);
    if (at_ < width_) {
      const lanes<B> valid = lanes<B>::ones(width_ - at_);
      const lanes<B> d = (lanes<B>::load_tail(row_ + at_, width_ - at_, lowest_logit) - max_) * inverse_temperature_;
      others_ += where_negative(d, exponential(d) * valid);
      below_ += where_negative(d, valid);
    }
    return {sum_of(others_), static_cast<float>(width_) - sum_of(below_)};
  }

 private:
  const float* row_;
  std::size_t width_;
  std::size_t at_ = 0;
  float max_;
  float inverse_temperature_;
  lanes<B> others_, below_;
};

template <std::size_t B>
FRESHET_INLINE row_sums sums_of_row(const float* row, std::size_t width, float max, float inverse_temperature) {
  return sum_scan<B>(row, width, max, inverse_temperature).finish();
}

}  // namespace freshet::uncertainty
