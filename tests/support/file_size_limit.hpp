// While it lives no file of this process grows beyond a size: writes fail as on a full disk. For tests that
// run in one thread; the limit is the whole process's.
#pragma once

#include <csignal>
#include <cstdint>
#include <stdexcept>

#include <sys/resource.h>

namespace freshet::test {

class file_size_limit {
 public:
  explicit file_size_limit(std::uint64_t bytes) {
    // Else the kernel ends the process instead of failing the write.
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    if (::getrlimit(RLIMIT_FSIZE, &before_) != 0) throw std::runtime_error("no RLIMIT_FSIZE");
    rlimit now = before_;
    now.rlim_cur = bytes;
    if (::setrlimit(RLIMIT_FSIZE, &now) != 0) throw std::runtime_error("RLIMIT_FSIZE cannot be set");
  }
  ~file_size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

}  // namespace freshet::test
