#include "kernels/uncertainty/mahalanobis.hpp"

#include "kernels/base/check.hpp"
#include "kernels/uncertainty/fetch.hpp"

#include <cmath>

namespace freshet::uncertainty {
namespace {

const gaussian no_background;

struct distance_arguments {
  const float* features;
  std::size_t rows;
  std::size_t width;
  const float* mean;
  const float* inv_var;
  const float* background_mean;  // null: plain distance
  const float* background_inv_var;
  bool unit;
  float* out;
};

// 1 / root mean square of a row; a row of zeros keeps its zeros.
template <std::size_t B>
FRESHET_INLINE float unit_factor(const float* row, std::size_t width) {
  lanes<B> squares = lanes<B>::all(0.0f);
  for (std::size_t i = 0; i < width; i += lane_count) {
    const lanes<B> x =
        i + lane_count <= width ? lanes<B>::load(row + i) : lanes<B>::load_tail(row + i, width - i, 0.0f);
    squares += x * x;
  }
  const float mean_square = sum_of(squares) / static_cast<float>(width);
  return mean_square > 0 ? 1.0f / std::sqrt(mean_square) : 1.0f;
}

// The distance to the background, if there is one, is summed beside the first: a row is loaded once.
template <std::size_t B, bool Relative>
FRESHET_INLINE float row_distance(const distance_arguments& a, const stretch_fetch& fetch, const float* row, float scale) {
  lanes<B> sum = lanes<B>::all(0.0f);
  lanes<B> background = sum;
  std::size_t i = 0;
  for (; i + lane_count <= a.width; i += lane_count) {
    fetch.at(static_cast<std::size_t>(row - a.features) + i);
    const lanes<B> x = lanes<B>::load(row + i) * scale;
    const lanes<B> d = x - lanes<B>::load(a.mean + i);
    sum += d * d * lanes<B>::load(a.inv_var + i);
    if constexpr (Relative) {
      const lanes<B> e = x - lanes<B>::load(a.background_mean + i);
      background += e * e * lanes<B>::load(a.background_inv_var + i);
    }
  }
  if (i < a.width) {
    const std::size_t rest = a.width - i;
    const lanes<B> x = lanes<B>::load_tail(row + i, rest, 0.0f) * scale;
    const lanes<B> d = x - lanes<B>::load_tail(a.mean + i, rest, 0.0f);
    sum += d * d * lanes<B>::load_tail(a.inv_var + i, rest, 0.0f);
    if constexpr (Relative) {
      const lanes<B> e = x - lanes<B>::load_tail(a.background_mean + i, rest, 0.0f);
      background += e * e * lanes<B>::load_tail(a.background_inv_var + i, rest, 0.0f);
    }
  }
  return Relative ? sum_of(sum) - sum_of(background) : sum_of(sum);
}

template <std::size_t B>
FRESHET_INLINE void distance_body(const distance_arguments& a) {
  const float share = 1.0f / static_cast<float>(a.width);
  const bool relative = a.background_mean != nullptr;
  const stretch_fetch fetch(a.features);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const float* row = a.features + r * a.width;
    const float scale = a.unit ? unit_factor<B>(row, a.width) : 1.0f;
    a.out[r] = (relative ? row_distance<B, true>(a, fetch, row, scale) : row_distance<B, false>(a, fetch, row, scale)) * share;
  }
}
FRESHET_LANES_KERNEL(distance_kernel, distance_body, (const distance_arguments& a), (a))

double reference_distance(const float* row, double scale, const gaussian& g) {
  double sum = 0;
  for (std::size_t d = 0; d < g.width(); ++d) {
    const double difference = scale * row[d] - g.mean[d];
    sum += difference * difference * g.inv_var[d];
  }
  return sum;
}

void ensure_fit(const gaussian& source, const gaussian& background) {
  FRESHET_ENSURE(!source.empty() && source.inv_var.size() == source.width(), "a distance needs a source Gaussian");
  FRESHET_ENSURE(
      background.empty() || (background.width() == source.width() && background.inv_var.size() == source.width()),
      "source and background Gaussians differ in width");
}

float pooled_distance(const sample_view& view, const score_context& context, const gaussian& background) {
  const std::vector<float> pooled = pooled_features(view.features, view.tokens, view.width);
  float score = 0;
  mahalanobis_rows(pooled.data(), 1, context.source, background, context.unit_features, &score);
  return score;
}

}  // namespace

void mahalanobis_rows_reference(const float* features, std::size_t rows, const gaussian& source,
                                const gaussian& background, bool unit, float* out) {
  ensure_fit(source, background);
  const std::size_t width = source.width();
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = features + r * width;
    double scale = 1.0;
    if (unit) {
      double squares = 0;
      for (std::size_t d = 0; d < width; ++d) squares += static_cast<double>(row[d]) * row[d];
      if (squares > 0) scale = 1.0 / std::sqrt(squares / static_cast<double>(width));
    }
    double score = reference_distance(row, scale, source);
    if (!background.empty()) score -= reference_distance(row, scale, background);
    out[r] = static_cast<float>(score / static_cast<double>(width));
  }
}

void mahalanobis_rows(const float* features, std::size_t rows, const gaussian& source, const gaussian& background,
                      bool unit, float* out, instruction_set set) {
  ensure_fit(source, background);
  const bool relative = !background.empty();
  const distance_arguments a{features,
                             rows,
                             source.width(),
                             source.mean.data(),
                             source.inv_var.data(),
                             relative ? background.mean.data() : nullptr,
                             relative ? background.inv_var.data() : nullptr,
                             unit,
                             out};
  pick_distance_kernel(set)(a);
}

std::vector<float> pooled_features(const float* features, std::size_t tokens, std::size_t width) {
  std::vector<float> pooled(width, 0.0f);
  for (std::size_t l = 0; l < tokens; ++l) {
    for (std::size_t d = 0; d < width; ++d) pooled[d] += features[l * width + d];
  }
  for (float& x : pooled) x /= static_cast<float>(tokens);
  return pooled;
}

float mahalanobis(const sample_view& view, const score_context& context, rng&) {
  return pooled_distance(view, context, no_background);
}

float relative_mahalanobis(const sample_view& view, const score_context& context, rng&) {
  return pooled_distance(view, context, context.background);
}

void token_mahalanobis(const sample_view& view, const score_context& context, rng&, float* out) {
  mahalanobis_rows(view.features, view.tokens, context.token_source, no_background, context.unit_features, out);
}

void token_relative_mahalanobis(const sample_view& view, const score_context& context, rng&, float* out) {
  mahalanobis_rows(view.features, view.tokens, context.token_source, context.token_background, context.unit_features,
                   out);
}

}  // namespace freshet::uncertainty
