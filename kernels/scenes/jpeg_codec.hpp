// JPEG by libjpeg; internal to image_file.
#pragma once

#include "kernels/scenes/image_file.hpp"

namespace freshet::scenes {

[[nodiscard]] bool is_jpeg(const std::uint8_t* bytes, std::size_t size) noexcept;
[[nodiscard]] result<image> decode_jpeg(const std::uint8_t* bytes, std::size_t size, const image_limits& limits);

}  // namespace freshet::scenes
