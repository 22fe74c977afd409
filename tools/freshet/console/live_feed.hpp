// Follows a running STATS over a socket: a live_follower with frames. To the daemon it is one more node that
// connects, named after this process. Comes back by itself after the daemon does.
// Thread contract: owned by one thread.
#pragma once

#include "kernels/base/result.hpp"
#include "tools/freshet/console/live_follower.hpp"
#include "tools/freshet/console_dial.hpp"
#include "topology/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshet::cli {

/// Where a STATS is reached.
struct stats_place {
  topology::address role;
  console_target at;
};
/// Fails when the graph has no STATS, or none that another process can reach.
result<stats_place> place_of_stats(const topology::graph& graph);

class live_feed {
 public:
  static result<live_feed> open(stats_place place, std::uint32_t interval_ms);
  live_feed(live_feed&&) noexcept;
  live_feed& operator=(live_feed&&) noexcept;
  /// Takes its leave, without waiting.
  ~live_feed();

  /// Waits until a message, a byte at `also` (a file descriptor, -1 for none), a signal or the time comes.
  void wait(std::chrono::milliseconds longest, int also = -1);
  /// What came since the last call.
  std::vector<live_change> take_changes();
  [[nodiscard]] bool attached() const;
  [[nodiscard]] const stats_place& place() const;

 private:
  struct state;
  explicit live_feed(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace freshet::cli
