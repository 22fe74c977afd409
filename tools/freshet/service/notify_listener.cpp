#include "tools/freshet/service/notify_listener.hpp"

#include "tools/freshet/service/unix_address.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

constexpr std::size_t longest_notification = std::size_t{64} << 10U;

error listener_error(const std::string& what) { return error{errc::io, what + ": " + std::strerror(errno)}; }

/// Whom the kernel says that the message is from.
pid_t sender_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
    return credentials.pid;
  }
  return 0;
}

}  // namespace

std::optional<std::string> notification::value(const std::string& name) const {
  const std::string start = name + "=";
  std::size_t at = 0;
  while (at < lines.size()) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (lines.compare(at, start.size(), start) == 0 && at + start.size() <= end)
      return lines.substr(at + start.size(), end - at - start.size());
    at = end + 1;
  }
  return std::nullopt;
}

result<notify_listener> notify_listener::open(const std::string& path) {
  FRESHET_TRY_ASSIGN(const unix_address address, unix_address_of(path));
  const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file < 0) return listener_error(path);
  notify_listener made(file, path);
  ::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(file, address.get(), address.size);
  const int failure = errno;
  ::umask(before);
  errno = failure;
  if (bound != 0) return listener_error(path);
  const int on = 1;
  if (::setsockopt(file, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return listener_error(path);
  return made;
}

notify_listener::notify_listener(notify_listener&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), path_(std::move(other.path_)) {}

notify_listener::~notify_listener() {
  if (socket_ < 0) return;
  ::close(socket_);
  ::unlink(path_.c_str());
}

std::optional<notification> notify_listener::receive() {
  for (;;) {
    std::string text(longest_notification, '\0');
    iovec piece{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if ((message.msg_flags & MSG_TRUNC) != 0) continue;
    text.resize(static_cast<std::size_t>(got));
    return notification{sender_of(message), std::move(text)};
  }
}

}  // namespace freshet::cli
