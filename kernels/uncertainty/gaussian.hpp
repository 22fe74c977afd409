// A Gaussian with diagonal covariance, fitted on features and shipped as two float vectors.
// Thread contract: plain values; a fitter belongs to one thread.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"

namespace freshet::uncertainty {

struct gaussian {
  std::vector<float> mean;     ///< [D]
  std::vector<float> inv_var;  ///< [D] 1 / variance, finite and > 0
  FRESHET_FIELDS(mean, inv_var)

  [[nodiscard]] std::size_t width() const noexcept { return mean.size(); }
  [[nodiscard]] bool empty() const noexcept { return mean.empty(); }
};

/// Checks what came from outside: equal lengths up to `max_width`, finite, inv_var > 0.
result<gaussian> checked_gaussian(std::vector<float> mean, std::vector<float> inv_var, std::size_t max_width = 1U << 20);

/// Mean and variance of a stream of rows (Welford's update in double). With `memory_rows` > 0 it
/// forgets: once that many rows were seen, each new one weighs 1 / memory_rows.
class gaussian_fitter {
 public:
  explicit gaussian_fitter(std::size_t width, std::size_t memory_rows = 0);
  /// rows: [count, D]; a row with a value that is not finite is left out.
  void add(const float* rows, std::size_t count);
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t width() const noexcept { return mean_.size(); }
  /// Needs two rows. A direction's variance is not taken smaller than `floor_share` of the mean
  /// variance over directions (nor 1e-12): a feature that never moved must not rule the distance.
  [[nodiscard]] result<gaussian> fit(double floor_share = 1e-3) const;

 private:
  std::size_t memory_rows_;
  std::size_t rows_ = 0;
  std::vector<double> mean_;
  std::vector<double> variance_;  // biased (1/n), so that forgetting stays simple
};

/// Fits rows [count, D] at once.
result<gaussian> fit_gaussian(const float* rows, std::size_t count, std::size_t width, double floor_share = 1e-3);

}  // namespace freshet::uncertainty
