// Makes pixels of patches easy to compress, without loss: colours are decorrelated (red and blue
// as their difference from green), every value becomes its difference from a prediction by its left,
// upper and upper-left neighbours (the median predictor of LOCO-I, Weinberger et al. 2000), and
// the planes of all patches lie together, so that one entropy code sees values of one kind.
// A patch is [channels, height, width] of bytes, as kernels/model cuts them.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::uncertainty {

struct patch_layout {
  std::uint8_t channels = 0;  ///< 3 (red, green, blue) or 1
  std::uint8_t height = 0;
  std::uint8_t width = 0;
  [[nodiscard]] std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(channels) * height * width;
  }
};

/// The layout of a square patch of `bytes` bytes: three channels if that fits, else one; all zero
/// if neither does or the side is over 255.
patch_layout square_layout(std::size_t bytes);

/// patches: [count, channels, height, width] -> residuals: [channels, count, height, width], same
/// number of bytes. Every layout with non-zero sides is accepted; only 3 channels are decorrelated.
std::vector<std::uint8_t> to_residuals(const std::uint8_t* patches, std::size_t count, const patch_layout& layout);
/// Exactly undoes it, for any bytes.
std::vector<std::uint8_t> from_residuals(const std::uint8_t* residuals, std::size_t count, const patch_layout& layout);

}  // namespace freshet::uncertainty
