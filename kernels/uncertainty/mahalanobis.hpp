// Distance from what the model was trained on: (x-m)' S^-1 (x-m) under a diagonal Gaussian of
// source features, and the relative form (arXiv 2106.09022), minus the same under a background
// Gaussian, which cancels directions that vary everywhere. Sample scores read the mean token of a
// sample, token scores every token.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/gaussian.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this * (distance to source + distance to background).
inline constexpr float mahalanobis_tolerance = 1e-5f;

/// features: [rows, D], D = width of the Gaussians -> out: [rows], divided by D so that values
/// compare across models. `background` may be empty: plain distance. `unit`: rows are first scaled
/// to unit mean square. Computed in double.
void mahalanobis_rows_reference(const float* features, std::size_t rows, const gaussian& source,
                                const gaussian& background, bool unit, float* out);
/// The same within mahalanobis_tolerance, one read of memory.
void mahalanobis_rows(const float* features, std::size_t rows, const gaussian& source, const gaussian& background,
                      bool unit, float* out, instruction_set set = best_instruction_set());

/// Mean over tokens: features [L, D] -> [D].
std::vector<float> pooled_features(const float* features, std::size_t tokens, std::size_t width);

float mahalanobis(const sample_view& view, const score_context& context, rng& draws);
float relative_mahalanobis(const sample_view& view, const score_context& context, rng& draws);
void token_mahalanobis(const sample_view& view, const score_context& context, rng& draws, float* out);
void token_relative_mahalanobis(const sample_view& view, const score_context& context, rng& draws, float* out);

}  // namespace freshet::uncertainty
