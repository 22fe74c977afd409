// Byte-wise reading and writing of the update and artefact formats: little-endian integers,
// LEB128 varints (least 7 bits first, shortest form only), length-checked views.
// A reader never looks past its view and never moves when it fails.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "kernels/delta stores f32 arrays as they lie in memory: a big-endian host needs swaps"
#endif

namespace freshet::delta {

/// Bytes that someone else owns and keeps alive.
struct byte_view {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  byte_view() = default;
  byte_view(const std::uint8_t* first, std::size_t count) : data(first), size(count) {}
  byte_view(const std::vector<std::uint8_t>& bytes) : data(bytes.data()), size(bytes.size()) {}  // NOLINT: implicit
};

/// Bytes that `value` takes as a varint: 1 to 10.
inline std::size_t varint_bytes(std::uint64_t value) noexcept {
  std::size_t bytes = 1;
  while (value >= 0x80U) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

class byte_writer {
 public:
  template <class UInt>
  void put(UInt value) {
    static_assert(std::is_unsigned_v<UInt>);
    for (std::size_t i = 0; i < sizeof(UInt); ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void put_varint(std::uint64_t value) {
    while (value >= 0x80U) {
      bytes_.push_back(static_cast<std::uint8_t>(value | 0x80U));
      value >>= 7;
    }
    bytes_.push_back(static_cast<std::uint8_t>(value));
  }
  void put_bytes(byte_view view) { bytes_.insert(bytes_.end(), view.data, view.data + view.size); }
  /// Appends `count` zero bytes and returns where they begin; valid until the next append.
  std::uint8_t* grow(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return bytes_.data() + (bytes_.size() - count);
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::vector<std::uint8_t>& bytes() noexcept { return bytes_; }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

class byte_reader {
 public:
  explicit byte_reader(byte_view view) : view_(view) {}

  template <class UInt>
  result<UInt> get(const char* what) {
    static_assert(std::is_unsigned_v<UInt>);
    if (left() < sizeof(UInt)) return ends_before(what);
    UInt value = 0;
    std::memcpy(&value, view_.data + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  result<std::uint64_t> get_varint(const char* what) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      if (left() <= i) return ends_before(what);
      const std::uint64_t byte = view_.data[at_ + i];
      if (i == 9 && byte > 1) break;
      value |= (byte & 0x7fU) << (7 * i);
      if (byte < 0x80U) {
        if (byte == 0 && i > 0) break;
        at_ += i + 1;
        return value;
      }
    }
    return error{errc::corrupt, std::string(what) + ": a varint in its shortest form of at most 64 bits belongs here"};
  }
  result<byte_view> get_bytes(std::uint64_t count, const char* what) {
    if (count > left()) return ends_before(what);
    const byte_view view(view_.data + at_, static_cast<std::size_t>(count));
    at_ += view.size;
    return view;
  }
  /// All that is left, without moving; pair it with skip().
  [[nodiscard]] byte_view rest() const noexcept { return {view_.data + at_, left()}; }
  void skip(std::size_t count) noexcept { at_ += count < left() ? count : left(); }
  [[nodiscard]] std::size_t left() const noexcept { return view_.size - at_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

 private:
  error ends_before(const char* what) const {
    return {errc::truncated,
            std::string(what) + " at byte " + std::to_string(at_) + " of " + std::to_string(view_.size)};
  }
  byte_view view_;
  std::size_t at_ = 0;
};

}  // namespace freshet::delta
