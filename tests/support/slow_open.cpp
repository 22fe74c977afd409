// Preloaded into a program under test (LD_PRELOAD): to open a file whose path holds $FRESHET_SLOW_OPEN takes for ever,
// as it does on a disk that does not answer.
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace {

using opener = int (*)(const char*, int, ...);

int slowly(const char* name, const char* path, int flags, mode_t mode) {
  const char* slow = std::getenv("FRESHET_SLOW_OPEN");
  while (slow != nullptr && std::strstr(path, slow) != nullptr) ::pause();
  return reinterpret_cast<opener>(::dlsym(RTLD_NEXT, name))(path, flags, mode);
}

mode_t mode_of(int flags, va_list more) { return (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0; }

}  // namespace

extern "C" int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return slowly("open", path, flags, mode);
}

extern "C" int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return slowly("open64", path, flags, mode);
}
