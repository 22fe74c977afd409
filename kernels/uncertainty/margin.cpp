#include "kernels/uncertainty/margin.hpp"

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace freshet::uncertainty {
namespace {

// 1 - (p1 - p2) = (others + ties - 1 + exp(z2 - z1)) / S, S = ties + others: no cancellation near 0.
template <std::size_t B>
FRESHET_INLINE void margin_body(const float* logits, std::size_t rows, std::size_t width, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    lanes<B> first = lanes<B>::all(lowest_logit);
    lanes<B> second = first;
    std::size_t i = 0;
    for (; i + 2 * lane_count <= width; i += 2 * lane_count) {
      keep_two_largest(first, second, lanes<B>::load(row + i), lanes<B>::load(row + i + lane_count));
    }
    const lanes<B> none = lanes<B>::all(lowest_logit);
    if (i + lane_count <= width) {
      keep_two_largest(first, second, lanes<B>::load(row + i), none);
      i += lane_count;
    }
    if (i < width) keep_two_largest(first, second, lanes<B>::load_tail(row + i, width - i, lowest_logit), none);
    const float best = largest_of(first);
    const row_sums s = sums_of_row<B>(row, width, best, 1.0f);
    // The runner-up is the best of what lost within a lane and of the other lanes' winners.
    const lanes<B> top = lanes<B>::all(best);
    const float loser = largest_of(max_of(second, if_less(first, top, first, lanes<B>::all(lowest_logit))));
    const float gap = s.ties > 1.0f ? 0.0f : loser - best;
    const float runner_up = width > 1 ? std::exp(gap) : 0.0f;
    out[r] = (s.others + (s.ties - 1.0f) + runner_up) / (s.others + s.ties);
  }
}
FRESHET_WIDE_LANES_KERNEL(margin_kernel, margin_body,
                          (const float* logits, std::size_t rows, std::size_t width, float* out),
                          (logits, rows, width, out))

}  // namespace

void margin_rows_reference(const float* logits, std::size_t rows, std::size_t width, float* out) {
  std::vector<double> p;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const double max = *std::max_element(row, row + width);
    p.assign(width, 0.0);
    double sum = 0;
    for (std::size_t v = 0; v < width; ++v) sum += p[v] = std::exp(row[v] - max);
    std::sort(p.begin(), p.end(), std::greater<>());
    out[r] = static_cast<float>(1.0 - (p[0] - (width > 1 ? p[1] : 0.0)) / sum);
  }
}

void margin_rows(const float* logits, std::size_t rows, std::size_t width, float* out, instruction_set set) {
  pick_margin_kernel(set)(logits, rows, width, out);
}

float margin(const sample_view& view, const score_context&, rng&) {
  std::vector<float> per_position(view.positions);
  margin_rows(view.logits, view.positions, view.vocabulary, per_position.data());
  return std::accumulate(per_position.begin(), per_position.end(), 0.0f) / static_cast<float>(view.positions);
}

}  // namespace freshet::uncertainty
