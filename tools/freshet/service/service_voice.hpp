// When to tell the service manager what: ready once, signs of life while all is well and never else, the
// status when it changes, reload and stop. A state machine on times that it is told.
// Thread contract: owned by one thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace freshet::cli {

class service_voice {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  /// False when nobody took it: it is then said again at the next turn.
  using send_function = std::function<bool(const std::string& lines)>;

  /// Signs of life come at half of `watchdog`; none without one.
  service_voice(send_function send, std::optional<std::chrono::microseconds> watchdog);

  /// Called again and again: `ready` once all runs for the first time, `healthy` while everything answers.
  /// `beside` goes with every sign of life.
  void turn(time_point now, bool ready, bool healthy, const std::string& beside = "");
  /// A line for people. Sent when it differs from the last, at most every few seconds.
  void status(time_point now, const std::string& line);
  void reloading(time_point now);
  /// The reload is over, whatever came of it.
  void reloaded();
  void stopping();

  [[nodiscard]] bool said_ready() const noexcept { return said_ready_; }
  /// How long turn() may wait to be called again.
  [[nodiscard]] std::chrono::milliseconds patience() const;

 private:
  send_function send_;
  std::optional<std::chrono::microseconds> watchdog_;
  time_point ping_at_{};
  bool said_ready_ = false;
  bool stopping_ = false;
  std::string status_;
  std::optional<time_point> status_at_;
};

/// One line without control characters, of bounded length: what STATUS= may hold.
[[nodiscard]] std::string one_line(const std::string& text);

}  // namespace freshet::cli
