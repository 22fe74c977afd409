// One process that we started. It dies with us, and is only ever signalled while it is ours: not yet
// waited for, so that its number cannot have passed to another.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::cli {

/// How a process ended.
struct ending {
  bool by_signal = false;
  int number = 0;   ///< exit status or signal

  [[nodiscard]] bool orderly() const noexcept { return !by_signal && number == 0; }
  /// "exit status 3", "signal 9 (Killed)"
  [[nodiscard]] std::string text() const;
};

/// Thread contract: owned by one thread, which must outlive the child (the kernel ties them together).
class child_process {
 public:
  /// arguments[0] is the path of the program. Standard output and error go to the end of `log_file`, or
  /// stay ours when it is empty.
  static result<child_process> start(const std::vector<std::string>& arguments, const std::string& log_file);

  child_process(child_process&& other) noexcept : pid_(other.pid_) { other.pid_ = 0; }
  child_process& operator=(child_process&& other) noexcept;
  ~child_process();   ///< a child that still runs is killed and waited for

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) const noexcept;
  /// How it ended, once; nothing while it runs.
  std::optional<ending> ended();

 private:
  explicit child_process(pid_t pid) : pid_(pid) {}
  pid_t pid_ = 0;   ///< 0: none, or waited for
};

}  // namespace freshet::cli
