// Pictures resized as Pillow resizes them, bit for bit: image processors of published models were run with it.
// Method (Pillow's libImaging/Resample.c): antialiasing by a filter of support r · max(scale, 1), weights in
// double precision, rounded to 22 fractional bits, rows first, 8 bits between the two passes.
// Thread contract: free functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace freshet::model {

/// Pillow's numbers, as `resample` has them in preprocessor_config.json.
enum class resample_filter : std::uint8_t { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

[[nodiscard]] std::optional<resample_filter> resample_filter_of(std::int64_t number);

/// RGB, u8 [height, width, 3].
struct rgb_picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> rgb;
};

/// Sides from 1 on; a picture of that size already comes back unchanged.
[[nodiscard]] rgb_picture pil_resize(const rgb_picture& from, std::int64_t height, std::int64_t width,
                                     resample_filter filter);

}  // namespace freshet::model
