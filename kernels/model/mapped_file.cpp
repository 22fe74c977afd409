#include "kernels/model/mapped_file.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshet::model {
namespace {

error refused(const std::filesystem::path& path, const char* action) {
  const int number = errno;
  return error{number == ENOENT ? errc::not_found : errc::io,
               path.string() + ": cannot " + action + " (" + std::generic_category().message(number) + ")"};
}

}  // namespace

result<std::shared_ptr<const mapped_file>> mapped_file::open(const std::filesystem::path& path, mapping kind) {
  // Without O_NONBLOCK opening a named pipe would wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return refused(path, "open");
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    const error failure = refused(path, "stat");
    ::close(fd);
    return failure;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    return error{errc::invalid_argument, path.string() + ": expected a regular file"};
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (bytes > 0) {  // an empty range cannot be mapped
    // Without MAP_NORESERVE a writable mapping counts as memory in use, and a model larger than memory is refused.
    const bool writable = kind == mapping::copy_on_write;
    data = ::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                  writable ? MAP_PRIVATE | MAP_NORESERVE : MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      const error failure = refused(path, "map");
      ::close(fd);
      return failure;
    }
  }
  ::close(fd);  // the mapping outlives the descriptor
  return std::shared_ptr<const mapped_file>(new mapped_file(static_cast<const std::uint8_t*>(data), bytes));
}

mapped_file::~mapped_file() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), bytes_);
}

}  // namespace freshet::model
