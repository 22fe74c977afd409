#include "kernels/model/scratch_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "kernels/base/check.hpp"

namespace freshet::model {

result<std::shared_ptr<scratch_file>> scratch_file::make(const std::filesystem::path& folder) {
  std::string name = (folder / ".scratch.tmp.XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) {
    return error{errc::io, folder.string() + ": cannot make a file there (" + std::generic_category().message(errno) + ")"};
  }
  ::unlink(name.c_str());
  return std::shared_ptr<scratch_file>(new scratch_file(folder, fd));
}

scratch_file::~scratch_file() {
  if (data_ != nullptr) ::munmap(data_, mapped_);
  ::close(fd_);
}

error scratch_file::refused(const char* action) const {
  return {errc::io, folder_.string() + ": cannot " + action + " (" + std::generic_category().message(errno) + ")"};
}

result<void> scratch_file::append(const void* data, std::size_t bytes) {
  FRESHET_TRY(overwrite(bytes_, data, bytes));
  bytes_ += bytes;
  return {};
}

result<void> scratch_file::overwrite(std::size_t at, const void* data, std::size_t bytes) {
  const auto* from = static_cast<const std::uint8_t*>(data);
  while (bytes > 0) {
    const ssize_t wrote = ::pwrite(fd_, from, bytes, static_cast<off_t>(at));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return refused("write a file there");
    }
    from += wrote;
    at += static_cast<std::size_t>(wrote);
    bytes -= static_cast<std::size_t>(wrote);
  }
  return {};
}

result<void> scratch_file::reserve(std::size_t bytes) {
  // Also where the file system has no such call: then it is done by writing.
  if (const int problem = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes)); problem != 0) {
    errno = problem;
    return refused(("reserve " + std::to_string(bytes) + " bytes").c_str());
  }
  bytes_ = bytes;
  return {};
}

result<std::uint8_t*> scratch_file::map() {
  FRESHET_ENSURE(bytes_ > 0, "an empty range cannot be mapped");
  if (data_ != nullptr) ::munmap(data_, mapped_);
  data_ = nullptr;
  void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (at == MAP_FAILED) return refused("map a file there");
  data_ = static_cast<std::uint8_t*>(at);
  mapped_ = bytes_;
  return data_;
}

host_tensor scratch_file::as_tensor(dtype type) const {
  FRESHET_ENSURE(data_ != nullptr, "a scratch file is mapped before it is read");
  auto out = host_tensor::adopt(type, {static_cast<std::int64_t>(mapped_ / item_bytes(type))}, shared_from_this(), data_, mapped_);
  FRESHET_ENSURE(out.ok(), "whole items");
  return std::move(out).value();
}

}  // namespace freshet::model
