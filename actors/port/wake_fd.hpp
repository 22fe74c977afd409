// An eventfd that gets a poll loop out of its wait. Many writers, one reader; writes between two
// reads are one wake.
// Thread contract: wake() from any thread, the rest from the reader.
#pragma once

#include <atomic>

namespace freshet::port {

class wake_fd {
 public:
  wake_fd();
  ~wake_fd();
  wake_fd(const wake_fd&) = delete;
  wake_fd& operator=(const wake_fd&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  void wake();
  /// To be called before looking at what the writers left: what they leave later wakes again.
  void clear();

 private:
  int fd_;
  std::atomic<bool> pending_{false};
};

}  // namespace freshet::port
