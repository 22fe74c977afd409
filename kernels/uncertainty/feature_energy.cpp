#include "kernels/uncertainty/feature_energy.hpp"

#include "kernels/base/check.hpp"
#include "kernels/uncertainty/fetch.hpp"

namespace freshet::uncertainty {
namespace {

template <std::size_t B>
FRESHET_INLINE void energy_body(const float* features, std::size_t rows, std::size_t width, float factor, float* out) {
  const stretch_fetch fetch(features);
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = features + r * width;
    lanes<B> even = lanes<B>::all(0.0f);
    lanes<B> odd = even;
    std::size_t i = 0;
    for (; i + 2 * lane_count <= width; i += 2 * lane_count) {
      fetch.at(r * width + i);
      fetch.at(r * width + i + lane_count);
      const lanes<B> x = lanes<B>::load(row + i);
      const lanes<B> y = lanes<B>::load(row + i + lane_count);
      even += x * x;
      odd += y * y;
    }
    for (; i < width; i += lane_count) {
      const lanes<B> x = i + lane_count <= width ? lanes<B>::load(row + i) : lanes<B>::load_tail(row + i, width - i, 0.0f);
      even += x * x;
    }
    out[r] = factor * sum_of(even + odd);
  }
}
FRESHET_LANES_KERNEL(energy_kernel, energy_body,
                     (const float* features, std::size_t rows, std::size_t width, float factor, float* out),
                     (features, rows, width, factor, out))

double factor_of(double dropout_share, std::size_t width) {
  FRESHET_ENSURE(dropout_share > 0 && dropout_share < 1, "dropout share must lie in (0, 1)");
  return dropout_share / (1.0 - dropout_share) / static_cast<double>(width);
}

}  // namespace

void feature_energy_rows_reference(const float* features, std::size_t rows, std::size_t width, double dropout_share,
                                   float* out) {
  const double factor = factor_of(dropout_share, width);
  for (std::size_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (std::size_t d = 0; d < width; ++d) {
      const double x = features[r * width + d];
      squares += x * x;
    }
    out[r] = static_cast<float>(factor * squares);
  }
}

void feature_energy_rows(const float* features, std::size_t rows, std::size_t width, double dropout_share, float* out,
                         instruction_set set) {
  pick_energy_kernel(set)(features, rows, width, static_cast<float>(factor_of(dropout_share, width)), out);
}

void mc_dropout_rows(const float* features, std::size_t rows, std::size_t width, std::size_t draws,
                     double dropout_share, rng& generator, float* out) {
  FRESHET_ENSURE(draws >= 2, "a variance needs two draws");
  FRESHET_ENSURE(dropout_share > 0 && dropout_share < 1, "dropout share must lie in (0, 1)");
  const double keep = 1.0 - dropout_share;
  const auto n = static_cast<double>(draws);
  // A draw is x/keep or 0, so with k of n kept the unbiased variance is (x/keep)^2 k(n-k) / (n(n-1)).
  const double per_value = 1.0 / (keep * keep * n * (n - 1.0) * static_cast<double>(width));
  for (std::size_t r = 0; r < rows; ++r) {
    double score = 0;
    for (std::size_t d = 0; d < width; ++d) {
      double kept = 0;
      for (std::size_t k = 0; k < draws; ++k) kept += generator.chance(keep) ? 1.0 : 0.0;
      const double x = features[r * width + d];
      score += x * x * kept * (n - kept);
    }
    out[r] = static_cast<float>(score * per_value);
  }
}

void feature_energy(const sample_view& view, const score_context& context, rng&, float* out) {
  feature_energy_rows(view.features, view.tokens, view.width, context.dropout_share, out);
}

void mc_dropout(const sample_view& view, const score_context& context, rng& draws, float* out) {
  mc_dropout_rows(view.features, view.tokens, view.width, context.dropout_draws, context.dropout_share, draws, out);
}

}  // namespace freshet::uncertainty
