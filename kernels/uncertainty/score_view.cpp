#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {
namespace {

error missing(std::string_view score, std::string_view what) {
  return error{errc::invalid_argument, "score '" + std::string(score) + "' needs " + std::string(what)};
}

}  // namespace

result<void> check_needs(std::string_view name, unsigned needs, const sample_view& view, const score_context& context,
                         bool of_tokens) {
  if ((needs & needs_logits) != 0 && (view.logits == nullptr || view.positions == 0 || view.vocabulary == 0)) {
    return missing(name, "answer logits [A, V] with A, V > 0");
  }
  if ((needs & needs_features) != 0 && (view.features == nullptr || view.tokens == 0 || view.width == 0)) {
    return missing(name, "features [L, D] with L, D > 0");
  }
  if ((needs & needs_relevance) != 0 && (view.relevance == nullptr || view.tokens == 0)) {
    return missing(name, "token relevance [L]");
  }
  if ((needs & needs_patches) != 0 && (view.patches == nullptr || view.tokens == 0 || view.patch_bytes == 0)) {
    return missing(name, "patches [L, P] with L, P > 0");
  }
  const gaussian& source = of_tokens ? context.token_source : context.source;
  const gaussian& background = of_tokens ? context.token_background : context.background;
  if ((needs & needs_source) != 0 && source.width() != view.width) {
    return missing(name, "a source Gaussian of width " + std::to_string(view.width) + ", not " +
                             std::to_string(source.width()));
  }
  if ((needs & needs_background) != 0 && background.width() != view.width) {
    return missing(name, "a background Gaussian of width " + std::to_string(view.width) + ", not " +
                             std::to_string(background.width()));
  }
  return {};
}

}  // namespace freshet::uncertainty
