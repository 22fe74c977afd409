// Distribution of durations in constant space: four buckets a power of two of nanoseconds, so a
// quantile is read with at most 25 % error, and count, total and maximum exactly. The buckets are the same
// in every meter, so meters of several roles merge, and two states of one tell what came in between.
// Thread contract: owned by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

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

  /// A bucket that is not empty, and how many durations are in it.
  using filled_bucket = std::pair<std::size_t, std::uint64_t>;
  [[nodiscard]] std::vector<filled_bucket> filled() const;
  /// The meter that has these; nothing when a bucket does not exist.
  static std::optional<latency_meter> of(const std::vector<filled_bucket>& filled, duration total, duration maximum);
  void merge(const latency_meter& more);
  /// What was added after `earlier`; nothing when that is no former state of this one. Its maximum is
  /// known only as well as a bucket tells.
  [[nodiscard]] std::optional<latency_meter> since(const latency_meter& earlier) const;

 private:
  static constexpr std::size_t buckets_ = 256;
  std::array<std::uint64_t, buckets_> bucket_{};
  std::uint64_t count_ = 0;
  duration total_{};
  duration maximum_{};
};

}  // namespace freshet::rt
