// Bytes in memory that somebody keeps alive: a frame of a message, a part of a larger block. Shared and immutable,
// without the shape that a tensor has, so that making one allocates nothing.
// Thread contract: the bytes never change after construction, so copies may be read anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/base/host_tensor.hpp"

namespace freshet {

class shared_bytes {
 public:
  shared_bytes() = default;
  shared_bytes(std::shared_ptr<const void> owner, const void* data, std::size_t bytes)
      : owner_(std::move(owner)), data_(static_cast<const std::uint8_t*>(data)), bytes_(bytes) {}
  /// What lies in a tensor, whatever its shape.
  shared_bytes(const host_tensor& t) : shared_bytes(t.owner(), t.data(), t.bytes()) {}  // NOLINT: implicit by intent
  static shared_bytes of(std::vector<std::uint8_t> items) {
    auto owner = std::make_shared<const std::vector<std::uint8_t>>(std::move(items));
    const void* data = owner->data();
    const std::size_t bytes = owner->size();
    return {std::move(owner), data, bytes};
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return owner_; }
  /// `bytes` from `at` on, kept alive by the same owner. The part must lie within (the caller has checked).
  [[nodiscard]] shared_bytes part(std::size_t at, std::size_t bytes) const { return {owner_, data_ + at, bytes}; }

  friend bool operator==(const shared_bytes& a, const shared_bytes& b) {
    return a.bytes_ == b.bytes_ && (a.bytes_ == 0 || std::memcmp(a.data_, b.data_, a.bytes_) == 0);
  }
  friend bool operator!=(const shared_bytes& a, const shared_bytes& b) { return !(a == b); }

 private:
  std::shared_ptr<const void> owner_;
  const std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace freshet
