// Where node processes tell the launcher how they are, in the words that a service manager would hear
// (notifier.hpp). The kernel says who sent what, so nobody can speak for another process.
// Thread contract: owned by one thread.
#pragma once

#include "kernels/base/result.hpp"

#include <optional>
#include <string>

#include <sys/types.h>

namespace freshet::cli {

struct notification {
  pid_t from = 0;
  std::string lines;

  /// The value of a line "NAME=value"; of the first, when there are several.
  [[nodiscard]] std::optional<std::string> value(const std::string& name) const;
};

class notify_listener {
 public:
  /// Binds a socket that only its owner may write to; a file that is left from before is replaced.
  static result<notify_listener> open(const std::string& path);
  notify_listener(notify_listener&& other) noexcept;
  notify_listener& operator=(notify_listener&&) = delete;
  ~notify_listener();  ///< takes the file away

  [[nodiscard]] int descriptor() const noexcept { return socket_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The next one, or nothing when none waits. What is longer than a notification ever is is skipped.
  std::optional<notification> receive();

 private:
  notify_listener(int socket, std::string path) : socket_(socket), path_(std::move(path)) {}
  int socket_ = -1;
  std::string path_;
};

}  // namespace freshet::cli
