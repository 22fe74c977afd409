#include "tools/freshet/service/notifier.hpp"

#include "tools/freshet/service/unix_address.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

std::optional<std::string> take_variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  std::string copy = text;
  ::unsetenv(name);
  return copy;
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

result<notifier> notifier::to(const std::string& socket) {
  if (socket.empty() || (socket.front() != '/' && socket.front() != '@'))
    return error{errc::invalid_argument, "notification socket \"" + socket + "\": an absolute path or @NAME is right"};
  std::string address = socket;
  if (address.front() == '@') address.front() = '\0';
  FRESHET_TRY(unix_address_of(address));
  const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return error{errc::io, socket + ": " + std::strerror(errno)};
  return notifier(file, std::move(address));
}

result<std::optional<notifier>> notifier::from_environment() {
  const auto socket = take_variable("NOTIFY_SOCKET");
  if (!socket || socket->empty()) return std::optional<notifier>();
  FRESHET_TRY_ASSIGN(notifier made, to(*socket));
  return std::optional<notifier>(std::move(made));
}

notifier::notifier(notifier&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), address_(std::move(other.address_)) {}

notifier::~notifier() {
  if (socket_ >= 0) ::close(socket_);
}

result<void> notifier::send(const std::string& lines) const {
  FRESHET_TRY_ASSIGN(const unix_address to, unix_address_of(address_));
  // Not connected: a listener that was started anew is found again.
  const ssize_t sent = ::sendto(socket_, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.get(), to.size);
  if (sent < 0) return error{errc::io, std::string("notification: ") + std::strerror(errno)};
  return {};
}

std::optional<std::chrono::microseconds> watchdog_from_environment() {
  const auto period = take_variable("WATCHDOG_USEC");
  const auto process = take_variable("WATCHDOG_PID");
  if (!period) return std::nullopt;
  if (process && number_in(*process) != static_cast<std::uint64_t>(::getpid())) return std::nullopt;
  const auto microseconds = number_in(*period);
  constexpr std::uint64_t longest = std::uint64_t{1} << 53U;
  if (!microseconds || *microseconds == 0 || *microseconds > longest) return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(*microseconds));
}

}  // namespace freshet::cli
