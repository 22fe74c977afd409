#include "actors/port/wake_fd.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/eventfd.h>
#include <unistd.h>

#include "kernels/base/check.hpp"

namespace freshet::port {

wake_fd::wake_fd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  FRESHET_ENSURE(fd_ >= 0, std::strerror(errno));
}

wake_fd::~wake_fd() { ::close(fd_); }

void wake_fd::wake() {
  if (pending_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // Cannot block: the counter is at most 1. An interrupted write is tried again.
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void wake_fd::clear() {
  std::uint64_t counter = 0;
  while (::read(fd_, &counter, sizeof counter) < 0 && errno == EINTR) {
  }
  // An exchange, not a store: it reads the last writer's flag, and with it what it left.
  pending_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace freshet::port
