// How often a failed child may be started again: at once-ish first, then ever later, and not at
// all when it keeps failing. Plain state machine; the supervisor actor carries it out.
// Thread contract: owned by one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "kernels/base/clock.hpp"

namespace freshet::rt {

struct restart_limits {
  duration first_delay = std::chrono::milliseconds(100);
  duration longest_delay = std::chrono::seconds(10);
  std::size_t restarts = 5;                     ///< within `window`; one more failure escalates
  duration window = std::chrono::seconds(60);
};

class restart_budget {
 public:
  explicit restart_budget(restart_limits limits) : limits_(limits) {}

  /// A failure happened now. The delay until the restart, doubled with each failure within the
  /// window, or nothing when the budget is spent.
  std::optional<duration> failed(time_point now);

 private:
  restart_limits limits_;
  std::deque<time_point> failures_;
};

}  // namespace freshet::rt
