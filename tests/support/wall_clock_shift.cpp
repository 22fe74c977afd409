// Preloaded into a daemon (LD_PRELOAD), moves its wall clock and nothing else: by as many seconds as the file
// FRESHET_TEST_WALL_SHIFT says, a native 64-bit number that may change at any time. The steady clocks stay as they are,
// as on a machine whose date is set.
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

using shift_s = std::atomic<std::int64_t>;

const shift_s* shared_shift() {
  static const shift_s none{0};
  const char* path = std::getenv("FRESHET_TEST_WALL_SHIFT");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &none;
  // Not by mmap(): libraries that patch it (UCX, which LibTorch may bring) ask for the time while they do.
  const long at = ::syscall(SYS_mmap, nullptr, sizeof(shift_s), PROT_READ, MAP_SHARED, fd, 0L);
  ::close(fd);
  return at == -1 ? &none : reinterpret_cast<const shift_s*>(at);
}

std::int64_t shift() {
  static const shift_s* const where = shared_shift();
  return where->load(std::memory_order_relaxed);
}

// Not by dlsym: it may allocate, and an allocator that asks for the time while it starts would wait for itself.
int true_time(clockid_t which, timespec* out) { return static_cast<int>(::syscall(SYS_clock_gettime, which, out)); }

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  const int ok = true_time(which, out);
  if (ok == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) out->tv_sec += shift();
  return ok;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  const int ok = clock_gettime(CLOCK_REALTIME, &now);
  if (ok == 0) *out = {now.tv_sec, now.tv_nsec / 1000};
  return ok;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
