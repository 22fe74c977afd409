// The M largest values of a long row without moving the row: one pass keeps the maximum of every
// column (sixteen values a vector apart); a bound that M columns reach is found on those maxima
// alone, and only the few columns that reach it are looked into. Included by .cpp files of this
// folder only.
#pragma once

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

namespace freshet::uncertainty {

/// Values in a column.
inline constexpr std::size_t column_height = 24;
inline constexpr std::size_t column_group = column_height * lane_count;

/// Room for one row; made once, used for many.
struct top_scratch {
  std::vector<float> column_max;        ///< [groups * lane_count]
  std::vector<std::uint32_t> reaching;  ///< columns that reach the bound
  std::vector<float> candidates;        ///< [width]
};

inline top_scratch room_for_top(std::size_t width) {
  const std::size_t columns = width / column_group * lane_count;
  return {std::vector<float>(columns), std::vector<std::uint32_t>(columns), std::vector<float>(width)};
}

/// Largest value of row [width], width > 0; leaves the columns' maxima in `column_max`.
template <std::size_t B>
FRESHET_INLINE float max_of_columns(const float* row, std::size_t width, float* column_max) {
  lanes<B> best = lanes<B>::all(lowest_logit);
  std::size_t i = 0;
  for (; i + column_group <= width; i += column_group) {
    lanes<B> column = lanes<B>::load(row + i);
    for (std::size_t k = 1; k < column_height; ++k) column = max_of(column, lanes<B>::load(row + i + k * lane_count));
    column.store(column_max);
    column_max += lane_count;
    best = max_of(best, column);
  }
  const float rest = i < width ? row_max<B>(row + i, width - i) : lowest_logit;
  return std::max(largest_of(best), rest);
}

/// How many of values [count] are at least `bound`, which is finite; count is a multiple of lane_count.
template <std::size_t B>
FRESHET_INLINE std::size_t count_reaching(const float* values, std::size_t count, float bound) {
  const lanes<B> at = lanes<B>::all(bound);
  const lanes<B> one = lanes<B>::all(1.0f);
  lanes<B> even = lanes<B>::all(0.0f);  // two sums, so that additions wait for each other half as long
  lanes<B> odd = even;
  std::size_t i = 0;
  for (; i + 2 * lane_count <= count; i += 2 * lane_count) {
    even += where_less(lanes<B>::load(values + i), at, one);
    odd += where_less(lanes<B>::load(values + i + lane_count), at, one);
  }
  if (i < count) even += where_less(lanes<B>::load(values + i), at, one);
  return count - static_cast<std::size_t>(sum_of(even + odd));
}

/// A bound that at least `top` of the columns reach (columns >= top): halving, eight times, between
/// the least maximum and the greatest.
template <std::size_t B>
FRESHET_INLINE float bound_of_top(const float* column_max, std::size_t columns, std::size_t top, float max) {
  lanes<B> least = lanes<B>::load(column_max);
  for (std::size_t i = lane_count; i < columns; i += lane_count) least = min_of(least, lanes<B>::load(column_max + i));
  float reached = -largest_of(lanes<B>::all(0.0f) - least);
  if (reached < lowest_logit) {  // a column of minus infinities, which nothing can be halved with
    if (count_reaching<B>(column_max, columns, lowest_logit) < top) return reached;
    reached = lowest_logit;
  }
  float above = max;
  for (int step = 0; step < 8; ++step) {
    const float middle = reached * 0.5f + above * 0.5f;  // halved first: the sum of two such may overflow
    (count_reaching<B>(column_max, columns, middle) >= top ? reached : above) = middle;
  }
  return reached;
}

/// The `top` largest of a row [width] (top < width), collected while another scan goes over it: a column is looked into
/// right behind that scan, where it lies in the nearest cache. `room.column_max` was filled by max_of_columns.
template <std::size_t B>
class top_search {
 public:
  FRESHET_INLINE top_search(const float* row, std::size_t width, std::size_t top, float max, top_scratch& room)
      : row_(row), width_(width), top_(top), room_(room) {
    const std::size_t columns = room.column_max.size();
    // Too few of them for a bound: all values are candidates.
    if (columns < top || columns == 0) return;
    bounded_ = true;
    const float* const column_max = room.column_max.data();
    bound_ = bound_of_top<B>(column_max, columns, top, max);
    for (std::size_t c = 0; c < columns; ++c) {
      room.reaching[reaching_] = static_cast<std::uint32_t>(c);
      reaching_ += column_max[c] >= bound_ ? 1 : 0;
    }
  }

  /// The scan is behind the columns of this group: they are looked into.
  FRESHET_INLINE void behind(std::size_t group) {
    float* const candidates = room_.candidates.data();
    std::size_t count = count_;
    for (; next_ < reaching_ && room_.reaching[next_] / lane_count == group; ++next_) {
      const float* column = row_ + group * column_group + room_.reaching[next_] % lane_count;
      for (std::size_t k = 0; k < column_height; ++k) {
        candidates[count] = column[k * lane_count];
        count += column[k * lane_count] >= bound_ ? 1 : 0;
      }
    }
    count_ = count;
  }
  [[nodiscard]] bool bounded() const noexcept { return bounded_; }

  /// After all groups: the result's first `top` values, in any order.
  FRESHET_INLINE const float* finish() {
    float* const candidates = room_.candidates.data();
    for (std::size_t i = bounded_ ? width_ / column_group * column_group : 0; i < width_; ++i) {
      candidates[count_] = row_[i];
      count_ += !bounded_ || row_[i] >= bound_ ? 1 : 0;
    }
    std::nth_element(candidates, candidates + top_ - 1, candidates + count_, std::greater<>());
    return candidates;
  }

 private:
  const float* row_;
  std::size_t width_;
  std::size_t top_;
  top_scratch& room_;
  bool bounded_ = false;
  float bound_ = 0;
  std::size_t reaching_ = 0;   ///< columns that reach the bound
  std::size_t next_ = 0;       ///< the first of them that was not looked into
  std::size_t count_ = 0;      ///< candidates
};

}  // namespace freshet::uncertainty
