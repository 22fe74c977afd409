#include "tools/freshet/stop_token.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "kernels/base/check.hpp"

namespace freshet::cli {

struct stop_token::shared {
  std::atomic<bool> requested{false};
  std::optional<clock::time_point> deadline;
  int event = -1;   ///< stays readable once a stop is requested, so that every waiter wakes

  ~shared() {
    if (event >= 0) ::close(event);
  }
};

bool stop_token::stop_requested() const noexcept {
  return shared_->requested.load() || (shared_->deadline && clock::now() >= *shared_->deadline);
}

bool stop_token::wait_for(std::chrono::milliseconds longest) const {
  const auto until = std::min(clock::now() + longest, shared_->deadline.value_or(clock::time_point::max()));
  while (!stop_requested()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0) break;
    pollfd waiting{shared_->event, POLLIN, 0};
    constexpr std::int64_t longest_poll_ms = 3'600'000;
    ::poll(&waiting, 1, static_cast<int>(std::min(left.count(), longest_poll_ms)));  // EINTR: look again
  }
  return stop_requested();
}

stop_source::stop_source(std::optional<stop_token::clock::time_point> deadline) {
  token_.shared_ = std::make_shared<stop_token::shared>();
  token_.shared_->deadline = deadline;
  token_.shared_->event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  FRESHET_ENSURE(token_.shared_->event >= 0, "no file descriptor left for a stop event");
}

void stop_source::request_stop() const noexcept {
  token_.shared_->requested.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(token_.shared_->event, &one, sizeof one);
}

}  // namespace freshet::cli
