#include "tools/freshet/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tools/freshet/process_signals.hpp"

namespace freshet::cli {
namespace {

/// In the child, between fork and exec: only calls that are safe there. Never returns.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent, int report) {
  // When we die, however, no child must stay: SIGKILL, since a hanging child would ignore all else.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // died in between
  // A group of its own: Ctrl-C at the terminal reaches us alone, and we stop the children in order.
  ::setpgid(0, 0);
  restore_default_signals();
  if (log >= 0 && (::dup2(log, STDOUT_FILENO) < 0 || ::dup2(log, STDERR_FILENO) < 0)) ::_exit(127);
  ::execv(arguments[0], arguments);
  const int failure = errno;
  [[maybe_unused]] const auto written = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

}  // namespace

std::string ending::text() const {
  if (!by_signal) return "exit status " + std::to_string(number);
  const char* name = ::strsignal(number);
  return "signal " + std::to_string(number) + " (" + (name == nullptr ? "unknown" : name) + ")";
}

result<child_process> child_process::start(const std::vector<std::string>& arguments, const std::string& log_file) {
  FRESHET_ENSURE(!arguments.empty(), "a process needs a program");
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);

  int log = -1;
  if (!log_file.empty()) {
    log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0) return error{errc::io, log_file + ": " + std::strerror(errno)};
  }
  // The child's end closes with a successful exec; a failed one says why first.
  int report[2] = {-1, -1};
  if (::pipe2(report, O_CLOEXEC) != 0) {
    const int failure = errno;
    if (log >= 0) ::close(log);
    return error{errc::io, arguments[0] + ": " + std::strerror(failure)};
  }
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(raw.data(), log, self, report[1]);
  const int fork_failure = errno;
  if (log >= 0) ::close(log);
  ::close(report[1]);
  int failure = pid < 0 ? fork_failure : 0;
  if (pid > 0) {
    ssize_t got = 0;
    do {
      got = ::read(report[0], &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof failure)) failure = 0;
  }
  ::close(report[0]);
  if (failure != 0) {
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return error{errc::io, arguments[0] + " cannot be started: " + std::strerror(failure)};
  }
  return child_process(pid);
}

child_process& child_process::operator=(child_process&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

child_process::~child_process() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void child_process::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

std::optional<ending> child_process::ended() {
  if (pid_ == 0) return std::nullopt;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  if (WIFSIGNALED(status)) return ending{true, WTERMSIG(status)};
  return ending{false, WEXITSTATUS(status)};
}

}  // namespace freshet::cli
