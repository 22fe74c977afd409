#include "kernels/delta/exact.hpp"

#include "kernels/delta/compress.hpp"
#include "kernels/delta/half.hpp"

#include <algorithm>

#include "kernels/base/check.hpp"

namespace freshet::delta {
namespace {

constexpr std::uint64_t values_a_piece = std::uint64_t{1} << 18;

}  // namespace

result<void> encode_exact(const float* base, const float* values, std::uint64_t count, int zstd_level,
                          const byte_sink& sink) {
  FRESHET_TRY_ASSIGN(zstd_packer out, zstd_packer::open(4 * count, zstd_level, sink));
  std::vector<std::uint8_t> piece(static_cast<std::size_t>(std::min(count, values_a_piece)));
  for (unsigned plane = 0; plane < 4; ++plane) {
    for (std::uint64_t first = 0; first < count; first += values_a_piece) {
      const auto n = static_cast<std::size_t>(std::min(values_a_piece, count - first));
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t word = float_bits(values[first + i]) ^ float_bits(base[first + i]);
        piece[i] = static_cast<std::uint8_t>(word >> (8 * plane));
      }
      FRESHET_TRY(out.put({piece.data(), n}));
    }
  }
  return out.finish();
}

result<void> apply_exact(byte_view bytes, std::uint64_t count, float* values) {
  std::uint64_t at = 0;  // bytes of the planes
  std::uint64_t end = 4 * count;
  const auto flip = [&](byte_view piece) {
    const std::uint8_t* from = piece.data;
    for (std::uint64_t left = std::min<std::uint64_t>(piece.size, end - at); left > 0;) {
      const unsigned shift = 8 * static_cast<unsigned>(at / count);
      float* to = values + at % count;
      const std::uint64_t run = std::min(left, count - at % count);
      for (std::uint64_t i = 0; i < run; ++i) to[i] = float_of_bits(float_bits(to[i]) ^ (std::uint32_t{from[i]} << shift));
      from += run;
      at += run;
      left -= run;
    }
  };
  const result<void> done = zstd_unpack_pieces(bytes, 4 * count, flip);
  if (done || at == 0) return done;
  // What was flipped once more is as it was: the frame gives the same bytes up to where it failed.
  end = at;
  at = 0;
  const result<void> again = zstd_unpack_pieces(bytes, 4 * count, flip);
  FRESHET_ENSURE(!again.ok() && at == end, "a frame fails twice at the same place");
  return done;
}

}  // namespace freshet::delta
