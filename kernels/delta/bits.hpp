// Bit-wise reading and writing, least significant bit of each byte first, through 64-bit windows.
// The writer pads its last byte with zeros; the reader refuses to go past its end and leaves its
// position alone when it does. Single owner.
#pragma once

#include "kernels/delta/bytes.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace freshet::delta {

/// Zeros below the lowest set bit; `word` is not 0.
inline unsigned trailing_zeros(std::uint64_t word) noexcept { return static_cast<unsigned>(__builtin_ctzll(word)); }

/// Appends to a byte vector that it does not own; call finish() once at the end.
class bit_writer {
 public:
  explicit bit_writer(std::vector<std::uint8_t>& out) : out_(out) {}

  /// The low `count` bits of `value`, count ≤ 64; higher bits of `value` must be zero.
  void put(std::uint64_t value, unsigned count) {
    window_ |= value << filled_;
    if (filled_ + count < 64) {
      filled_ += count;
      return;
    }
    if (count == 0) return;
    spill(8);
    const unsigned written = 64 - filled_;
    window_ = written < 64 ? value >> written : 0;
    filled_ = filled_ + count - 64;
  }
  /// `zeros` zero bits, then a one.
  void put_unary(std::uint64_t zeros) {
    for (; zeros >= 63; zeros -= 63) put(0, 63);
    put(std::uint64_t{1} << zeros, static_cast<unsigned>(zeros) + 1);
  }
  void finish() {
    spill((filled_ + 7) / 8);
    window_ = 0;
    filled_ = 0;
  }

 private:
  void spill(std::size_t bytes) {
    std::uint8_t raw[8];
    std::memcpy(raw, &window_, sizeof raw);
    out_.insert(out_.end(), raw, raw + bytes);
  }
  std::vector<std::uint8_t>& out_;
  std::uint64_t window_ = 0;
  unsigned filled_ = 0;  // < 64 between calls
};

class bit_reader {
 public:
  explicit bit_reader(byte_view view) : view_(view), total_(static_cast<std::uint64_t>(view.size) * 8) {}

  /// At least the next 57 bits, zero-padded past the end.
  [[nodiscard]] std::uint64_t peek() const noexcept {
    const std::size_t byte = static_cast<std::size_t>(at_ >> 3);
    std::uint64_t window = 0;
    if (byte + 8 <= view_.size) {
      std::memcpy(&window, view_.data + byte, 8);
    } else if (byte < view_.size) {
      std::memcpy(&window, view_.data + byte, view_.size - byte);
    }
    return window >> (at_ & 7);
  }
  [[nodiscard]] bool skip(std::uint64_t bits) noexcept {
    if (bits > total_ - at_) return false;
    at_ += bits;
    return true;
  }
  /// `count` ≤ 57 bits into `value`; false when they are not there.
  [[nodiscard]] bool get(unsigned count, std::uint64_t& value) noexcept {
    const std::uint64_t window = peek();
    if (!skip(count)) return false;
    value = window & ((std::uint64_t{1} << count) - 1);
    return true;
  }
  /// Counts zeros up to the next one and eats that one; false at the end or beyond `most` zeros.
  [[nodiscard]] bool get_unary(std::uint64_t most, std::uint64_t& zeros) noexcept {
    constexpr unsigned sure = 57;
    const std::uint64_t from = at_;
    zeros = 0;
    while (zeros <= most) {
      const std::uint64_t window = peek();
      if (window != 0) {
        const unsigned here = trailing_zeros(window);
        zeros += here;
        if (zeros <= most && skip(here + 1)) return true;
        break;
      }
      if (!skip(sure)) break;
      zeros += sure;
    }
    at_ = from;
    return false;
  }
  /// Whole bytes touched so far.
  [[nodiscard]] std::size_t bytes_used() const noexcept { return static_cast<std::size_t>((at_ + 7) / 8); }
  /// True when the rest of the byte in hand is zeros, as the writer leaves it.
  [[nodiscard]] bool padding_is_zero() const noexcept {
    const unsigned inside = static_cast<unsigned>(at_ & 7);
    return inside == 0 || (view_.data[at_ >> 3] >> inside) == 0;
  }

 private:
  byte_view view_;
  std::uint64_t total_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace freshet::delta
