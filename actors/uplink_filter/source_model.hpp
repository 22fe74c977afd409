// What one device's features looked like at first and look like lately: the Gaussians that the
// Mahalanobis scores compare. The source is fitted on the first samples, which come from the world
// that the student was trained for, and then stays; the background follows the stream.
// Thread contract: one owner.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "kernels/uncertainty/gaussian.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::actors {

class source_model {
 public:
  /// `source_samples`: how many the source is fitted on.
  explicit source_model(std::size_t source_samples) : source_samples_(source_samples) {}

  /// Learns from a sample (features [L, D], pooled [D]) and puts what it knows into `context`. Features of
  /// another width than before start it afresh.
  void learn(const uncertainty::sample_view& view, const std::vector<float>& pooled,
             uncertainty::score_context& context);
  [[nodiscard]] bool ready() const noexcept { return ready_; }

 private:
  std::size_t source_samples_;
  std::size_t seen_ = 0;
  bool ready_ = false;
  std::optional<uncertainty::gaussian_fitter> pooled_source_;
  std::optional<uncertainty::gaussian_fitter> pooled_background_;
  std::optional<uncertainty::gaussian_fitter> token_source_;
  std::optional<uncertainty::gaussian_fitter> token_background_;
};

}  // namespace freshet::actors
