// zstd over whole buffers, bounded. Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

[[nodiscard]] result<std::vector<std::uint8_t>> zstd_pack(byte_view bytes, int level);
/// One frame that fills `frame` exactly and unpacks to exactly `size` bytes.
[[nodiscard]] result<std::vector<std::uint8_t>> zstd_unpack(byte_view frame, std::uint64_t size);

}  // namespace freshet::delta
