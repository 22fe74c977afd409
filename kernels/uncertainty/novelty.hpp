// How unlike the recently sent samples a sample is: distance of its pooled features to the nearest
// of them, each direction in units of its own recent spread.
// Thread contract: one owner.
#pragma once

#include <cstddef>
#include <vector>

namespace freshet::uncertainty {

class novelty_memory {
 public:
  /// Remembers the last `capacity` (> 0) sent samples.
  explicit novelty_memory(std::size_t capacity);
  /// Mean squared distance a direction to the nearest remembered sample; 0 while none is remembered or the
  /// width is another one. Also learns the spread of the stream from this sample.
  float distance(const float* pooled, std::size_t width);
  void remember_sent(const float* pooled, std::size_t width);

 private:
  void adopt_width(std::size_t width);
  std::size_t capacity_;
  std::size_t width_ = 0;
  std::size_t stored_ = 0;
  std::size_t oldest_ = 0;
  double seen_ = 0;
  std::vector<float> sent_;  // [capacity, width]
  std::vector<double> mean_;
  std::vector<double> variance_;
};

}  // namespace freshet::uncertainty
