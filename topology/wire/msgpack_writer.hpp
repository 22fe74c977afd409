// Writes MessagePack (by msgpack-cxx, which stays in the .cpp) into a growing block of bytes.
// Owned by one encode call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace freshet::topology {

class msgpack_writer {
 public:
  msgpack_writer() : bytes_(first_bytes) {}
  void array(std::size_t elements);
  void unsigned_integer(std::uint64_t value);
  void signed_integer(std::int64_t value);
  void boolean(bool value);
  void f32(float value);
  void f64(double value);
  void text(std::string_view value);
  void binary(const void* data, std::size_t bytes);
  void nil();

  /// Bytes as they are: what the packer makes of a value.
  void append(const void* data, std::size_t bytes) {
    if (bytes > bytes_.size() - used_) bytes_.resize(2 * (used_ + bytes));
    if (bytes > 0) std::memcpy(bytes_.data() + used_, data, bytes);
    used_ += bytes;
  }

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::vector<std::uint8_t> take() {
    bytes_.resize(used_);
    used_ = 0;
    return std::move(bytes_);
  }

 private:
  static constexpr std::size_t first_bytes = 512;
  std::vector<std::uint8_t> bytes_;  ///< with room at its end: growing it by each number costs more than the number
  std::size_t used_ = 0;
};

}  // namespace freshet::topology
