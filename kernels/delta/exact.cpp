#include "kernels/delta/exact.hpp"

#include "kernels/delta/compress.hpp"
#include "kernels/delta/half.hpp"

namespace freshet::delta {

result<std::vector<std::uint8_t>> encode_exact(const float* base, const float* values, std::uint64_t count,
                                               int zstd_level) {
  const std::size_t n = static_cast<std::size_t>(count);
  std::vector<std::uint8_t> planes(4 * n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t word = float_bits(values[i]) ^ float_bits(base[i]);
    for (std::size_t plane = 0; plane < 4; ++plane) {
      planes[plane * n + i] = static_cast<std::uint8_t>(word >> (8 * plane));
    }
  }
  return zstd_pack(planes, zstd_level);
}

result<void> apply_exact(byte_view bytes, std::uint64_t count, float* values) {
  FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> planes, zstd_unpack(bytes, 4 * count));
  const std::size_t n = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t word = 0;
    for (std::size_t plane = 0; plane < 4; ++plane) word |= std::uint32_t{planes[plane * n + i]} << (8 * plane);
    values[i] = float_of_bits(float_bits(values[i]) ^ word);
  }
  return {};
}

}  // namespace freshet::delta
