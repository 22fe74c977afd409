#include "kernels/base/host_tensor.hpp"

#include <cstring>

namespace freshet {
namespace {

template <class T>
host_tensor move_in(dtype type, std::vector<T> items, std::vector<std::int64_t> shape) {
  if (shape.empty()) shape.push_back(static_cast<std::int64_t>(items.size()));
  auto owner = std::make_shared<const std::vector<T>>(std::move(items));
  const void* data = owner->data();
  const std::size_t bytes = owner->size() * sizeof(T);
  auto made = host_tensor::adopt(type, std::move(shape), owner, data, bytes);
  FRESHET_ENSURE(made.ok(), "host_tensor::of: shape does not match the number of items");
  return std::move(made).value();
}

}  // namespace

std::size_t item_bytes(dtype type) noexcept {
  switch (type) {
    case dtype::u8:
    case dtype::i8: return 1;
    case dtype::i16:
    case dtype::f16:
    case dtype::bf16: return 2;
    case dtype::i32:
    case dtype::f32: return 4;
    case dtype::i64:
    case dtype::f64: return 8;
  }
  return 1;
}

std::string_view name(dtype type) noexcept {
  switch (type) {
    case dtype::u8: return "u8";
    case dtype::i8: return "i8";
    case dtype::i16: return "i16";
    case dtype::i32: return "i32";
    case dtype::i64: return "i64";
    case dtype::f16: return "f16";
    case dtype::bf16: return "bf16";
    case dtype::f32: return "f32";
    case dtype::f64: return "f64";
  }
  return "unknown";
}

result<std::size_t> shape_items(const std::vector<std::int64_t>& shape) {
  std::size_t n = 1;
  for (std::int64_t d : shape) {
    if (d < 0) return error{errc::shape_mismatch, "negative dimension " + std::to_string(d)};
    const auto u = static_cast<std::size_t>(d);
    if (u != 0 && n > SIZE_MAX / 16 / u) return error{errc::too_large, "shape product overflows"};
    n *= u;
  }
  return n;
}

result<host_tensor> host_tensor::adopt(dtype type, std::vector<std::int64_t> shape, std::shared_ptr<const void> owner,
                                       const void* data, std::size_t bytes) {
  FRESHET_TRY_ASSIGN(const std::size_t items, shape_items(shape));
  if (items * item_bytes(type) != bytes) {
    return error{errc::shape_mismatch, "shape needs " + std::to_string(items * item_bytes(type)) + " bytes, got " +
                                           std::to_string(bytes)};
  }
  host_tensor t;
  t.type_ = type;
  t.shape_ = std::move(shape);
  t.owner_ = std::move(owner);
  t.data_ = data;
  t.bytes_ = bytes;
  return t;
}

host_tensor host_tensor::copy_bytes(dtype type, std::vector<std::int64_t> shape, const void* items) {
  auto n = shape_items(shape);
  FRESHET_ENSURE(n.ok(), "host_tensor::copy_of: bad shape");
  const std::size_t bytes = *n * item_bytes(type);
  auto owner = std::make_shared<std::vector<std::uint8_t>>(bytes);
  if (bytes > 0) std::memcpy(owner->data(), items, bytes);
  const void* data = owner->data();
  auto made = adopt(type, std::move(shape), std::move(owner), data, bytes);
  return std::move(made).value();
}

host_tensor host_tensor::of(std::vector<std::uint8_t> items, std::vector<std::int64_t> shape) {
  return move_in(dtype::u8, std::move(items), std::move(shape));
}
host_tensor host_tensor::of(std::vector<std::int8_t> items, std::vector<std::int64_t> shape) {
  return move_in(dtype::i8, std::move(items), std::move(shape));
}
host_tensor host_tensor::of(std::vector<float> items, std::vector<std::int64_t> shape) {
  return move_in(dtype::f32, std::move(items), std::move(shape));
}

bool operator==(const host_tensor& a, const host_tensor& b) {
  return a.type_ == b.type_ && a.shape_ == b.shape_ && a.bytes_ == b.bytes_ &&
         (a.bytes_ == 0 || std::memcmp(a.data_, b.data_, a.bytes_) == 0);
}

#define FRESHET_TYPED_VIEW(T, expected)                                                       \
  template <>                                                                                 \
  const T* host_tensor::as<T>() const {                                                       \
    FRESHET_ENSURE(type_ == (expected) || bytes_ == 0, "host_tensor::as: dtype differs");     \
    return static_cast<const T*>(data_);                                                      \
  }
FRESHET_TYPED_VIEW(std::uint8_t, dtype::u8)
FRESHET_TYPED_VIEW(std::int8_t, dtype::i8)
FRESHET_TYPED_VIEW(std::int16_t, dtype::i16)
FRESHET_TYPED_VIEW(std::int32_t, dtype::i32)
FRESHET_TYPED_VIEW(std::int64_t, dtype::i64)
FRESHET_TYPED_VIEW(float, dtype::f32)
FRESHET_TYPED_VIEW(double, dtype::f64)
#undef FRESHET_TYPED_VIEW

}  // namespace freshet
