#include "kernels/uncertainty/gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace freshet::uncertainty {

result<gaussian> checked_gaussian(std::vector<float> mean, std::vector<float> inv_var, std::size_t max_width) {
  if (mean.size() != inv_var.size()) {
    return error{errc::shape_mismatch, "gaussian: mean has " + std::to_string(mean.size()) + " values, inv_var " +
                                           std::to_string(inv_var.size())};
  }
  if (mean.size() > max_width) {
    return error{errc::too_large, "gaussian: width " + std::to_string(mean.size()) + ", at most " +
                                      std::to_string(max_width)};
  }
  for (std::size_t d = 0; d < mean.size(); ++d) {
    if (!std::isfinite(mean[d]) || !std::isfinite(inv_var[d]) || inv_var[d] <= 0) {
      return error{errc::corrupt, "gaussian: value " + std::to_string(d) + " is not finite or its variance not positive"};
    }
  }
  return gaussian{std::move(mean), std::move(inv_var)};
}

gaussian_fitter::gaussian_fitter(std::size_t width, std::size_t memory_rows)
    : memory_rows_(memory_rows), mean_(width, 0.0), variance_(width, 0.0) {}

void gaussian_fitter::add(const float* rows, std::size_t count) {
  const std::size_t width = mean_.size();
  for (std::size_t r = 0; r < count; ++r) {
    const float* x = rows + r * width;
    if (!std::all_of(x, x + width, [](float v) { return std::isfinite(v); })) continue;
    ++rows_;
    const std::size_t memory = memory_rows_ > 0 ? std::min(rows_, memory_rows_) : rows_;
    const double weight = 1.0 / static_cast<double>(memory);
    for (std::size_t d = 0; d < width; ++d) {
      const double delta = static_cast<double>(x[d]) - mean_[d];
      mean_[d] += weight * delta;
      variance_[d] = (1.0 - weight) * (variance_[d] + weight * delta * delta);
    }
  }
}

result<gaussian> gaussian_fitter::fit(double floor_share) const {
  if (rows_ < 2) {
    return error{errc::invalid_argument, "a Gaussian needs at least 2 finite rows, got " + std::to_string(rows_)};
  }
  const std::size_t width = mean_.size();
  const std::size_t memory = memory_rows_ > 0 ? std::min(rows_, memory_rows_) : rows_;
  const double n = static_cast<double>(std::max<std::size_t>(memory, 2));
  const double unbias = n / (n - 1.0);
  double total = 0;
  for (double v : variance_) total += v * unbias;
  const double floor = std::max(1e-12, floor_share * total / static_cast<double>(std::max<std::size_t>(width, 1)));
  gaussian g;
  g.mean.reserve(width);
  g.inv_var.reserve(width);
  for (std::size_t d = 0; d < width; ++d) {
    g.mean.push_back(static_cast<float>(mean_[d]));
    g.inv_var.push_back(static_cast<float>(1.0 / std::max(variance_[d] * unbias, floor)));
  }
  return g;
}

result<gaussian> fit_gaussian(const float* rows, std::size_t count, std::size_t width, double floor_share) {
  gaussian_fitter fitter(width);
  fitter.add(rows, count);
  return fitter.fit(floor_share);
}

}  // namespace freshet::uncertainty
