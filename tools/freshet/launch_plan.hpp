// When a node's process is started again, and when that is given up: a state machine on times that it
// is told. A process that ends soon after its start is started again ever later; one that keeps ending
// soon is beyond help, and so is one that says so itself (a configuration that it cannot run).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/freshet/child_process.hpp"

namespace freshet::cli {

struct launch_limits {
  std::chrono::milliseconds first_delay{200};
  std::chrono::milliseconds longest_delay{10'000};
  std::chrono::milliseconds long_life{10'000};    ///< a process that lived so long begins anew with first_delay
  std::size_t short_lives = 8;                    ///< one after the other, and it is given up
  std::chrono::milliseconds stop_within{7'000};   ///< from the request to stop until processes are killed
};

/// Of one node. Thread contract: owned by one thread.
class restart_plan {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit restart_plan(launch_limits limits) : limits_(limits) {}

  void started(time_point now) { started_ = now; }
  /// Its process ended: how long to wait before the next; nothing when it is given up.
  std::optional<std::chrono::milliseconds> ended(time_point now, const ending& how);

 private:
  launch_limits limits_;
  time_point started_;
  std::size_t short_lives_ = 0;
};

}  // namespace freshet::cli
