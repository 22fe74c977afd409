// The fields of a protobuf message one after another, without a schema; every length is checked.
// Thread contract: a plain value that refers to bytes of its maker.
#pragma once

#include "kernels/base/result.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace freshet::model {

struct protobuf_field {
  std::uint32_t number = 0;
  std::uint32_t wire = 0;      ///< 0 varint, 1 fixed 64, 2 bytes, 5 fixed 32
  std::uint64_t value = 0;     ///< of all but bytes
  std::string_view bytes;

  [[nodiscard]] float real() const {
    float out = 0;
    const auto bits = static_cast<std::uint32_t>(value);
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
};

class protobuf_fields {
 public:
  protobuf_fields(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}
  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
  result<protobuf_field> next();

 private:
  result<std::uint64_t> varint();
  [[nodiscard]] error broken(errc code, const std::string& what) const {
    return error{code, origin_ + ": byte " + std::to_string(at_) + " of a message: " + what};
  }

  std::string_view bytes_;
  const std::string& origin_;
  std::size_t at_ = 0;
};

}  // namespace freshet::model
