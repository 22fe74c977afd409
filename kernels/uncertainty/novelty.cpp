#include "kernels/uncertainty/novelty.hpp"

#include <algorithm>
#include <limits>

#include "kernels/base/check.hpp"

namespace freshet::uncertainty {
namespace {

constexpr double spread_memory_samples = 512;

}  // namespace

novelty_memory::novelty_memory(std::size_t capacity) : capacity_(capacity) {
  FRESHET_ENSURE(capacity > 0, "a novelty memory remembers at least one sample");
}

void novelty_memory::adopt_width(std::size_t width) {
  if (width == width_) return;
  width_ = width;
  stored_ = oldest_ = 0;
  seen_ = 0;
  sent_.assign(capacity_ * width, 0.0f);
  mean_.assign(width, 0.0);
  variance_.assign(width, 0.0);
}

float novelty_memory::distance(const float* pooled, std::size_t width) {
  adopt_width(width);
  if (width == 0) return 0.0f;
  seen_ = std::min(seen_ + 1, spread_memory_samples);
  const double weight = 1.0 / seen_;
  double total = 0;
  for (std::size_t d = 0; d < width; ++d) {
    const double delta = static_cast<double>(pooled[d]) - mean_[d];
    mean_[d] += weight * delta;
    variance_[d] = (1.0 - weight) * (variance_[d] + weight * delta * delta);
    total += variance_[d];
  }
  if (stored_ == 0) return 0.0f;
  const double floor = std::max(1e-12, 1e-3 * total / static_cast<double>(width));
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < stored_; ++s) {
    double sum = 0;
    for (std::size_t d = 0; d < width; ++d) {
      const double difference = static_cast<double>(pooled[d]) - sent_[s * width + d];
      sum += difference * difference / std::max(variance_[d], floor);
    }
    nearest = std::min(nearest, sum);
  }
  return static_cast<float>(nearest / static_cast<double>(width));
}

void novelty_memory::remember_sent(const float* pooled, std::size_t width) {
  adopt_width(width);
  if (width == 0) return;
  std::copy(pooled, pooled + width, sent_.begin() + static_cast<std::ptrdiff_t>(oldest_ * width));
  oldest_ = (oldest_ + 1) % capacity_;
  stored_ = std::min(stored_ + 1, capacity_);
}

}  // namespace freshet::uncertainty
