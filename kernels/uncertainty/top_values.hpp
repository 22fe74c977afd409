// The M largest values of a long row without moving the row: one pass keeps the two largest of every
// column (sixteen values a vector apart); a bound that M columns reach is found on those maxima alone,
// and only a column whose second value reaches it too is looked into. Included by .cpp files of this
// folder only.
#pragma once

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace freshet::uncertainty {

/// Values in a column.
inline constexpr std::size_t column_height = 40;
static_assert(column_height % 2 == 0);
inline constexpr std::size_t column_group = column_height * lane_count;

/// Room for one row; made once, used for many.
struct top_scratch {
  std::vector<float> column_max;      ///< [groups * lane_count]
  std::vector<float> column_second;   ///< likewise: the largest of a column without its maximum
  std::vector<float> candidates;      ///< [width and one vector]
};

inline top_scratch room_for_top(std::size_t width) {
  const std::size_t columns = width / column_group * lane_count;
  return {std::vector<float>(columns), std::vector<float>(columns), std::vector<float>(width + lane_count)};
}

/// Largest value of row [width], width > 0; leaves each column's two largest in `room`.
template <std::size_t B>
FRESHET_INLINE float max_of_columns(const float* row, std::size_t width, top_scratch& room) {
  float* column_max = room.column_max.data();
  float* column_second = room.column_second.data();
  lanes<B> best = lanes<B>::all(lowest_logit);
  std::size_t i = 0;
  for (; i + column_group <= width; i += column_group) {
    lanes<B> first = lanes<B>::all(-std::numeric_limits<float>::infinity());
    lanes<B> second = first;
    for (std::size_t k = 0; k < column_height; k += 2) {
      keep_two_largest(first, second, lanes<B>::load(row + i + k * lane_count), lanes<B>::load(row + i + (k + 1) * lane_count));
    }
    (first + 0.0f).store(column_max);
    second.store(column_second);
    column_max += lane_count;
    column_second += lane_count;
    best = max_of(best, first);
  }
  const float rest = i < width ? row_max<B>(row + i, width - i) : lowest_logit;
  return std::max(largest_of(best), rest);
}

// Zeros here are positive: where_less() takes -0 for less than 0. (Adding 0 makes them so.)

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

/// The least of values [count] but for minus infinities, `max` when there is none; count is a multiple of lane_count.
template <std::size_t B>
FRESHET_INLINE float least_finite(const float* values, std::size_t count, float max) {
  const lanes<B> lowest = lanes<B>::all(lowest_logit);
  const lanes<B> none = lanes<B>::all(max);
  lanes<B> least = none;
  for (std::size_t i = 0; i < count; i += lane_count) {
    const lanes<B> x = lanes<B>::load(values + i);
    least = min_of(least, if_less(x, lowest, none, x));
  }
  return -largest_of(lanes<B>::all(0.0f) - least);
}

/// Between which values the one of rank `top` lies: at least `top` of values [count] reach `reached`, fewer reach `above`.
struct rank_bounds {
  float reached;
  float above;
};

/// Halves the bounds until at most `enough` values reach the lower one, or nothing lies between them.
template <std::size_t B>
FRESHET_INLINE rank_bounds halve(const float* values, std::size_t count, std::size_t top, std::size_t enough, rank_bounds b) {
  for (;;) {
    const float middle = b.reached * 0.5f + b.above * 0.5f;  // halved first: the sum of two such may overflow
    if (!(middle > b.reached && middle < b.above)) return b;
    const std::size_t reaching = count_reaching<B>(values, count, middle);
    (reaching >= top ? b.reached : b.above) = middle;
    if (reaching >= top && reaching <= enough) return b;
  }
}

/// The `top` largest of a row: those of values [count] that exceed `floor`, and `tied` that equal it. What pads the
/// values to a whole number of vectors exceeds nothing.
struct top_values {
  const float* values = nullptr;
  std::size_t count = 0;
  float floor = 0;
  std::size_t tied = 0;
};

/// The `top` largest of row [width] (0 < top < width), of which max_of_columns filled `room` and returned `max`.
template <std::size_t B>
FRESHET_INLINE top_values top_of_row(const float* row, std::size_t width, std::size_t top, float max, top_scratch& room) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::size_t columns = room.column_max.size();
  float* const column_max = room.column_max.data();
  const float* const column_second = room.column_second.data();
  float* const candidates = room.candidates.data();
  std::size_t count = 0;
  std::size_t looked_into = 0;
  float bound = lowest_logit;
  if (columns > top && count_reaching<B>(column_max, columns, lowest_logit) >= top) {
    bound = halve<B>(column_max, columns, top, top + top / 4, {least_finite<B>(column_max, columns, max), max}).reached;
    for (std::size_t group = 0; group < columns; group += lane_count) {
      if (largest_of(lanes<B>::load(column_second + group)) < bound) continue;
      for (std::size_t c = group; c < group + lane_count; ++c) {
        if (column_second[c] < bound) continue;
        column_max[c] = -infinity;   // all of it is taken here
        const float* const column = row + group * column_height + (c - group);
        for (std::size_t k = 0; k < column_height; ++k) {
          candidates[count] = column[k * lane_count] + 0.0f;
          count += column[k * lane_count] >= bound ? 1 : 0;
        }
      }
    }
    for (std::size_t c = 0; c < columns; ++c) {  // without branches: hits are rare and their places random
      candidates[count] = column_max[c];
      count += column_max[c] >= bound ? 1 : 0;
    }
    looked_into = columns * column_height;
  }
  for (std::size_t i = looked_into; i < width; ++i) {
    candidates[count] = row[i] + 0.0f;
    count += row[i] >= bound ? 1 : 0;
  }
  for (; count % lane_count != 0; ++count) candidates[count] = -infinity;
  // Fewer than `top` finite values: all are chosen. (What is infinitely unlikely adds nothing to any score.)
  if (count_reaching<B>(candidates, count, lowest_logit) <= top) return {candidates, count, lowest_logit, 0};
  const rank_bounds b = halve<B>(candidates, count, top, top, {least_finite<B>(candidates, count, max), max});
  const std::size_t reaching = count_reaching<B>(candidates, count, b.reached);
  if (reaching == top) return {candidates, count, std::nextafter(b.reached, -infinity) + 0.0f, 0};
  const std::size_t exceeding = count_reaching<B>(candidates, count, b.above);
  return {candidates, count, b.reached + 0.0f, exceeding < top ? top - exceeding : 0};
}

}  // namespace freshet::uncertainty
