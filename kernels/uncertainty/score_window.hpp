// The recent past of one score: answers "how does this value rank", which is what makes different
// scores comparable and lets a threshold follow drift.
// Thread contract: one owner.
#pragma once

#include <cstddef>
#include <vector>

namespace freshet::uncertainty {

class score_window {
 public:
  /// Remembers the last `capacity` (> 0) values.
  explicit score_window(std::size_t capacity);

  /// Share of remembered values below `value`, in (0, 1), then remembers it. Equal values are
  /// spread evenly between the ranks that they could take (a golden-ratio sequence, so a constant
  /// score ranks like a uniform one). The first value ever ranks in the middle.
  double rank_and_add(float value);
  /// The value that a share `q` of the window lies below; 0 for an empty window. For display.
  [[nodiscard]] float quantile(double q) const;
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

 private:
  std::size_t capacity_;
  std::size_t oldest_ = 0;
  double tie_position_ = 0.5;
  std::vector<float> values_;
};

}  // namespace freshet::uncertainty
