#include "kernels/model/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "kernels/base/fault_point.hpp"

namespace freshet::model {
namespace {

constexpr std::size_t most_bytes_a_write = std::size_t{1} << 30;  // Linux caps one write() at 2 GiB
constexpr int temporary_name_attempts = 64;

error system_error_at(const std::filesystem::path& path, const char* action) {
  const int number = errno;
  const errc code = number == ENOENT ? errc::not_found : errc::io;
  return error{code, path.string() + ": cannot " + action + " (" + std::generic_category().message(number) + ")"};
}

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

result<void> write_all(int fd, const byte_piece& piece, const std::filesystem::path& path) {
  const auto* at = static_cast<const char*>(piece.data);
  std::size_t left = piece.bytes;
  while (left > 0) {
    const ssize_t wrote = ::write(fd, at, std::min(left, most_bytes_a_write));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return system_error_at(path, "write");
    }
    at += wrote;
    left -= static_cast<std::size_t>(wrote);
  }
  return {};
}

result<void> write_and_rename(int fd, const std::filesystem::path& temporary, const std::filesystem::path& path,
                              const std::vector<byte_piece>& pieces) {
  FRESHET_FAULT_POINT("file.write.before");
  for (const auto& piece : pieces) {
    FRESHET_TRY(write_all(fd, piece, temporary));
    FRESHET_FAULT_POINT("file.write.piece");
  }
  if (::fsync(fd) != 0) return system_error_at(temporary, "sync");
  FRESHET_FAULT_POINT("file.rename.before");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error_at(path, "rename the new file into place");
  return {};
}

result<void> sync_folder(const std::filesystem::path& folder) {
  const descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return system_error_at(folder, "open the folder to sync it");
  if (::fsync(fd.get()) != 0) return system_error_at(folder, "sync the folder");
  return {};
}

}  // namespace

result<std::string> read_whole_file(const std::filesystem::path& path, std::size_t limit_bytes) {
  // Without O_NONBLOCK opening a named pipe would wait for its writer.
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_error_at(path, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_error_at(path, "stat");
  if (!S_ISREG(status.st_mode)) return error{errc::invalid_argument, path.string() + ": expected a regular file"};
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > limit_bytes) {
    return error{errc::too_large, path.string() + ": " + std::to_string(size) + " bytes, at most " +
                                      std::to_string(limit_bytes) + " are accepted"};
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error_at(path, "read");
    }
    if (got == 0) return error{errc::truncated, path.string() + ": the file shrank while it was read"};
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

result<void> write_whole_file(const std::filesystem::path& path, const std::vector<byte_piece>& pieces) {
  static std::atomic<unsigned> counter{0};
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  // A crash may leave a temporary behind under a name that this process would choose again: try on.
  for (int attempt = 0; attempt < temporary_name_attempts; ++attempt) {
    const std::filesystem::path temporary =
        folder / ("." + path.filename().string() + ".tmp." + std::to_string(::getpid()) + "." +
                  std::to_string(counter.fetch_add(1, std::memory_order_relaxed)));
    const descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd.get() < 0) {
      if (errno == EEXIST) continue;
      return system_error_at(temporary, "create");
    }
    const auto written = write_and_rename(fd.get(), temporary, path, pieces);
    if (!written.ok()) {
      ::unlink(temporary.c_str());
      return written;
    }
    FRESHET_FAULT_POINT("file.rename.after");
    return sync_folder(folder);
  }
  return error{errc::io, path.string() + ": no free temporary name beside it; remove the stale ." +
                             path.filename().string() + ".tmp.* files"};
}

result<void> write_whole_file(const std::filesystem::path& path, const std::string& text) {
  return write_whole_file(path, std::vector<byte_piece>{{text.data(), text.size()}});
}

void remove_stale_temporaries(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.empty() && name.front() == '.' && name.find(".tmp.") != std::string::npos) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

}  // namespace freshet::model
