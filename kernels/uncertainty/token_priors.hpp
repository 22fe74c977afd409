// Token scores that do not ask how certain the model is: where a token lies (`centre`), how much
// the answer looked at it (`relevance`), how much there is to see (`patch_detail`).
// Thread contract: pure functions.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// Columns of the token grid: context.grid_width, or the root of `tokens` when that is 0. Zero when
/// tokens do not fill a grid.
std::size_t grid_columns(std::size_t tokens, const score_context& context);

/// out: [L], 0 at the centre of the grid, minus the squared distance elsewhere, the half diagonal
/// being 1. The tokens must fill a grid.
void centre(const sample_view& view, const score_context& context, rng& draws, float* out);
/// out: [L], the view's relevance.
void relevance(const sample_view& view, const score_context& context, rng& draws, float* out);
/// out: [L], variance of the patch's bytes, all channels together.
void patch_detail(const sample_view& view, const score_context& context, rng& draws, float* out);

}  // namespace freshet::uncertainty
