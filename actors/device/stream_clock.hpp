// The pace of a free-running stream: how many samples have come by now, when the next batch is
// worth answering, and which came too long ago. Time is an argument.
// Thread contract: one owner.
#pragma once

#include <cstdint>

#include "kernels/base/clock.hpp"

namespace freshet::actors {

class stream_clock {
 public:
  /// A pace of 0 has a batch ready whenever it is asked.
  stream_clock(double samples_per_second, std::uint32_t batch, time_point now);

  /// How many samples to answer now: a batch, fewer when the oldest has waited long enough, or 0.
  [[nodiscard]] std::uint32_t ready(time_point now) const;
  void take(std::uint64_t samples) { taken_ += samples; }
  /// The stream does not wait for a slow machine: gives up all beyond a second's worth (at least four
  /// batches), oldest first. Returns how many.
  [[nodiscard]] std::uint64_t give_up_late(time_point now);
  /// Until ready() may be more than 0.
  [[nodiscard]] duration until_ready(time_point now) const;

 private:
  [[nodiscard]] std::uint64_t waiting(time_point now) const;
  /// When the n-th sample counted from those taken comes; n from 1.
  [[nodiscard]] time_point arrival(std::uint64_t n) const;
  double samples_per_second_;
  std::uint32_t batch_;
  time_point began_;
  std::uint64_t taken_ = 0;
};

}  // namespace freshet::actors
