// Room on the disk instead of memory: a file without a name that is gone with its last user, or with the process.
// Written in parts, then mapped; its pages are the file system's to write back and drop, so what lies here may be
// larger than memory. Space is reserved before it is mapped: a full disk is an error here, never a signal later.
// Owner: shared. Thread contract: one writer at a time.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace freshet::model {

class scratch_file : public std::enable_shared_from_this<scratch_file> {
 public:
  static result<std::shared_ptr<scratch_file>> make(const std::filesystem::path& folder);
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file();

  result<void> append(const void* data, std::size_t bytes);
  result<void> overwrite(std::size_t at, const void* data, std::size_t bytes);
  /// Makes the file `bytes` long, all of them there to be written.
  result<void> reserve(std::size_t bytes);
  /// All that is there so far, at least a byte: readable and writable, until this is called again or this goes.
  result<std::uint8_t*> map();

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// What map() showed; keeps the file. Nobody writes or maps from then on.
  [[nodiscard]] host_tensor as_tensor(dtype type) const;

 private:
  scratch_file(std::filesystem::path folder, int fd) : folder_(std::move(folder)), fd_(fd) {}
  [[nodiscard]] error refused(const char* action) const;
  std::filesystem::path folder_;
  int fd_;
  std::size_t bytes_ = 0;
  std::uint8_t* data_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace freshet::model
