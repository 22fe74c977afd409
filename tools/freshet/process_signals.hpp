// The signals that a freshet process listens to, as counts that its main loop looks at. Handlers only
// count and wake; all else happens outside of them.
#pragma once

#include <chrono>
#include <functional>

namespace freshet::cli {

/// SIGINT and SIGTERM ask for a stop, SIGHUP for a reload, or for a stop where it means that the terminal of
/// this process has gone; SIGCHLD wakes. One at a time in a process.
/// Thread contract: made, used and destroyed by the main thread; handlers may run in any.
class process_signals {
 public:
  /// `on_stop` runs inside the handler: it may only do what is safe there (stop_source::request_stop is).
  explicit process_signals(std::function<void()> on_stop = {});
  ~process_signals();
  process_signals(const process_signals&) = delete;
  process_signals& operator=(const process_signals&) = delete;

  /// How many times a stop was asked for: the second one means "at once".
  [[nodiscard]] int stops() const noexcept;
  /// How many times a reload was asked for.
  [[nodiscard]] int reloads() const noexcept;
  /// Sleeps until a signal comes, `also` (a file descriptor) can be read, or `longest` has passed.
  void wait(std::chrono::milliseconds longest, int also = -1);
};

/// What a child must undo before it becomes another program. Safe between fork and exec.
void restore_default_signals() noexcept;

}  // namespace freshet::cli
