#include "topology/wire/msgpack_reader.hpp"

#include <cstring>
#include <string>

namespace freshet::topology {
namespace {

// Tags of the MessagePack specification that stand alone.
namespace tags {
constexpr std::uint8_t nil = 0xc0, never = 0xc1, no = 0xc2, yes = 0xc3;
constexpr std::uint8_t bin8 = 0xc4, bin32 = 0xc6, ext8 = 0xc7, ext32 = 0xc9;
constexpr std::uint8_t float32 = 0xca, float64 = 0xcb;
constexpr std::uint8_t uint8 = 0xcc, uint64 = 0xcf, int8 = 0xd0, int64 = 0xd3;
constexpr std::uint8_t fixext1 = 0xd4, fixext16 = 0xd8;
constexpr std::uint8_t str8 = 0xd9, str32 = 0xdb, array16 = 0xdc, array32 = 0xdd, map16 = 0xde, map32 = 0xdf;
}  // namespace tags

constexpr bool is_positive_fixint(std::uint8_t t) { return t <= 0x7f; }
constexpr bool is_fixmap(std::uint8_t t) { return (t & 0xf0U) == 0x80; }
constexpr bool is_fixarray(std::uint8_t t) { return (t & 0xf0U) == 0x90; }
constexpr bool is_fixstr(std::uint8_t t) { return (t & 0xe0U) == 0xa0; }
constexpr bool is_negative_fixint(std::uint8_t t) { return t >= 0xe0; }
constexpr bool within(std::uint8_t t, std::uint8_t first, std::uint8_t last) { return t >= first && t <= last; }

/// Bytes of a length or number whose tags come in order of size: 1, 2, 4, 8.
constexpr std::size_t width(std::uint8_t t, std::uint8_t first) { return std::size_t{1} << (t - first); }

std::int64_t sign_extend(std::uint64_t raw, std::size_t bytes) {
  switch (bytes) {
    case 1:
      return static_cast<std::int8_t>(raw);
    case 2:
      return static_cast<std::int16_t>(raw);
    case 4:
      return static_cast<std::int32_t>(raw);
    default:
      return static_cast<std::int64_t>(raw);
  }
}

error too_long(const char* kind, std::uint64_t bytes, std::size_t limit) {
  return {errc::too_large, std::string(": ") + kind + " of " + std::to_string(bytes) + " bytes, at most " +
                               std::to_string(limit) + " are taken"};
}

}  // namespace

error msgpack_reader::unexpected(std::uint8_t t, const char* wanted) const {
  constexpr char digits[] = "0123456789abcdef";
  std::string context = ": expected ";
  context += wanted;
  context += ", found tag 0x";
  context += digits[t >> 4U];
  context += digits[t & 0xfU];
  return {errc::corrupt, std::move(context)};
}

result<byte_view> msgpack_reader::take(std::uint64_t bytes) {
  if (bytes > left_) {
    return error{errc::truncated,
                 ": " + std::to_string(bytes) + " bytes are announced, " + std::to_string(left_) + " are left"};
  }
  const byte_view taken{at_, static_cast<std::size_t>(bytes)};
  at_ += taken.size;
  left_ -= taken.size;
  return taken;
}

result<std::uint8_t> msgpack_reader::tag() {
  FRESHET_TRY_ASSIGN(const byte_view one, take(1));
  return one.data[0];
}

result<std::uint64_t> msgpack_reader::big_endian(std::size_t bytes) {
  FRESHET_TRY_ASSIGN(const byte_view raw, take(bytes));
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = (value << 8U) | raw.data[i];
  return value;
}

result<void> msgpack_reader::enter(std::uint64_t elements, const char* kind) {
  if (elements > left_) {
    return error{errc::truncated, std::string(": ") + kind + " of " + std::to_string(elements) + " elements in " +
                                      std::to_string(left_) + " bytes"};
  }
  if (elements > limits_.items - items_) {
    return error{errc::too_large, std::string(": ") + kind + " of " + std::to_string(elements) +
                                      " elements, the whole may have " + std::to_string(limits_.items)};
  }
  if (depth_ == limits_.depth) {
    return error{errc::too_large, ": nested deeper than " + std::to_string(limits_.depth)};
  }
  items_ += static_cast<std::size_t>(elements);
  ++depth_;
  return {};
}

result<std::size_t> msgpack_reader::any_array() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  std::uint64_t elements = t & 0x0fU;
  if (within(t, tags::array16, tags::array32)) {
    FRESHET_TRY_ASSIGN(elements, big_endian(t == tags::array16 ? 2 : 4));
  } else if (!is_fixarray(t)) {
    return unexpected(t, "an array");
  }
  FRESHET_TRY(enter(elements, "array"));
  return static_cast<std::size_t>(elements);
}

result<std::uint64_t> msgpack_reader::any_unsigned() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (is_positive_fixint(t)) return std::uint64_t{t};
  if (within(t, tags::uint8, tags::uint64)) return big_endian(width(t, tags::uint8));
  if (within(t, tags::int8, tags::int64)) {
    const std::size_t bytes = width(t, tags::int8);
    FRESHET_TRY_ASSIGN(const std::uint64_t raw, big_endian(bytes));
    const std::int64_t value = sign_extend(raw, bytes);
    if (value >= 0) return static_cast<std::uint64_t>(value);
    return error{errc::corrupt, ": " + std::to_string(value) + " where no sign is allowed"};
  }
  return unexpected(t, "an unsigned integer");
}

