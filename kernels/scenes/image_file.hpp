// PNG and JPEG in and out. Outside bytes never end the process: both libraries' error paths are
// caught, sizes are checked before anything is allocated, and a cut file is an error.
// Thread contract: pure functions; read_image and write_png touch the one file that they name.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/scenes/image.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace freshet::scenes {

struct image_limits {
  std::uint64_t max_file_bytes = 64ULL << 20;
  std::uint64_t max_pixels = 64ULL << 20;  ///< as declared in the header
};

/// Decodes by signature. Grey, palette, 16-bit and alpha become 8-bit RGB (alpha over white).
/// Errors: truncated, corrupt, too_large, unsupported (neither PNG nor JPEG, CMYK).
[[nodiscard]] result<image> decode_image(const std::uint8_t* bytes, std::size_t size, const image_limits& limits = {});

/// decode_image of a file; errors name the path. Also not_found and io.
[[nodiscard]] result<image> read_image(const std::filesystem::path& path, const image_limits& limits = {});

/// The picture as a PNG file (lossless). The picture must not be empty.
[[nodiscard]] result<std::vector<std::uint8_t>> encode_png(const image& picture);

/// The picture as a baseline JPEG file; quality from 1 to 100, chroma halved as cameras do.
[[nodiscard]] result<std::vector<std::uint8_t>> encode_jpeg(const image& picture, int quality);

[[nodiscard]] result<void> write_png(const std::filesystem::path& path, const image& picture);

}  // namespace freshet::scenes
