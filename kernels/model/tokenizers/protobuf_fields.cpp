#include "kernels/model/tokenizers/protobuf_fields.hpp"

namespace freshet::model {

result<std::uint64_t> protobuf_fields::varint() {
  std::uint64_t out = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ >= bytes_.size()) return broken(errc::truncated, "a number breaks off");
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return out;
  }
  return broken(errc::corrupt, "a number is longer than 64 bits");
}

result<protobuf_field> protobuf_fields::next() {
  FRESHET_TRY_ASSIGN(const std::uint64_t tag, varint());
  protobuf_field field;
  field.wire = static_cast<std::uint32_t>(tag & 7);
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return broken(errc::corrupt, "no field has such a number");
  field.number = static_cast<std::uint32_t>(tag >> 3);
  std::uint64_t length = 0;
  switch (field.wire) {
    case 0: {
      FRESHET_TRY_ASSIGN(field.value, varint());
      return field;
    }
    case 1: length = 8; break;
    case 2: {
      FRESHET_TRY_ASSIGN(length, varint());
      break;
    }
    case 5: length = 4; break;
    default: return broken(errc::corrupt, "wire type " + std::to_string(field.wire) + " is none of 0, 1, 2 and 5");
  }
  if (length > bytes_.size() - at_) {
    return broken(errc::truncated, "a field claims " + std::to_string(length) + " bytes, " +
                                       std::to_string(bytes_.size() - at_) + " follow");
  }
  field.bytes = bytes_.substr(at_, static_cast<std::size_t>(length));
  at_ += static_cast<std::size_t>(length);
  if (field.wire != 2) std::memcpy(&field.value, field.bytes.data(), static_cast<std::size_t>(length));
  return field;
}

}  // namespace freshet::model
