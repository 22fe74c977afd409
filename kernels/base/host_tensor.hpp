// A tensor as bytes in host memory, shared and immutable: what messages, codecs and files carry.
// Knows nothing of LibTorch; kernels/model/tensor_bridge converts without copying.
// Thread contract: the bytes never change after construction, so copies may be read anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet {

enum class dtype : std::uint8_t { u8 = 0, i8 = 1, i16 = 2, i32 = 3, i64 = 4, f16 = 5, bf16 = 6, f32 = 7, f64 = 8 };

[[nodiscard]] std::size_t item_bytes(dtype type) noexcept;
[[nodiscard]] std::string_view name(dtype type) noexcept;

class host_tensor {
 public:
  host_tensor() = default;

  /// Takes over memory that `owner` keeps alive. Shape product times item size must equal `bytes`.
  static result<host_tensor> adopt(dtype type, std::vector<std::int64_t> shape, std::shared_ptr<const void> owner,
                                   const void* data, std::size_t bytes);
  /// Copies `count` items into fresh memory.
  template <class T>
  static host_tensor copy_of(dtype type, std::vector<std::int64_t> shape, const T* items) {
    return copy_bytes(type, std::move(shape), items);
  }
  /// Moves a vector in; one dimension unless a shape is given.
  static host_tensor of(std::vector<std::uint8_t> items, std::vector<std::int64_t> shape = {});
  static host_tensor of(std::vector<std::int8_t> items, std::vector<std::int64_t> shape = {});
  static host_tensor of(std::vector<float> items, std::vector<std::int64_t> shape = {});

  [[nodiscard]] dtype type() const noexcept { return type_; }
  [[nodiscard]] const std::vector<std::int64_t>& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t items() const noexcept { return bytes_ / item_bytes(type_); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return static_cast<const std::uint8_t*>(data_); }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

  /// Typed view; the dtype must match T (broken invariant otherwise).
  template <class T>
  [[nodiscard]] const T* as() const;

  friend bool operator==(const host_tensor& a, const host_tensor& b);
  friend bool operator!=(const host_tensor& a, const host_tensor& b) { return !(a == b); }

 private:
  static host_tensor copy_bytes(dtype type, std::vector<std::int64_t> shape, const void* items);
  dtype type_ = dtype::u8;
  std::vector<std::int64_t> shape_;
  std::shared_ptr<const void> owner_;
  const void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

template <>
const std::uint8_t* host_tensor::as<std::uint8_t>() const;
template <>
const std::int8_t* host_tensor::as<std::int8_t>() const;
template <>
const std::int16_t* host_tensor::as<std::int16_t>() const;
template <>
const std::int32_t* host_tensor::as<std::int32_t>() const;
template <>
const std::int64_t* host_tensor::as<std::int64_t>() const;
template <>
const float* host_tensor::as<float>() const;
template <>
const double* host_tensor::as<double>() const;

/// Product of a shape, or an error when a dimension is negative or the product overflows.
result<std::size_t> shape_items(const std::vector<std::int64_t>& shape);

}  // namespace freshet
