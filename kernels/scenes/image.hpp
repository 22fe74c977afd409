// A picture in memory: 8-bit RGB, interleaved, rows from top to bottom.
// Thread contract: a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::scenes {

struct image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< [height, width, 3]

  image() = default;
  image(int w, int h);

  [[nodiscard]] bool empty() const noexcept { return rgb.empty(); }
  [[nodiscard]] std::size_t pixels() const noexcept;
  /// The three channels of one pixel; the position must lie inside.
  [[nodiscard]] std::uint8_t* at(int x, int y) noexcept { return rgb.data() + offset(x, y); }
  [[nodiscard]] const std::uint8_t* at(int x, int y) const noexcept { return rgb.data() + offset(x, y); }

  friend bool operator==(const image& a, const image& b) {
    return a.width == b.width && a.height == b.height && a.rgb == b.rgb;
  }
  friend bool operator!=(const image& a, const image& b) { return !(a == b); }

 private:
  [[nodiscard]] std::size_t offset(int x, int y) const noexcept {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3;
  }
};

/// Rounds a channel value in [0, 255] and clamps what lies outside.
[[nodiscard]] inline std::uint8_t to_byte(float value) noexcept {
  if (!(value > 0.0F)) return 0;  // also catches NaN
  if (value >= 255.0F) return 255;
  return static_cast<std::uint8_t>(value + 0.5F);
}

/// Resamples to [height, width]: per axis the exact area average where it shrinks (no aliasing),
/// bilinear between pixel centres where it grows. Sides must be positive, the source not empty.
[[nodiscard]] image resize(const image& source, int width, int height);

}  // namespace freshet::scenes
