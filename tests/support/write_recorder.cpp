// Preloaded into a process (LD_PRELOAD), writes down in order what it does to the files below the folder
// FRESHET_RECORD_ROOT: into the file FRESHET_RECORD_TRACE, which power_cut.hpp reads. What SQLite maps (*-shm) is
// rebuilt after a power cut and not followed. One process, any number of threads.
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

using write_f = ssize_t (*)(int, const void*, size_t);
using open_f = int (*)(const char*, int, ...);

class recorder {
 public:
  static recorder& it() {
    static auto* one = new recorder;  // never destroyed: files are closed after static objects are gone
    return *one;
  }

  void opened(int fd, const char* path, int flags) {
    const std::string name = below(path);
    if (fd < 0 || name == "-") return;
    const std::lock_guard lock(mutex_);
    paths_[fd] = name;
    at_[fd] = 0;
    if ((flags & O_CREAT) != 0) put('c', name, "", 0, nullptr, 0);
    if ((flags & O_TRUNC) != 0) put('t', name, "", 0, nullptr, 0);
  }
  void wrote(int fd, std::int64_t at, const void* data, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto it = paths_.find(fd);
    if (it == paths_.end()) return;
    if (at < 0) {
      // Appending logs are opened with O_APPEND and begin where they end; their place is the reader's to know.
      const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
      put(appends ? 'a' : 'w', it->second, "", at_[fd], data, bytes);
      at_[fd] += static_cast<std::int64_t>(bytes);
    } else {
      put('w', it->second, "", at, data, bytes);
    }
  }
  void did(char what, int fd, std::int64_t number) {
    const std::lock_guard lock(mutex_);
    if (const auto it = paths_.find(fd); it != paths_.end()) put(what, it->second, "", number, nullptr, 0);
  }
  void seeked(int fd, std::int64_t at) {
    const std::lock_guard lock(mutex_);
    if (at >= 0 && paths_.count(fd) != 0) at_[fd] = at;
  }
  void closed(int fd) {
    const std::lock_guard lock(mutex_);
    paths_.erase(fd);
  }
  void renamed(const char* from, const char* to) {
    const std::lock_guard lock(mutex_);
    if (below(from) != "-") put('r', below(from), below(to), 0, nullptr, 0);
  }
  void removed(const char* path) {
    const std::lock_guard lock(mutex_);
    if (below(path) != "-") put('u', below(path), "", 0, nullptr, 0);
  }

 private:
  recorder() {
    const char* root = std::getenv("FRESHET_RECORD_ROOT");
    const char* trace = std::getenv("FRESHET_RECORD_TRACE");
    if (root == nullptr || trace == nullptr) return;
    root_ = root;
    trace_ = next<open_f>("open")(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  /// Relative to the root, "" for itself; "-" when it lies elsewhere or does not matter.
  std::string below(const char* path) const {
    const std::string whole = path;
    if (trace_ < 0 || whole.compare(0, root_.size(), root_) != 0) return "-";
    if (whole.size() > 4 && whole.compare(whole.size() - 4, 4, "-shm") == 0) return "-";
    if (whole.size() == root_.size()) return "";
    return whole[root_.size()] == '/' ? whole.substr(root_.size() + 1) : "-";
  }
  // "what number bytes path-length other-length\n" path other data: all that a reader needs.
  void put(char what, const std::string& path, const std::string& other, std::int64_t number, const void* data,
           std::size_t bytes) const {
    std::string out = std::string(1, what) + " " + std::to_string(number) + " " + std::to_string(bytes) + " " +
                      std::to_string(path.size()) + " " + std::to_string(other.size()) + "\n" + path + other;
    if (bytes > 0) out.append(static_cast<const char*>(data), bytes);
    static const auto put_out = next<write_f>("write");
    if (put_out(trace_, out.data(), out.size()) != static_cast<ssize_t>(out.size())) std::abort();
  }

  std::mutex mutex_;
  std::string root_;
  int trace_ = -1;
  std::map<int, std::string> paths_;
  std::map<int, std::int64_t> at_;
};

int mode_of(int flags, va_list more) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0; }

int open_with(const char* which, const char* path, int flags, int mode) {
  const int fd = next<open_f>(which)(path, flags, mode);
  recorder::it().opened(fd, path, flags);
  return fd;
}

ssize_t pwrite_with(const char* which, int fd, const void* data, size_t bytes, off_t at) {
  using pwrite_f = ssize_t (*)(int, const void*, size_t, off_t);
  const ssize_t wrote = next<pwrite_f>(which)(fd, data, bytes, at);
  if (wrote > 0) recorder::it().wrote(fd, at, data, static_cast<std::size_t>(wrote));
  return wrote;
}

int truncate_with(const char* which, int fd, off_t bytes) {
  const int ok = next<int (*)(int, off_t)>(which)(fd, bytes);
  if (ok == 0) recorder::it().did('t', fd, bytes);
  return ok;
}

int sync_with(const char* which, int fd) {
  const int ok = next<int (*)(int)>(which)(fd);
  if (ok == 0) recorder::it().did('s', fd, 0);
  return ok;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = mode_of(flags, more);
  va_end(more);
  return open_with("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = mode_of(flags, more);
  va_end(more);
  return open_with("open64", path, flags, mode);
}
ssize_t write(int fd, const void* data, size_t bytes) {
  static const auto real = next<write_f>("write");
  const ssize_t wrote = real(fd, data, bytes);
  if (wrote > 0) recorder::it().wrote(fd, -1, data, static_cast<std::size_t>(wrote));
  return wrote;
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) { return pwrite_with("pwrite", fd, data, bytes, at); }
ssize_t pwrite64(int fd, const void* data, size_t bytes, off_t at) { return pwrite_with("pwrite64", fd, data, bytes, at); }
int ftruncate(int fd, off_t bytes) noexcept { return truncate_with("ftruncate", fd, bytes); }
int ftruncate64(int fd, off_t bytes) noexcept { return truncate_with("ftruncate64", fd, bytes); }
int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }
off_t lseek(int fd, off_t by, int from) noexcept {
  const off_t at = next<off_t (*)(int, off_t, int)>("lseek")(fd, by, from);
  recorder::it().seeked(fd, at);
  return at;
}
off_t lseek64(int fd, off_t by, int from) noexcept {
  const off_t at = next<off_t (*)(int, off_t, int)>("lseek64")(fd, by, from);
  recorder::it().seeked(fd, at);
  return at;
}
int rename(const char* from, const char* to) noexcept {
  const int ok = next<int (*)(const char*, const char*)>("rename")(from, to);
  if (ok == 0) recorder::it().renamed(from, to);
  return ok;
}
int unlink(const char* path) noexcept {
  const int ok = next<int (*)(const char*)>("unlink")(path);
  if (ok == 0) recorder::it().removed(path);
  return ok;
}
int remove(const char* path) noexcept {
  const int ok = next<int (*)(const char*)>("remove")(path);
  if (ok == 0) recorder::it().removed(path);
  return ok;
}
int close(int fd) {
  recorder::it().closed(fd);
  return next<int (*)(int)>("close")(fd);
}

}  // extern "C"
