// One event that happens once and that other threads may wait for.
// Thread contract: all members may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace freshet::rt {

class latch {
 public:
  void open() {
    {
      std::lock_guard lock(mutex_);
      open_ = true;
    }
    opened_.notify_all();
  }
  [[nodiscard]] bool is_open() const {
    std::lock_guard lock(mutex_);
    return open_;
  }
  /// False when it did not happen within `timeout`.
  bool wait(std::chrono::milliseconds timeout) const {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, timeout, [this] { return open_; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable opened_;
  bool open_ = false;
};

}  // namespace freshet::rt
