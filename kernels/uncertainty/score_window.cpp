#include "kernels/uncertainty/score_window.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.hpp"

namespace freshet::uncertainty {

score_window::score_window(std::size_t capacity) : capacity_(capacity) {
  FRESHET_ENSURE(capacity > 0, "a score window remembers at least one value");
}

double score_window::rank_and_add(float value) {
  std::size_t below = 0;
  std::size_t equal = 0;
  for (float v : values_) {
    below += v < value ? 1U : 0U;
    equal += v == value ? 1U : 0U;
  }
  const double rank = (static_cast<double>(below) + tie_position_ * static_cast<double>(equal + 1)) /
                      static_cast<double>(values_.size() + 1);
  constexpr double golden = 0.6180339887498949;
  tie_position_ = std::fmod(tie_position_ + golden, 1.0);
  if (values_.size() < capacity_) {
    values_.push_back(value);
  } else {
    values_[oldest_] = value;
    oldest_ = (oldest_ + 1) % capacity_;
  }
  return rank;
}

float score_window::quantile(double q) const {
  if (values_.empty()) return 0.0f;
  std::vector<float> sorted = values_;
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(std::lround(position));
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth;
}

}  // namespace freshet::uncertainty
