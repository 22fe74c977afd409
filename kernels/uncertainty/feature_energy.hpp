// Stage 2 of UTS (arXiv 2312.16279): the variance of a token under dropout on its features.
// With inverted dropout (kept values scaled by 1/(1-p)) the expected score of token x is
// p/(1-p) |x|^2 / D, its mean-square energy: `feature_energy` computes that in one pass,
// `mc_dropout` draws N masks as the paper does. A test shows that both agree.
// Thread contract: pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this * reference.
inline constexpr float feature_energy_tolerance = 1e-5f;

/// features: [rows, width] -> out: [rows], p/(1-p) * mean of squares; p in (0, 1). Computed in double.
void feature_energy_rows_reference(const float* features, std::size_t rows, std::size_t width, double dropout_share,
                                   float* out);
/// The same within feature_energy_tolerance, one read of memory.
void feature_energy_rows(const float* features, std::size_t rows, std::size_t width, double dropout_share, float* out,
                         instruction_set set = best_instruction_set());

/// out[r] = mean over d of the unbiased variance over `draws` (>= 2) dropout masks of row r.
void mc_dropout_rows(const float* features, std::size_t rows, std::size_t width, std::size_t draws,
                     double dropout_share, rng& generator, float* out);

/// Token scores: out [L].
void feature_energy(const sample_view& view, const score_context& context, rng& draws, float* out);
void mc_dropout(const sample_view& view, const score_context& context, rng& draws, float* out);

}  // namespace freshet::uncertainty
