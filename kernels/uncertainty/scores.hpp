// The registries: every sample score and every token score by name. Adding one is a file pair, a
// line in scores.cpp, a test, and a line of reference documentation.
// Thread contract: constant tables.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// Larger is less certain.
struct sample_score {
  std::string_view name;
  std::string_view meaning;
  unsigned needs = needs_nothing;
  float (*compute)(const sample_view&, const score_context&, rng&) = nullptr;
};

/// One value a token; what a large value means is the score's own business, see `polarity`.
struct token_score {
  std::string_view name;
  std::string_view meaning;
  unsigned needs = needs_nothing;
  void (*compute)(const sample_view&, const score_context&, rng&, float* out) = nullptr;
};

const std::vector<sample_score>& sample_scores();
const std::vector<token_score>& token_scores();
/// By name; the error lists the names that exist.
result<sample_score> find_sample_score(std::string_view name);
result<token_score> find_token_score(std::string_view name);

/// Checks what the score needs, computes, and refuses a value that is not finite (errc::corrupt).
result<float> compute(const sample_score& score, const sample_view& view, const score_context& context, rng& draws);
/// The same for tokens: [L].
result<std::vector<float>> compute(const token_score& score, const sample_view& view, const score_context& context,
                                   rng& draws);

}  // namespace freshet::uncertainty
