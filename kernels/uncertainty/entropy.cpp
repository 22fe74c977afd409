#include "kernels/uncertainty/entropy.hpp"

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace freshet::uncertainty {
namespace {

// With d = z - max, e = exp(d), S = 1 + sum of the others' e:  H = log S - (sum e d) / S.
template <std::size_t B>
FRESHET_INLINE void entropy_body(const float* logits, std::size_t rows, std::size_t width, float* out) {
  const lanes<B> lowest = lanes<B>::all(lowest_exponent);  // where e is 0 already: keeps 0 * infinity out
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const float max = row_max<B>(row, width);
    lanes<B> sum = lanes<B>::all(0.0f);
    lanes<B> weighted = sum;
    std::size_t i = 0;
    for (; i + lane_count <= width; i += lane_count) {
      fetch_next_row(row, i, width);
      const lanes<B> d = lanes<B>::load(row + i) - max;
      const lanes<B> e = exponential(d);
      sum += e;
      weighted += where_less(lowest, d, e * d);
    }
    if (i < width) {
      // What pads the row is exactly the lowest logit; it must not count even if the maximum is as low.
      const lanes<B> d = lanes<B>::load_tail(row + i, width - i, lowest_logit) - max;
      const lanes<B> e = exponential(d) * lanes<B>::ones(width - i);
      sum += e;
      weighted += where_less(lowest, d, e * d);
    }
    const float total = sum_of(sum);
    out[r] = std::log(total) - sum_of(weighted) / total;
  }
}
FRESHET_WIDE_LANES_KERNEL(entropy_kernel, entropy_body,
                          (const float* logits, std::size_t rows, std::size_t width, float* out),
                          (logits, rows, width, out))

}  // namespace

void entropy_rows_reference(const float* logits, std::size_t rows, std::size_t width, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const double max = *std::max_element(row, row + width);
    double sum = 0;
    for (std::size_t v = 0; v < width; ++v) sum += std::exp(row[v] - max);
    double h = 0;
    for (std::size_t v = 0; v < width; ++v) {
      const double p = std::exp(row[v] - max) / sum;
      if (p > 0) h -= p * std::log(p);
    }
    out[r] = static_cast<float>(h);
  }
}

void entropy_rows(const float* logits, std::size_t rows, std::size_t width, float* out, instruction_set set) {
  pick_entropy_kernel(set)(logits, rows, width, out);
}

float entropy(const sample_view& view, const score_context&, rng&) {
  std::vector<float> per_position(view.positions);
  entropy_rows(view.logits, view.positions, view.vocabulary, per_position.data());
  return std::accumulate(per_position.begin(), per_position.end(), 0.0f) / static_cast<float>(view.positions);
}

}  // namespace freshet::uncertainty
