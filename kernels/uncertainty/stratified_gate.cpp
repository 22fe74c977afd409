#include "kernels/uncertainty/stratified_gate.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/uncertainty/novelty.hpp"
#include "kernels/uncertainty/score_window.hpp"

namespace freshet::uncertainty {
namespace {

constexpr std::size_t strata = 8;

class stratified_policy final : public gate_policy {
 public:
  stratified_policy(const gate_options& options, bool learned)
      : mix_(options.mix),
        peak_(options.peak),
        novelty_weight_(options.novelty),
        learned_(learned),
        novelty_(options.novelty_memory),
        ranks_(options.score_count + 1, score_window(options.window)),
        values_(options.window),
        inputs_(options.score_count + 1) {
    rng start = rng(options.seed).split("gate.strata");
    for (double& sum : due_) sum = start.uniform();
  }

  gate_opinion judge(const gate_input& sample, double share) override {
    const std::size_t scores = ranks_.size() - 1;
    for (std::size_t s = 0; s < scores; ++s) inputs_[s] = ranks_[s].rank_and_add(sample.scores[s]);
    // What has no features (text alone, or a device that sends none) has no place in that space: neither near nor far.
    inputs_[scores] = sample.width == 0 ? 0.5 : ranks_[scores].rank_and_add(novelty_.distance(sample.pooled, sample.width));
    const double value = value_of_inputs();
    const double rank = values_.rank_and_add(static_cast<float>(value));
    // Weights reach 2, so above half the stream the lean must weaken for p to stay below one.
    const double mix = share > 0 ? std::max(mix_, 2.0 - 1.0 / share) : mix_;
    const double p = std::min(1.0, share * (mix + (1.0 - mix) * rank_weight(rank, peak_)));
    double& due = due_[std::min(strata - 1, static_cast<std::size_t>(rank * static_cast<double>(strata)))];
    due += p;
    const bool wanted = due >= 1.0;
    if (wanted) due -= 1.0;
    return {wanted, static_cast<float>(value), p};
  }

  void sent(const gate_input& sample) override {
    if (sample.width > 0) novelty_.remember_sent(sample.pooled, sample.width);
  }

  [[nodiscard]] double threshold(double share) const override {
    return static_cast<double>(values_.quantile(1.0 - share));
  }

  result<void> learn(const gate_weights& weights) override {
    if (!learned_) return gate_policy::learn(weights);
    FRESHET_TRY(check_gate_weights(weights, inputs_.size()));
    weights_ = weights;
    return {};
  }

 private:
  [[nodiscard]] double value_of_inputs() const {
    if (!weights_.weights.empty()) return worth(weights_, inputs_.data());
    const std::size_t scores = inputs_.size() - 1;
    const double mean = std::accumulate(inputs_.begin(), inputs_.end() - 1, 0.0) / static_cast<double>(scores);
    return (mean + novelty_weight_ * inputs_[scores]) / (1.0 + novelty_weight_);
  }

  double mix_;
  double peak_;
  double novelty_weight_;
  bool learned_;
  novelty_memory novelty_;
  std::vector<score_window> ranks_;  // one a score, novelty last
  score_window values_;
  std::vector<double> inputs_;
  std::array<double, strata> due_{};
  gate_weights weights_;
};

}  // namespace

double rank_weight(double rank, double peak) {
  if (rank <= peak) return peak > 0 ? 2.0 * rank / peak : 2.0;
  return 2.0 * (1.0 - rank) / (1.0 - peak);
}

std::unique_ptr<gate_policy> make_stratified_gate(const gate_options& options) {
  return std::make_unique<stratified_policy>(options, false);
}
std::unique_ptr<gate_policy> make_learned_gate(const gate_options& options) {
  return std::make_unique<stratified_policy>(options, true);
}

}  // namespace freshet::uncertainty
