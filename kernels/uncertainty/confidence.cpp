#include "kernels/uncertainty/confidence.hpp"

#include "kernels/uncertainty/row_scan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace freshet::uncertainty {
namespace {

template <std::size_t B>
FRESHET_INLINE void min_entropy_body(const float* logits, std::size_t rows, std::size_t width, float temperature,
                                     float* out) {
  const float inverse_temperature = 1.0f / temperature;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const row_sums s = sums_of_row<B>(row, width, row_max<B>(row, width), inverse_temperature);
    out[r] = std::log1p(s.others + (s.ties - 1.0f));
  }
}
FRESHET_WIDE_LANES_KERNEL(min_entropy_kernel, min_entropy_body,
                          (const float* logits, std::size_t rows, std::size_t width, float temperature, float* out),
                          (logits, rows, width, temperature, out))

float total(const sample_view& view, float temperature) {
  std::vector<float> per_position(view.positions);
  min_entropy_rows(view.logits, view.positions, view.vocabulary, temperature, per_position.data());
  return std::accumulate(per_position.begin(), per_position.end(), 0.0f);
}

}  // namespace

void min_entropy_rows_reference(const float* logits, std::size_t rows, std::size_t width, float temperature,
                                float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const auto top = static_cast<std::size_t>(std::max_element(row, row + width) - row);
    double rest = 0;
    for (std::size_t v = 0; v < width; ++v) {
      if (v != top) rest += std::exp((static_cast<double>(row[v]) - row[top]) / static_cast<double>(temperature));
    }
    out[r] = static_cast<float>(std::log1p(rest));
  }
}

void min_entropy_rows(const float* logits, std::size_t rows, std::size_t width, float temperature, float* out,
                      instruction_set set) {
  pick_min_entropy_kernel(set)(logits, rows, width, temperature, out);
}

float confidence_product(const sample_view& view, const score_context& context, rng&) {
  return total(view, context.confidence_temperature);
}

float confidence_mean(const sample_view& view, const score_context& context, rng&) {
  return total(view, context.confidence_temperature) / static_cast<float>(view.positions);
}

float min_entropy(const sample_view& view, const score_context&, rng&) {
  return total(view, 1.0f) / static_cast<float>(view.positions);
}

}  // namespace freshet::uncertainty
