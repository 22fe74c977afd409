#include "actors/uplink_filter/source_model.hpp"

namespace freshet::actors {
namespace {

// How far back the background reaches, and how often it is renewed.
constexpr std::size_t background_samples = 512;
constexpr std::size_t renew_every = 16;

}  // namespace

void source_model::learn(const uncertainty::sample_view& view, const std::vector<float>& pooled,
                         uncertainty::score_context& context) {
  if (!pooled_source_ || pooled_source_->width() != view.width) {
    pooled_source_.emplace(view.width);
    pooled_background_.emplace(view.width, background_samples);
    token_source_.emplace(view.width);
    token_background_.emplace(view.width, background_samples * view.tokens);
    seen_ = 0;
    ready_ = false;
  }
  if (seen_ < source_samples_) {
    pooled_source_->add(pooled.data(), 1);
    token_source_->add(view.features, view.tokens);
  }
  pooled_background_->add(pooled.data(), 1);
  token_background_->add(view.features, view.tokens);
  ++seen_;
  if (seen_ < source_samples_ || (ready_ && seen_ % renew_every != 0)) return;
  if (!ready_) {
    auto of_pooled = pooled_source_->fit();
    auto of_tokens = token_source_->fit();
    if (!of_pooled.ok() || !of_tokens.ok()) return;  // too few so far
    context.source = *of_pooled;
    context.token_source = *of_tokens;
    ready_ = true;
  }
  auto of_pooled = pooled_background_->fit();
  auto of_tokens = token_background_->fit();
  if (of_pooled.ok()) context.background = *of_pooled;
  if (of_tokens.ok()) context.token_background = *of_tokens;
}

}  // namespace freshet::actors
