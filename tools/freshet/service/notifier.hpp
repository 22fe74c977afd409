// Tells whoever started this process how it is: a service manager (systemd's Type=notify) or our own
// launcher, which listens in the same way (notify_listener.hpp). One datagram of NAME=value lines each time.
// Thread contract: owned by one thread; send() never blocks.
#pragma once

#include "kernels/base/result.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace freshet::cli {

class notifier {
 public:
  /// To a local datagram socket: a path, or "@NAME" in the abstract name space.
  static result<notifier> to(const std::string& socket);
  /// To $NOTIFY_SOCKET, which is then taken out of the environment so that no child speaks for us. Nothing
  /// when there is none; an error when there is one that makes no sense.
  static result<std::optional<notifier>> from_environment();

  notifier(notifier&& other) noexcept;
  notifier& operator=(notifier&&) = delete;
  ~notifier();

  /// An error when nobody takes it now (nobody listens, or the receiver's queue is full).
  [[nodiscard]] result<void> send(const std::string& lines) const;

 private:
  notifier(int socket, std::string address) : socket_(socket), address_(std::move(address)) {}
  int socket_ = -1;
  std::string address_;  ///< as the system takes it: a leading NUL for abstract names
};

/// $WATCHDOG_USEC, when it is meant for this process ($WATCHDOG_PID): a sign of life is expected at least so
/// often. Taken out of the environment, as above.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_from_environment();

}  // namespace freshet::cli
