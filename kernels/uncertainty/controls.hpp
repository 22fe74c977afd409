// Scores that know nothing, as controls: `random`, and `all`, which ranks nothing above anything.
// Thread contract: pure functions.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

float random_score(const sample_view& view, const score_context& context, rng& draws);
float constant_score(const sample_view& view, const score_context& context, rng& draws);
/// out: [L], independent uniform draws.
void random_tokens(const sample_view& view, const score_context& context, rng& draws, float* out);

}  // namespace freshet::uncertainty
