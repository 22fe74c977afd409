// What the C library does with memory that was given back to it. Tensors come and go by the megabyte with every step:
// returned to the system each time, they cost a seventh of the training in page faults (perf), so it is kept. Kept for
// months, though, it only grows: an arena's free pages stay touched, wherever the next step does not happen to need them.
// So once in a while all that is free goes back, and the next step takes again what it needs.
// Does nothing where the C library has no such settings.
#pragma once

#include <chrono>

namespace freshet::cli {

/// Before the process has threads.
void keep_freed_memory();

/// Thread contract: one owner.
class freed_memory {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes period{1};

  explicit freed_memory(clock::time_point now) : next_(now + period) {}
  /// Called every fraction of a second. Each `period` it returns what is free, in some milliseconds for each hundred
  /// megabytes, while other threads may wait for theirs.
  void turn(clock::time_point now);

 private:
  clock::time_point next_;
};

}  // namespace freshet::cli