result<std::int64_t> msgpack_reader::any_signed() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (is_positive_fixint(t)) return std::int64_t{t};
  if (is_negative_fixint(t)) return std::int64_t{static_cast<std::int8_t>(t)};
  if (within(t, tags::int8, tags::int64)) {
    const std::size_t bytes = width(t, tags::int8);
    FRESHET_TRY_ASSIGN(const std::uint64_t raw, big_endian(bytes));
    return sign_extend(raw, bytes);
  }
  if (within(t, tags::uint8, tags::uint64)) {
    FRESHET_TRY_ASSIGN(const std::uint64_t raw, big_endian(width(t, tags::uint8)));
    if (raw <= static_cast<std::uint64_t>(INT64_MAX)) return static_cast<std::int64_t>(raw);
    return error{errc::corrupt, ": " + std::to_string(raw) + " does not fit into 64 bits with sign"};
  }
  return unexpected(t, "an integer");
}

result<bool> msgpack_reader::any_boolean() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (t == tags::yes) return true;
  if (t == tags::no) return false;
  return unexpected(t, "true or false");
}

result<float> msgpack_reader::any_f32() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (t != tags::float32) return unexpected(t, "a 32-bit float");
  FRESHET_TRY_ASSIGN(const std::uint64_t raw, big_endian(4));
  const auto bits = static_cast<std::uint32_t>(raw);
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

result<double> msgpack_reader::f64() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (t != tags::float64) return unexpected(t, "a 64-bit float");
  FRESHET_TRY_ASSIGN(const std::uint64_t bits, big_endian(8));
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

result<std::string_view> msgpack_reader::any_text(std::size_t limit_bytes) {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  std::uint64_t bytes = t & 0x1fU;
  if (within(t, tags::str8, tags::str32)) {
    FRESHET_TRY_ASSIGN(bytes, big_endian(width(t, tags::str8)));
  } else if (!is_fixstr(t)) {
    return unexpected(t, "text");
  }
  if (bytes > limit_bytes) return too_long("text", bytes, limit_bytes);
  FRESHET_TRY_ASSIGN(const byte_view raw, take(bytes));
  return std::string_view(reinterpret_cast<const char*>(raw.data), raw.size);
}

result<byte_view> msgpack_reader::any_binary(std::size_t limit_bytes) {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (!within(t, tags::bin8, tags::bin32)) return unexpected(t, "binary");
  FRESHET_TRY_ASSIGN(const std::uint64_t bytes, big_endian(width(t, tags::bin8)));
  if (bytes > limit_bytes) return too_long("binary", bytes, limit_bytes);
  return take(bytes);
}

bool msgpack_reader::nil() {
  if (left_ == 0 || *at_ != tags::nil) return false;
  ++at_;
  --left_;
  return true;
}

result<void> msgpack_reader::skip_elements(std::uint64_t elements, const char* kind) {
  FRESHET_TRY(enter(elements, kind));
  for (std::uint64_t i = 0; i < elements; ++i) FRESHET_TRY(skip());
  leave();
  return {};
}

result<void> msgpack_reader::skip() {
  FRESHET_TRY_ASSIGN(const std::uint8_t t, tag());
  if (is_positive_fixint(t) || is_negative_fixint(t) || t == tags::nil || t == tags::no || t == tags::yes) return {};
  if (t == tags::never) return unexpected(t, "a value");
  if (is_fixarray(t)) return skip_elements(t & 0x0fU, "array");
  if (is_fixmap(t)) return skip_elements(2 * (t & 0x0fU), "map");

  std::uint64_t payload = 0;
  if (is_fixstr(t)) {
    payload = t & 0x1fU;
  } else if (within(t, tags::str8, tags::str32)) {
    FRESHET_TRY_ASSIGN(payload, big_endian(width(t, tags::str8)));
  } else if (within(t, tags::bin8, tags::bin32)) {
    FRESHET_TRY_ASSIGN(payload, big_endian(width(t, tags::bin8)));
  } else if (within(t, tags::ext8, tags::ext32)) {
    FRESHET_TRY_ASSIGN(payload, big_endian(width(t, tags::ext8)));
    ++payload;  // the extension's type
  } else if (within(t, tags::fixext1, tags::fixext16)) {
    payload = 1 + width(t, tags::fixext1);
  } else if (t == tags::float32 || t == tags::float64) {
    payload = t == tags::float32 ? 4 : 8;
  } else if (within(t, tags::uint8, tags::uint64)) {
    payload = width(t, tags::uint8);
  } else if (within(t, tags::int8, tags::int64)) {
    payload = width(t, tags::int8);
  } else {
    const bool map = within(t, tags::map16, tags::map32);
    FRESHET_TRY_ASSIGN(const std::uint64_t elements, big_endian(t == tags::array16 || t == tags::map16 ? 2 : 4));
    return skip_elements(map ? 2 * elements : elements, map ? "map" : "array");
  }
  FRESHET_TRY(take(payload));
  return {};
}

}  // namespace freshet::topology
