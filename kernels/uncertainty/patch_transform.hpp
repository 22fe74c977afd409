// The rotation under patch_dct: a patch of bytes [C, N, N] as orthonormal DCT-II coefficients over colours
// and pixels, and the order in which they are gone through. Being a rotation, it keeps errors as large as
// they are.
// Thread contract: one owner (it keeps scratch memory).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/uncertainty/patch_predictor.hpp"

namespace freshet::uncertainty {

class patch_transform {
 public:
  static constexpr std::size_t most_channels = 3;
  static constexpr std::size_t bands = 16;

  /// Square, at most three channels.
  explicit patch_transform(const patch_layout& layout);

  /// Bytes [C, N, N] -> coefficients [C, N, N].
  void forward(const std::uint8_t* patch, float* coefficients);
  /// And back, rounded and clamped to bytes.
  void backward(const float* coefficients, std::uint8_t* patch);

  struct place {
    std::size_t at;        ///< row-major in the plane of a channel
    std::size_t diagonal;  ///< row + column: how high the frequency
  };
  std::size_t channels;
  std::size_t side;
  std::size_t area;
  std::vector<place> scan;  ///< all but the mean, low frequencies first

  /// Noise is put back from this diagonal on: below lies what shapes are made of.
  [[nodiscard]] std::size_t noise_from() const { return (side * 3 + 7) / 8; }
  [[nodiscard]] std::size_t band(std::size_t diagonal) const {
    return std::min(bands - 1, side <= 8 ? diagonal : diagonal * (bands - 2) / (2 * side - 2));
  }

 private:
  std::vector<float> basis_;       ///< [frequency, point]
  std::vector<float> transposed_;  ///< [point, frequency]
  std::vector<float> colours_;
  std::vector<float> scratch_;
};

}  // namespace freshet::uncertainty
