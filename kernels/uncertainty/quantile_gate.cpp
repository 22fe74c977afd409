#include "kernels/uncertainty/quantile_gate.hpp"

#include "kernels/uncertainty/score_window.hpp"

namespace freshet::uncertainty {
namespace {

class quantile_policy final : public gate_policy {
 public:
  explicit quantile_policy(std::size_t window) : window_(window) {}
  gate_opinion judge(const gate_input& sample, double share) override {
    const bool wanted = window_.rank_and_add(sample.scores[0]) >= 1.0 - share && share > 0;
    return {wanted, sample.scores[0], wanted ? 1.0 : 0.0};
  }
  [[nodiscard]] double threshold(double share) const override {
    return static_cast<double>(window_.quantile(1.0 - share));
  }

 private:
  score_window window_;
};

class rank_average_policy final : public gate_policy {
 public:
  rank_average_policy(std::size_t scores, std::size_t window) : each_(scores, score_window(window)), mean_(window) {}
  gate_opinion judge(const gate_input& sample, double share) override {
    double total = 0;
    for (std::size_t s = 0; s < each_.size(); ++s) total += each_[s].rank_and_add(sample.scores[s]);
    const auto value = static_cast<float>(total / static_cast<double>(each_.size()));
    const bool wanted = mean_.rank_and_add(value) >= 1.0 - share && share > 0;
    return {wanted, value, wanted ? 1.0 : 0.0};
  }
  [[nodiscard]] double threshold(double share) const override {
    return static_cast<double>(mean_.quantile(1.0 - share));
  }

 private:
  std::vector<score_window> each_;
  score_window mean_;
};

}  // namespace

std::unique_ptr<gate_policy> make_quantile_gate(const gate_options& options) {
  if (options.score_count == 1) return std::make_unique<quantile_policy>(options.window);
  return std::make_unique<rank_average_policy>(options.score_count, options.window);
}

}  // namespace freshet::uncertainty
