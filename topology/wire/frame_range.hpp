// The frames of one parcel, where somebody else keeps them: a list of their own, or one for all parcels of a bundle.
// A view: whoever makes one keeps the frames meanwhile.
#pragma once

#include "kernels/base/shared_bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace freshet::topology {

class frame_range {
 public:
  frame_range(const std::vector<shared_bytes>& all) : frame_range(all.data(), all.size()) {}  // NOLINT: implicit by intent
  frame_range(const shared_bytes* first, std::size_t count) : first_(first), count_(count) {}
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const shared_bytes* begin() const { return first_; }
  [[nodiscard]] const shared_bytes* end() const { return first_ + count_; }
  const shared_bytes& operator[](std::size_t i) const { return first_[i]; }
  friend bool operator==(frame_range a, frame_range b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  const shared_bytes* first_;
  std::size_t count_;
};

}  // namespace freshet::topology
