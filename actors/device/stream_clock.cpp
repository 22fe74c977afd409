#include "actors/device/stream_clock.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::actors {
namespace {

// A sample waits no longer than this for others to fill its batch.
constexpr duration longest_wait = std::chrono::milliseconds(200);

}  // namespace

stream_clock::stream_clock(double samples_per_second, std::uint32_t batch, time_point now)
    : samples_per_second_(samples_per_second), batch_(batch), began_(now) {}

time_point stream_clock::arrival(std::uint64_t n) const {
  const double seconds = static_cast<double>(taken_ + n) / samples_per_second_;
  // Rounded up, so that at this time the sample is counted as come.
  return began_ + duration(static_cast<duration::rep>(std::ceil(seconds * 1e9)) + 1);
}

std::uint64_t stream_clock::waiting(time_point now) const {
  if (samples_per_second_ <= 0) return batch_;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const auto come = static_cast<std::uint64_t>(std::max(0.0, seconds * samples_per_second_));
  return come > taken_ ? come - taken_ : 0;
}

std::uint32_t stream_clock::ready(time_point now) const {
  const std::uint64_t n = waiting(now);
  if (n >= batch_) return batch_;
  if (n == 0 || now < arrival(1) + longest_wait) return 0;
  return static_cast<std::uint32_t>(n);
}

std::uint64_t stream_clock::give_up_late(time_point now) {
  if (samples_per_second_ <= 0) return 0;
  const auto limit = std::max<std::uint64_t>(4ULL * batch_, static_cast<std::uint64_t>(std::ceil(samples_per_second_)));
  const std::uint64_t n = waiting(now);
  if (n <= limit) return 0;
  take(n - limit);
  return n - limit;
}

duration stream_clock::until_ready(time_point now) const {
  if (samples_per_second_ <= 0) return duration::zero();
  const time_point due = std::min(arrival(batch_), arrival(1) + longest_wait);
  return std::max(due - now, duration::zero());
}

}  // namespace freshet::actors
