// What the fast answer scores share: one row of logits, read from memory once and then from cache.
// Included by .cpp files of this folder only.
#pragma once

#include "kernels/base/read_ahead.hpp"
#include "kernels/uncertainty/fetch.hpp"
#include "kernels/uncertainty/lanes.hpp"

#include <limits>

namespace freshet::uncertainty {

inline constexpr float lowest_logit = std::numeric_limits<float>::lowest();
/// Score of a row that is no distribution: nothing in it is above the lowest logit. Whoever asked refuses it.
inline constexpr float no_score = std::numeric_limits<float>::quiet_NaN();

/// Vectors of a run: what is rare in a row is looked for once a run.
inline constexpr std::size_t vectors_in_a_run = 64;
inline constexpr std::size_t floats_in_a_run = vectors_in_a_run * lane_count;
static_assert(floats_in_a_stretch % floats_in_a_run == 0 && lane_count == floats_in_a_line);

/// The second scan of a row, which computes: calls run.vector(i) for all its whole vectors in order, and run.end(first, last)
/// after each run of them. Meanwhile the next row comes, and its first scan, which does little else than read, finds it in the
/// cache. (Half of it in each scan was a fifth slower.) `in_pages`: four pages of it side by side. Returns where the vectors end.
template <class Run>
FRESHET_INLINE std::size_t scan_in_runs(const float* row, std::size_t width, Run& run, bool in_pages = !processor_reads_ahead()) {
  const std::size_t whole = width / lane_count * lane_count;
  for (std::size_t first = 0; first < whole; first += floats_in_a_run) {
    const std::size_t stretch = first / floats_in_a_stretch * floats_in_a_stretch;
    const std::size_t last = first + floats_in_a_run < whole ? first + floats_in_a_run : whole;
    if (in_pages && stretch + floats_in_a_stretch <= whole) {
      // As fetch_side_by_side, but a line of each page for every four vectors: no place is computed.
      std::size_t line = width + stretch + (first - stretch) / pages_side_by_side;
      for (std::size_t i = first; i < last; i += pages_side_by_side * lane_count, line += lane_count) {
        for (std::size_t k = 0; k < pages_side_by_side; ++k) {
          fetch_line(row, line + k * lines_in_a_page * floats_in_a_line);
          run.vector(i + k * lane_count);
        }
      }
    } else {
      for (std::size_t i = first; i < last; i += lane_count) {
        fetch_line(row, width + i);
        run.vector(i);
      }
    }
    run.end(first, last);
  }
  return whole;
}

/// Largest value of row [width], width > 0.
template <std::size_t B>
FRESHET_INLINE float row_max(const float* row, std::size_t width) {
  constexpr std::size_t chains = 4;  // so that maxima wait for each other a quarter as long
  lanes<B> best[chains];
  for (auto& chain : best) chain = lanes<B>::all(lowest_logit);
  std::size_t i = 0;
  for (; i + chains * lane_count <= width; i += chains * lane_count) {
    for (std::size_t k = 0; k < chains; ++k) best[k] = max_of(best[k], lanes<B>::load(row + i + k * lane_count));
  }
  for (; i + lane_count <= width; i += lane_count) best[0] = max_of(best[0], lanes<B>::load(row + i));
  if (i < width) best[1] = max_of(best[1], lanes<B>::load_tail(row + i, width - i, lowest_logit));
  return largest_of(max_of(max_of(best[0], best[1]), max_of(best[2], best[3])));
}

/// The two largest of what each lane has seen, and two more. By pairs: half as long a chain of maxima.
template <std::size_t B>
FRESHET_INLINE void keep_two_largest(lanes<B>& first, lanes<B>& second, const lanes<B>& a, const lanes<B>& b) {
  const lanes<B> more = max_of(a, b);
  second = max_of(max_of(second, min_of(a, b)), min_of(first, more));
  first = max_of(first, more);
}

/// Sums over a row, shifted by its maximum m and divided by the temperature: d = (z - m) / T.
/// The maximum itself is kept apart, so that 1 - p_max does not cancel. Of a row that is no distribution both are no_score.
struct row_sums {
  float others = 0;  ///< sum of exp(d) where z < m
  float ties = 0;    ///< how many z equal m (at least 1)
};

/// The scan that gives them. Which words are the maximum is asked once a run, and only a run that has one is looked at
/// word by word.
template <std::size_t B>
struct sum_run {
  const float* row;
  float max;
  float inverse_temperature;
  lanes<B> others = lanes<B>::all(0.0f);
  float ties = 0;
  lanes<B> of_run = lanes<B>::all(0.0f);
  lanes<B> best = lanes<B>::all(lowest_logit);   ///< largest d of the run

  FRESHET_INLINE lanes<B> below_max(const lanes<B>& z) const { return (z - max) * inverse_temperature; }
  FRESHET_INLINE void vector(std::size_t i) {
    const lanes<B> d = below_max(lanes<B>::load(row + i));
    of_run += exponential_in_range(max_of(d, lanes<B>::all(lowest_exponent)));  // what is less adds nothing that counts
    best = max_of(best, d);
  }
  FRESHET_INLINE void end(std::size_t first, std::size_t last) {
    if (largest_of(best) < 0) {
      others += of_run;
    } else {
      const lanes<B> one = lanes<B>::all(1.0f);
      lanes<B> below = lanes<B>::all(0.0f);
      for (std::size_t i = first; i < last; i += lane_count) {
        const lanes<B> d = below_max(lanes<B>::load(row + i)) + 0.0f;  // a difference of zeros may be -0
        others += where_negative(d, exponential(d));
        below += where_negative(d, one);
      }
      ties += static_cast<float>(last - first) - sum_of(below);
    }
    of_run = lanes<B>::all(0.0f);
    best = lanes<B>::all(lowest_logit);
  }
};

template <std::size_t B>
FRESHET_INLINE row_sums sums_of_row(const float* row, std::size_t width, float max, float inverse_temperature) {
  if (max == lowest_logit) return {no_score, no_score};
  sum_run<B> run{row, max, inverse_temperature};
  const std::size_t i = scan_in_runs(row, width, run);
  if (i < width) {
    const lanes<B> valid = lanes<B>::ones(width - i);
    const lanes<B> d = run.below_max(lanes<B>::load_tail(row + i, width - i, lowest_logit)) + 0.0f;
    run.others += where_negative(d, exponential(d) * valid);
    run.ties += static_cast<float>(width - i) - sum_of(where_negative(d, valid));
  }
  return {sum_of(run.others), run.ties};
}

}  // namespace freshet::uncertainty
