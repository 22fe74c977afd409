// Time is an argument. Cores never read a clock: they are told `now`.
#pragma once

#include <chrono>
#include <string>

namespace freshet {

/// Monotonic time of a node; arithmetic only, no calendar.
using duration = std::chrono::nanoseconds;
struct engine_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<engine_clock, duration>;
  static constexpr bool is_steady = true;
};
using time_point = engine_clock::time_point;

/// "12 s", for people; fractions are dropped.
[[nodiscard]] inline std::string seconds_text(duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

}  // namespace freshet
