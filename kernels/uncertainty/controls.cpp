#include "kernels/uncertainty/controls.hpp"

namespace freshet::uncertainty {

float random_score(const sample_view&, const score_context&, rng& draws) { return static_cast<float>(draws.uniform()); }

float constant_score(const sample_view&, const score_context&, rng&) { return 1.0f; }

void random_tokens(const sample_view& view, const score_context&, rng& draws, float* out) {
  for (std::size_t l = 0; l < view.tokens; ++l) out[l] = static_cast<float>(draws.uniform());
}

}  // namespace freshet::uncertainty
