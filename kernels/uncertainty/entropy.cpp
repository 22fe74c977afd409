#include "kernels/uncertainty/entropy.hpp"

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace freshet::uncertainty {
namespace {

// With d = z - max, e = exp(d), S = sum of e:  H = log S - (sum e d) / S. Below the lowest exponent e is taken for
// e^-87, which keeps 0 * infinity out and adds nothing that counts.
template <std::size_t B>
struct entropy_run {
  const float* row;
  float max;
  lanes<B> sum = lanes<B>::all(0.0f);
  lanes<B> weighted = sum;

  FRESHET_INLINE lanes<B> below_max(const lanes<B>& z) const { return max_of(z - max, lanes<B>::all(lowest_exponent)); }
  FRESHET_INLINE void vector(std::size_t i) {
    const lanes<B> d = below_max(lanes<B>::load(row + i));
    const lanes<B> e = exponential_in_range(d);
    sum += e;
    weighted += e * d;
  }
  FRESHET_INLINE void end(std::size_t, std::size_t) {}
};

template <std::size_t B>
FRESHET_INLINE void entropy_body(const float* logits, std::size_t rows, std::size_t width, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    entropy_run<B> run{row, row_max<B>(row, width)};
    if (run.max == lowest_logit) {
      out[r] = no_score;
      continue;
    }
    const std::size_t i = scan_in_runs(row, width, run);
    if (i < width) {
      // What pads the row is exactly the lowest logit; it must not count even if the maximum is as low.
      const lanes<B> d = run.below_max(lanes<B>::load_tail(row + i, width - i, lowest_logit));
      const lanes<B> e = exponential_in_range(d) * lanes<B>::ones(width - i);
      run.sum += e;
      run.weighted += e * d;
    }
    const float total = sum_of(run.sum);
    out[r] = std::log(total) - sum_of(run.weighted) / total;
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
