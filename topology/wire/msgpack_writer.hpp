// Writes MessagePack into a growing block of bytes: the usual short forms right here, since a message is mostly made of
// them, all others by msgpack-cxx, which stays in the .cpp.
// Owned by one encode call.
#pragma once

#include "kernels/base/shared_bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace freshet::topology {

class msgpack_writer {
 public:
  msgpack_writer() : msgpack_writer(std::make_shared<first_block>()) {}

  void array(std::size_t elements) {
    if (elements > 0x0f) return long_array(elements);
    put(static_cast<std::uint8_t>(0x90U | elements));
  }
  void unsigned_integer(std::uint64_t value) {
    if (value > 0x7f) return long_unsigned(value);
    put(static_cast<std::uint8_t>(value));
  }
  void signed_integer(std::int64_t value) {
    if (value < 0 || value > 0x7f) return long_signed(value);
    put(static_cast<std::uint8_t>(value));
  }
  void boolean(bool value) { put(value ? 0xc3 : 0xc2); }
  void f32(float value);
  void f64(double value);
  void text(std::string_view value) {
    if (value.size() > 0x1f) return long_text(value);
    put(static_cast<std::uint8_t>(0xa0U | value.size()));
    append(value.data(), value.size());
  }
  void binary(const void* data, std::size_t bytes);
  void nil() { put(0xc0); }

  /// Bytes as they are: what the packer makes of a value.
  void append(const void* data, std::size_t bytes) {
    if (bytes > room_ - used_) grow(bytes);
    if (bytes > 0) std::memcpy(bytes_ + used_, data, bytes);
    used_ += bytes;
  }

  [[nodiscard]] std::size_t size() const { return used_; }
  /// All that was written. The writer is at its end.
  [[nodiscard]] shared_bytes take() && { return {std::move(owner_), bytes_, used_}; }

 private:
  // Uninitialised, and one block with its count of owners: most messages fit.
  struct first_block {
    first_block() {}  // NOLINT: leaves the bytes as they are, by intent
    std::array<std::uint8_t, 512> bytes;
  };
  explicit msgpack_writer(const std::shared_ptr<first_block>& first)
      : owner_(first), bytes_(first->bytes.data()), room_(first->bytes.size()) {}

  void put(std::uint8_t byte) {
    if (used_ == room_) grow(1);
    bytes_[used_++] = byte;
  }
  void grow(std::size_t more);
  void long_array(std::size_t elements);
  void long_unsigned(std::uint64_t value);
  void long_signed(std::int64_t value);
  void long_text(std::string_view value);

  std::shared_ptr<const void> owner_;
  std::uint8_t* bytes_;
  std::size_t room_;
  std::size_t used_ = 0;
};

}  // namespace freshet::topology
