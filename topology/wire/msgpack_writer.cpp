#include "topology/wire/msgpack_writer.hpp"

#include "kernels/base/check.hpp"

#include <cstring>

#include <msgpack.hpp>

namespace freshet::topology {
namespace {

struct sink {
  msgpack_writer& to;
  void write(const char* data, std::size_t size) { to.append(data, size); }
};

template <class Write>
void pack(msgpack_writer& to, Write write) {
  sink out{to};
  msgpack::packer<sink> packer(out);
  write(packer);
}

template <class Bits>
void append_big_endian(msgpack_writer& to, std::uint8_t tag, Bits bits) {
  std::uint8_t raw[1 + sizeof bits] = {tag};
  for (std::size_t i = 0; i < sizeof bits; ++i) raw[1 + i] = static_cast<std::uint8_t>(bits >> (8 * (sizeof bits - 1 - i)));
  to.append(raw, sizeof raw);
}

/// Lengths are 32 bits wide in MessagePack; callers have limits far below.
std::uint32_t length(std::size_t n) {
  FRESHET_ENSURE(n <= UINT32_MAX, "msgpack_writer: a length beyond 32 bits");
  return static_cast<std::uint32_t>(n);
}

}  // namespace

void msgpack_writer::grow(std::size_t more) {
  const std::size_t room = 2 * (used_ + more);
  const std::shared_ptr<std::uint8_t[]> larger(new std::uint8_t[room]);
  std::memcpy(larger.get(), bytes_, used_);
  owner_ = larger;
  bytes_ = larger.get();
  room_ = room;
}

void msgpack_writer::long_array(std::size_t elements) {
  pack(*this, [&](auto& p) { p.pack_array(length(elements)); });
}
void msgpack_writer::long_unsigned(std::uint64_t value) {
  pack(*this, [&](auto& p) { p.pack_uint64(value); });
}
void msgpack_writer::long_signed(std::int64_t value) {
  pack(*this, [&](auto& p) { p.pack_int64(value); });
}
// Not pack_float and pack_double: msgpack-cxx writes whole numbers as integers, which loses the
// sign of -0.0 and the type of the field.
void msgpack_writer::f32(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  append_big_endian(*this, 0xca, bits);
}
void msgpack_writer::f64(double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  append_big_endian(*this, 0xcb, bits);
}
void msgpack_writer::long_text(std::string_view value) {
  pack(*this, [&](auto& p) {
    p.pack_str(length(value.size()));
    p.pack_str_body(value.data(), length(value.size()));
  });
}
void msgpack_writer::binary(const void* data, std::size_t size) {
  pack(*this, [&](auto& p) {
    p.pack_bin(length(size));
    if (size > 0) p.pack_bin_body(static_cast<const char*>(data), length(size));
  });
}

}  // namespace freshet::topology
