// Reads MessagePack in one pass, straight into the caller's fields, without building a tree.
// msgpack-cxx (which writes for us) is not used here: its unpacker reserves 24 bytes for every
// element that a header claims, throws on bad input, and passes floats through double, which
// changes signalling NaNs. Every claim is checked against the bytes that are left before it is
// believed. Errors carry ": what is wrong", so that callers prepend the path of the field.
// Owned by one decode call; keeps a view of the bytes.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace freshet::topology {

struct byte_view {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

class msgpack_reader {
 public:
  struct bounds {
    std::size_t items;  ///< elements of all arrays and maps together
    std::size_t depth;  ///< arrays and maps within each other
  };

  msgpack_reader(byte_view bytes, bounds limits) : at_(bytes.data), left_(bytes.size), limits_(limits) {}

  /// Number of elements; each takes at least one of the bytes that are left. Pair with leave().
  result<std::size_t> enter_array() {
    if (left_ > 0 && (*at_ & 0xf0U) == 0x90) {
      const std::size_t elements = *at_ & 0x0fU;
      if (elements < left_ && elements <= limits_.items - items_ && depth_ < limits_.depth) {
        step(1);
        items_ += elements;
        ++depth_;
        return elements;
      }
    }
    return any_array();
  }
  void leave() { --depth_; }

  /// Any MessagePack integer that fits.
  result<std::uint64_t> unsigned_integer() {
    if (left_ > 0 && *at_ <= 0x7f) return std::uint64_t{step(1)[0]};
    if (left_ > 8 && *at_ >= 0xcc && *at_ <= 0xcf) {
      const std::size_t bytes = std::size_t{1} << (*at_ - 0xccU);
      return high_end(step(1 + bytes) + 1) >> (8 * (8 - bytes));
    }
    return any_unsigned();
  }
  result<std::int64_t> signed_integer() {
    if (left_ > 0 && *at_ <= 0x7f) return std::int64_t{step(1)[0]};
    return any_signed();
  }
  /// Exactly true or false; numbers are refused.
  result<bool> boolean() {
    if (left_ > 0 && (*at_ & 0xfeU) == 0xc2) return (step(1)[0] & 1U) != 0;
    return any_boolean();
  }
  /// Exactly float 32, bit for bit.
  result<float> f32() {
    if (left_ <= 8 || *at_ != 0xca) return any_f32();
    const auto bits = static_cast<std::uint32_t>(high_end(step(5) + 1) >> 32U);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  /// Exactly float 64, bit for bit.
  result<double> f64();
  result<std::string_view> text(std::size_t limit_bytes) {
    if (left_ > 0 && (*at_ & 0xe0U) == 0xa0) {
      const std::size_t bytes = *at_ & 0x1fU;
      if (bytes < left_ && bytes <= limit_bytes) return std::string_view(reinterpret_cast<const char*>(step(1 + bytes) + 1), bytes);
    }
    if (left_ > 1 && *at_ == 0xd9) {
      const std::size_t bytes = at_[1];
      if (bytes <= left_ - 2 && bytes <= limit_bytes) return std::string_view(reinterpret_cast<const char*>(step(2 + bytes) + 2), bytes);
    }
    return any_text(limit_bytes);
  }
  result<byte_view> binary(std::size_t limit_bytes) {
    if (left_ > 1 && *at_ == 0xc4) {
      const std::size_t bytes = at_[1];
      if (bytes <= left_ - 2 && bytes <= limit_bytes) return byte_view{step(2 + bytes) + 2, bytes};
    }
    return any_binary(limit_bytes);
  }
  /// Consumes a nil if there is one.
  bool nil();
  /// Passes over one value of any kind, with all that is in it.
  result<void> skip();

  [[nodiscard]] std::size_t left() const { return left_; }

 private:
  // What begins without a function call above is a usual form of a value that fits; all else, and what is wrong, is here.
  result<std::size_t> any_array();
  result<std::uint64_t> any_unsigned();
  result<std::int64_t> any_signed();
  result<std::string_view> any_text(std::size_t limit_bytes);
  result<bool> any_boolean();
  result<float> any_f32();
  result<byte_view> any_binary(std::size_t limit_bytes);

  /// The eight bytes at `from`, the first one highest; the caller has checked that they are there.
  static std::uint64_t high_end(const std::uint8_t* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
  }

  const std::uint8_t* step(std::size_t bytes) {
    left_ -= bytes;
    return std::exchange(at_, at_ + bytes);
  }
  result<std::uint8_t> tag();
  result<std::uint64_t> big_endian(std::size_t bytes);
  result<byte_view> take(std::uint64_t bytes);
  result<void> enter(std::uint64_t elements, const char* kind);
  result<void> skip_elements(std::uint64_t elements, const char* kind);
  error unexpected(std::uint8_t tag, const char* wanted) const;

  const std::uint8_t* at_;
  std::size_t left_;
  bounds limits_;
  std::size_t items_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace freshet::topology
