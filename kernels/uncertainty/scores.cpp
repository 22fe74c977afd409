#include "kernels/uncertainty/scores.hpp"

#include <cmath>
#include <string>

#include "kernels/uncertainty/confidence.hpp"
#include "kernels/uncertainty/controls.hpp"
#include "kernels/uncertainty/entropy.hpp"
#include "kernels/uncertainty/feature_energy.hpp"
#include "kernels/uncertainty/finite.hpp"
#include "kernels/uncertainty/gen.hpp"
#include "kernels/uncertainty/mahalanobis.hpp"
#include "kernels/uncertainty/margin.hpp"
#include "kernels/uncertainty/token_priors.hpp"

namespace freshet::uncertainty {
namespace {

template <class Entry>
result<Entry> find(const std::vector<Entry>& table, std::string_view name, std::string_view kind) {
  std::string known;
  for (const Entry& entry : table) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  return error{errc::not_found, std::string(kind) + " '" + std::string(name) + "' (known: " + known + ")"};
}

error not_finite(std::string_view name) {
  return error{errc::corrupt, "score '" + std::string(name) + "' of this sample is not finite"};
}

}  // namespace

const std::vector<sample_score>& sample_scores() {
  static const std::vector<sample_score> table = {
      {"confidence_product", "minus log of the product of top probabilities at T = 0.1", needs_logits,
       confidence_product},
      {"confidence_mean", "the same a generated position", needs_logits, confidence_mean},
      {"min_entropy", "minus log of the top probability, mean over positions", needs_logits, min_entropy},
      {"entropy", "Shannon entropy, mean over positions", needs_logits, entropy},
      {"margin", "one minus the gap of the two top probabilities, mean over positions", needs_logits, margin},
      {"gen", "generalised entropy of the top M words, mean over positions", needs_logits, gen},
      {"mahalanobis", "distance of the pooled visual tokens from the source", needs_features | needs_source,
       mahalanobis},
      {"relative_mahalanobis", "the same minus the distance from the background",
       needs_features | needs_source | needs_background, relative_mahalanobis},
      {"random", "uniform draw: a control", needs_nothing, random_score},
      {"all", "a constant: a control", needs_nothing, constant_score},
  };
  return table;
}

const std::vector<token_score>& token_scores() {
  static const std::vector<token_score> table = {
      {"feature_energy", "expected variance under dropout, closed form", needs_features, feature_energy},
      {"mc_dropout", "variance over dropout draws, as published", needs_features, mc_dropout},
      {"mahalanobis", "distance of each token from the source", needs_features | needs_source, token_mahalanobis},
      {"relative_mahalanobis", "the same minus the distance from the background",
       needs_features | needs_source | needs_background, token_relative_mahalanobis},
      {"relevance", "attention of the answer on the token", needs_relevance, relevance},
      {"patch_detail", "variance of the patch's pixels", needs_patches, patch_detail},
      {"centre", "closeness to the centre of the grid", needs_nothing, centre},
      {"random", "uniform draws: a control", needs_nothing, random_tokens},
  };
  return table;
}

result<sample_score> find_sample_score(std::string_view name) { return find(sample_scores(), name, "sample score"); }
result<token_score> find_token_score(std::string_view name) { return find(token_scores(), name, "token score"); }

result<float> compute(const sample_score& score, const sample_view& view, const score_context& context, rng& draws) {
  FRESHET_TRY(check_needs(score.name, score.needs, view, context, false));
  if ((score.needs & needs_logits) != 0 && !all_logits(view.logits, view.positions * view.vocabulary)) {
    return error{errc::corrupt, "answer logits hold NaN or plus infinity"};
  }
  const float value = score.compute(view, context, draws);
  if (!std::isfinite(value)) return not_finite(score.name);
  return value;
}

result<std::vector<float>> compute(const token_score& score, const sample_view& view, const score_context& context,
                                   rng& draws) {
  FRESHET_TRY(check_needs(score.name, score.needs, view, context, true));
  if (score.compute == centre && grid_columns(view.tokens, context) == 0) {
    return error{errc::invalid_argument, "score 'centre' needs tokens that fill a grid, got " +
                                             std::to_string(view.tokens) + " with grid width " +
                                             std::to_string(context.grid_width)};
  }
  std::vector<float> values(view.tokens);
  score.compute(view, context, draws, values.data());
  for (float v : values) {
    if (!std::isfinite(v)) return not_finite(score.name);
  }
  return values;
}

}  // namespace freshet::uncertainty
