// "Please stop", as a value that is handed down. Set by signals (process_signals.hpp), by a deadline,
// or by a test.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

namespace freshet::cli {

class stop_source;

/// Thread contract: copies may be read from any thread.
class stop_token {
 public:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] bool stop_requested() const noexcept;
  /// Sleeps until a stop is requested or `longest` has passed; true when a stop is requested. Wakes at once.
  bool wait_for(std::chrono::milliseconds longest) const;

 private:
  friend class stop_source;
  struct shared;
  std::shared_ptr<shared> shared_;
};

/// Thread contract: request_stop() from any thread and from signal handlers.
class stop_source {
 public:
  /// With `deadline`, a stop is requested by itself at that time.
  explicit stop_source(std::optional<stop_token::clock::time_point> deadline = std::nullopt);
  [[nodiscard]] stop_token token() const { return token_; }
  void request_stop() const noexcept;

 private:
  stop_token token_;
};

}  // namespace freshet::cli
