// What the supervisor knows of its children, readable from outside of any actor.
// Thread contract: all members may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/clock.hpp"

namespace freshet::rt {

enum class child_state : std::uint8_t { running, backing_off, given_up, stopped };

struct child_health {
  std::string name;
  child_state state = child_state::running;
  std::uint64_t restarts = 0;
  std::string last_failure;   ///< empty when there was none
  bool gone = false;          ///< ended for good, as it was meant to
  /// When this life of it last answered the supervisor; nothing before the first time: it is still starting.
  std::optional<time_point> answered;
  std::string figures;        ///< what it answered then, one JSON object
};

class supervision_board {
 public:
  explicit supervision_board(std::vector<std::string> names);

  /// One more; returns its number. Called by the supervisor only, which counts likewise.
  std::size_t add(std::string name);
  template <class F>
  void update(std::size_t child, F change) {
    {
      std::lock_guard lock(mutex_);
      change(children_[child]);
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<child_health> snapshot() const;
  /// False when there is no child of that name that has begun to live after `timeout`.
  bool wait_until_started(const std::string& name, std::chrono::milliseconds timeout) const;
  /// False when the child of that name is neither stopped nor given up after `timeout`.
  bool wait_until_ended(const std::string& name, std::chrono::milliseconds timeout) const;
  /// False when a child that runs has not answered since `asked` after `timeout`.
  bool wait_until_all_answered(time_point asked, std::chrono::milliseconds timeout) const;
  /// False when some child is neither stopped nor given up after `timeout`.
  bool wait_until_all_ended(std::chrono::milliseconds timeout) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<child_health> children_;
};

}  // namespace freshet::rt
