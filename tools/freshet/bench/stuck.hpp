// Tells a run that hangs from one that computes: large models take minutes for a step, and nothing is seen of them
// until then but that the process works.
// Thread contract: owned by one thread. It is told the time.
#pragma once

#include <cstdint>

#include "kernels/base/clock.hpp"

namespace freshet::cli {

class stuck {
 public:
  stuck(duration patience, time_point now) : patience_(patience), since_(now) {}

  /// True when for all of the patience neither `progress` has changed nor the process computed for a twentieth of it.
  [[nodiscard]] bool look(time_point now, std::uint64_t progress, std::uint64_t cpu_ms) {
    constexpr int idle_part = 20;
    if (progress != progress_ || std::chrono::milliseconds(cpu_ms - cpu_ms_) > patience_ / idle_part) {
      since_ = now;
      progress_ = progress;
      cpu_ms_ = cpu_ms;
    }
    return now - since_ > patience_;
  }

 private:
  duration patience_;
  time_point since_;
  std::uint64_t progress_ = 0;
  std::uint64_t cpu_ms_ = 0;
};

}  // namespace freshet::cli
