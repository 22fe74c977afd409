#include "kernels/uncertainty/gen.hpp"

#include "kernels/uncertainty/top_values.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace freshet::uncertainty {
namespace {

// One term is exp(g (log p + log(1-p))). For words below the maximum p <= 1/2, so 1 - p does not
// cancel; for a lone maximum 1 - p = others / S is taken from the sum of the others.
template <std::size_t B>
FRESHET_INLINE lanes<B> gen_terms(const lanes<B>& x, float max, float log_sum, float gamma) {
  const lanes<B> log_p = (x - max) - log_sum;
  const lanes<B> p = min_of(exponential(log_p), lanes<B>::all(0.5f));  // above 1/2 by rounding only
  const lanes<B> log_rest = logarithm(lanes<B>::all(1.0f) - p);
  return where_less(x + 0.0f, lanes<B>::all(max), exponential((log_p + log_rest) * gamma));
}

/// Of the values above `floor`; width may end within a vector.
template <std::size_t B>
FRESHET_INLINE float sum_of_terms(const float* values, std::size_t width, float floor, float max, float log_sum, float gamma) {
  const lanes<B> bottom = lanes<B>::all(floor);
  lanes<B> sum = lanes<B>::all(0.0f);
  std::size_t i = 0;
  for (; i + lane_count <= width; i += lane_count) {
    const lanes<B> x = lanes<B>::load(values + i);
    sum += where_less(bottom, x, gen_terms(x, max, log_sum, gamma));
  }
  if (i < width) {
    const lanes<B> x = lanes<B>::load_tail(values + i, width - i, lowest_logit);
    sum += where_less(bottom, x, gen_terms(x, max, log_sum, gamma)) * lanes<B>::ones(width - i);
  }
  return sum_of(sum);
}

// Below this the others' exponentials leave float's range, and rest^g is not yet negligible.
constexpr float faint_rest = 1e-30f;

// The maximum's term where it is all but certain (p = 1): exp(g log sum of the others). Rare, so scalar.
float faint_top_term(const float* row, std::size_t width, float max, float gamma) {
  double rest = 0;
  for (std::size_t v = 0; v < width; ++v) {
    if (row[v] < max) rest += std::exp(static_cast<double>(row[v]) - static_cast<double>(max));
  }
  return static_cast<float>(std::pow(rest, static_cast<double>(gamma)));
}

template <std::size_t B>
FRESHET_INLINE void gen_body(const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top,
                             top_scratch& room, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * width;
    const bool all = top >= width;
    const float max = all ? row_max<B>(row, width) : max_of_columns<B>(row, width, room);
    const top_values chosen = all ? top_values{row, width, lowest_logit, 0} : top_of_row<B>(row, width, top, max, room);
    const row_sums s = sums_of_row<B>(row, width, max, 1.0f);
    const float total = s.ties + s.others;
    const float log_sum = std::log(total);
    const float tied = s.ties < static_cast<float>(top) ? s.ties : static_cast<float>(top);
    const float top_p = 1.0f / total;
    const float rest = s.others + (s.ties - 1.0f);
    const float top_term =
        rest <= faint_rest ? faint_top_term(row, width, max, gamma) : std::pow(top_p * (rest / total), gamma);
    const float at_floor = static_cast<float>(chosen.tied) * gen_terms(lanes<B>::all(chosen.floor), max, log_sum, gamma).part[0][0];
    out[r] = tied * top_term + at_floor + sum_of_terms<B>(chosen.values, chosen.count, chosen.floor, max, log_sum, gamma);
  }
}
FRESHET_WIDE_LANES_KERNEL(gen_kernel, gen_body,
                          (const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top,
                           top_scratch& room, float* out),
                          (logits, rows, width, gamma, top, room, out))

}  // namespace

void gen_rows_reference(const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top,
                        float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    std::vector<double> z(logits + r * width, logits + (r + 1) * width);
    std::sort(z.begin(), z.end(), std::greater<>());
    double rest = 0;
    for (std::size_t v = 1; v < width; ++v) rest += std::exp(z[v] - z[0]);
    const double sum = 1.0 + rest;
    double score = 0;
    for (std::size_t v = 0; v < std::min(top, width); ++v) {
      const double p = std::exp(z[v] - z[0]) / sum;
      const double not_p = v == 0 ? rest / sum : 1.0 - p;
      score += std::pow(p * not_p, static_cast<double>(gamma));
    }
    out[r] = static_cast<float>(score);
  }
}

void gen_rows(const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top, float* out,
              instruction_set set) {
  top_scratch room = room_for_top(width);
  pick_gen_kernel(set)(logits, rows, width, gamma, top, room, out);
}

float gen(const sample_view& view, const score_context& context, rng&) {
  std::vector<float> per_position(view.positions);
  gen_rows(view.logits, view.positions, view.vocabulary, context.gen_gamma, context.gen_top, per_position.data());
  return std::accumulate(per_position.begin(), per_position.end(), 0.0f) / static_cast<float>(view.positions);
}

}  // namespace freshet::uncertainty
