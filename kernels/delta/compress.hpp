// zstd over whole buffers, or piece by piece; bounded. Thread contract: plain functions, and objects of one owner.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/byte_sink.hpp"
#include "kernels/delta/bytes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace freshet::delta {

[[nodiscard]] result<std::vector<std::uint8_t>> zstd_pack(byte_view bytes, int level);
/// One frame that fills `frame` exactly and unpacks to exactly `size` bytes.
[[nodiscard]] result<std::vector<std::uint8_t>> zstd_unpack(byte_view frame, std::uint64_t size);

/// One frame of bytes that come in pieces. Holds its window, not the frame.
class zstd_packer {
 public:
  /// `size` bytes will come.
  static result<zstd_packer> open(std::uint64_t size, int level, byte_sink sink);
  zstd_packer(zstd_packer&&) noexcept;
  zstd_packer& operator=(zstd_packer&&) noexcept;
  ~zstd_packer();

  [[nodiscard]] result<void> put(byte_view piece);
  /// After the last piece.
  [[nodiscard]] result<void> finish();

 private:
  struct state;
  explicit zstd_packer(std::unique_ptr<state> s);
  result<void> turn(byte_view piece, bool last);
  std::unique_ptr<state> state_;
};

/// Gives the frame's content to `take` in order; same checks as zstd_unpack. An error may come after pieces were given.
[[nodiscard]] result<void> zstd_unpack_pieces(byte_view frame, std::uint64_t size,
                                              const std::function<void(byte_view)>& take);

}  // namespace freshet::delta
