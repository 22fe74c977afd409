#include "tools/freshet/service/freed_memory.hpp"

#include <malloc.h>

namespace freshet::cli {

void keep_freed_memory() {
#ifdef M_TRIM_THRESHOLD
  constexpr int mebibyte = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, 32 * mebibyte);
  ::mallopt(M_TRIM_THRESHOLD, 256 * mebibyte);
  ::mallopt(M_TOP_PAD, 8 * mebibyte);
#endif
}

void freed_memory::turn(clock::time_point now) {
  if (now < next_) return;
  next_ = now + period;
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace freshet::cli
