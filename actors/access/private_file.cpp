#include "actors/access/private_file.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshet::access {
namespace {

constexpr mode_t owner_only = 0600;
constexpr mode_t of_others = 0077;

error system_error(const std::filesystem::path& file) {
  const int number = errno;
  return {number == ENOENT ? errc::not_found : errc::io, file.string() + ": " + std::strerror(number)};
}

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

result<void> write_all(int fd, const std::string& text, const std::filesystem::path& file) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error(file);
    done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(fd) != 0) return system_error(file);
  return {};
}

result<void> put_in_place(const std::string& temporary, const std::filesystem::path& file, existing what) {
  if (what == existing::replace) {
    if (::rename(temporary.c_str(), file.c_str()) != 0) return system_error(file);
  } else if (::link(temporary.c_str(), file.c_str()) != 0) {
    if (errno == EEXIST) return {errc::invalid_argument, file.string() + " is there already; it is left as it is"};
    return system_error(file);
  }
  const descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return system_error(file.parent_path());
  return {};
}

}  // namespace

result<void> make_private_folder(const std::filesystem::path& folder) {
  std::filesystem::path above;
  for (const auto& part : folder) {
    above /= part;
    if (::mkdir(above.c_str(), 0700) == 0) continue;
    struct stat there {};
    if (::stat(above.c_str(), &there) != 0) return system_error(above);
    if (!S_ISDIR(there.st_mode)) return {errc::io, above.string() + " is no folder"};
  }
  return {};
}

result<void> write_private_file(const std::filesystem::path& file, const std::string& text, existing what) {
  std::string temporary = file.string() + ".XXXXXX";
  // mkostemp makes it for its owner only, whatever the umask is.
  const descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return system_error(file);
  auto done = write_all(fd.get(), text, temporary);
  if (done.ok() && ::fchmod(fd.get(), owner_only) != 0) done = system_error(temporary);
  if (done.ok()) done = put_in_place(temporary, file, what);
  ::unlink(temporary.c_str());  // gone already where it was renamed
  return done;
}

result<std::string> read_private_file(const std::filesystem::path& file, std::size_t most_bytes) {
  const descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) return system_error(file);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return system_error(file);
  if (!S_ISREG(found.st_mode)) return error{errc::invalid_argument, file.string() + " is no regular file"};
  if (found.st_uid != ::geteuid())
    return error{errc::invalid_argument,
                 file.string() + " belongs to another user; give it to the one that runs freshet"};
  if ((found.st_mode & of_others) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(found.st_mode & 07777U));
    return error{errc::invalid_argument, file.string() + " is open to others (mode " + mode + "); `chmod 600 " +
                                             file.string() +
                                             "` closes it, and "
                                             "what others may have read should be replaced"};
  }
  std::string text(most_bytes + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(file);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have > most_bytes)
    return error{errc::too_large, file.string() + ": more than " + std::to_string(most_bytes) + " bytes"};
  text.resize(have);
  return text;
}

}  // namespace freshet::access
