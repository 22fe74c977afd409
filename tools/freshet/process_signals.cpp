#include "tools/freshet/process_signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "kernels/base/check.hpp"

namespace freshet::cli {
namespace {

constexpr std::array<int, 4> handled{SIGINT, SIGTERM, SIGHUP, SIGCHLD};

// A handler has no argument of ours: this much must be global.
std::atomic<int> stop_count{0};
std::atomic<int> reload_count{0};
std::atomic<int> wake_event{-1};
std::atomic<bool> had_terminal{false};
std::function<void()> stop_action;  // set before the handlers are installed

/// Whoever closes the terminal means to end what runs in it. Safe in a handler.
bool terminal_has_gone() {
  if (!had_terminal.load()) return false;
  pollfd terminal{STDIN_FILENO, 0, 0};
  return ::poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

extern "C" void freshet_on_signal(int number) {
  const int saved = errno;
  if (number == SIGHUP && !terminal_has_gone()) {
    reload_count.fetch_add(1);
  } else if (number != SIGCHLD) {
    stop_count.fetch_add(1);
    if (stop_action) stop_action();
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_event.load(), &one, sizeof one);
  errno = saved;
}

void install(void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  for (const int number : handled) ::sigaction(number, &action, nullptr);
}

}  // namespace

process_signals::process_signals(std::function<void()> on_stop) {
  FRESHET_ENSURE(wake_event.load() < 0, "two process_signals in one process");
  wake_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  FRESHET_ENSURE(wake_event.load() >= 0, "no file descriptor left for signals");
  stop_count = 0;
  reload_count = 0;
  had_terminal = ::isatty(STDIN_FILENO) == 1;
  stop_action = std::move(on_stop);
  install(freshet_on_signal);
}

process_signals::~process_signals() {
  install(SIG_DFL);
  ::close(wake_event.exchange(-1));
  stop_action = {};
}

int process_signals::stops() const noexcept { return stop_count.load(); }

int process_signals::reloads() const noexcept { return reload_count.load(); }

void process_signals::wait(std::chrono::milliseconds longest, int also) {
  std::array<pollfd, 2> waiting{{{wake_event.load(), POLLIN, 0}, {also, POLLIN, 0}}};  // -1 is passed over
  ::poll(waiting.data(), waiting.size(), static_cast<int>(longest.count()));
  std::uint64_t count = 0;
  [[maybe_unused]] const auto drained = ::read(wake_event.load(), &count, sizeof count);
}

void restore_default_signals() noexcept {
  install(SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace freshet::cli
