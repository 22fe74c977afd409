// Writes MessagePack (by msgpack-cxx, which stays in the .cpp) into a growing block of bytes.
// Owned by one encode call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace freshet::topology {

class msgpack_writer {
 public:
  msgpack_writer() { bytes_.reserve(512); }
  void array(std::size_t elements);
  void unsigned_integer(std::uint64_t value);
  void signed_integer(std::int64_t value);
  void boolean(bool value);
  void f32(float value);
  void f64(double value);
  void text(std::string_view value);
  void binary(const void* data, std::size_t bytes);
  void nil();

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace freshet::topology
