// Room for bytes that are worked on: memory for few, a scratch file for many, so that artefacts and values may be larger
// than memory. Without a folder everything is memory. Thread contract: one owner.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"
#include "kernels/model/scratch_file.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace freshet::actors {

inline constexpr std::size_t memory_up_to_bytes = std::size_t{8} << 20;

class workspace {
 public:
  /// `bytes` > 0 of it, to be filled by the caller. An error when the disk has no room.
  static result<workspace> of(std::size_t bytes, const std::filesystem::path& scratch);
  [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Shares the room; nobody writes from then on.
  [[nodiscard]] host_tensor as_tensor(dtype type) const;

 private:
  std::shared_ptr<void> owner_;
  std::uint8_t* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Bytes that come one after the other.
class written_bytes {
 public:
  /// About so many will come.
  static result<written_bytes> begin(std::size_t about, const std::filesystem::path& scratch);
  result<void> append(delta::byte_view piece);
  result<void> overwrite(std::size_t at, delta::byte_view piece);
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// All so far, until more comes.
  result<delta::byte_view> view();
  /// u8; nothing may come after.
  result<host_tensor> take();

 private:
  std::vector<std::uint8_t> memory_;
  std::shared_ptr<model::scratch_file> file_;
};

/// Few bytes as a copy in memory; many stay where they are mapped.
[[nodiscard]] host_tensor settled(const host_tensor& mapped);

}  // namespace freshet::actors
