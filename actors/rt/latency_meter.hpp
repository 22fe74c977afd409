// Distribution of durations in constant space: four buckets a power of two of nanoseconds, so a
// quantile is read with at most 25 % error, and count, total and maximum exactly.
// Thread contract: owned by one thread.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/base/clock.hpp"

namespace freshet::rt {

class latency_meter {
 public:
  /// Negative durations (a source that went back) count as zero.
  void add(duration d);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] duration total() const noexcept { return total_; }
  [[nodiscard]] duration maximum() const noexcept { return maximum_; }
  /// Upper bound of the bucket in which the q-quantile lies, never above the maximum; zero when empty.
  [[nodiscard]] duration quantile(double q) const;

 private:
  static constexpr std::size_t buckets_ = 256;
  std::array<std::uint64_t, buckets_> bucket_{};
  std::uint64_t count_ = 0;
  duration total_{};
  duration maximum_{};
};

}  // namespace freshet::rt
