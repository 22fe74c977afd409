// Pictures to what a vision tower reads, as the image processors of published models do it with Pillow:
// CLIPImageProcessor, SiglipImageProcessor, LlavaImageProcessor (pads to a square), Idefics3ImageProcessor and
// SmolVLMImageProcessor (one square, or tiles and a whole), Qwen2VLImageProcessor (patches in merge order).
// The *Fast classes, which differ from these by at most one of 256 levels, are read as their Pillow kin.
// Values: f32((u8 · rescale_factor) as f32 − mean) / deviation, each step rounded as numpy rounds it.
// Thread contract: immutable; use from anywhere.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"
#include "kernels/model/pil_resize.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace freshet::model {

enum class processor_kind : std::uint8_t { clip, siglip, llava_pad, idefics3, qwen2_vl };

/// preprocessor_config.json, checked. Sides in pixels.
struct image_processor_config {
  processor_kind kind = processor_kind::clip;
  bool resize = true;
  bool crop = true;                 ///< to crop_height × crop_width, around the centre
  bool rescale = true;
  bool normalize = true;
  bool split = false;               ///< idefics3: tiles of max_side before the whole picture
  resample_filter resample = resample_filter::bicubic;
  std::int64_t shortest_edge = 0;   ///< clip: the shorter side becomes this, or 0 for height × width
  std::int64_t longest_edge = 0;    ///< idefics3: the longer side becomes this
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t crop_height = 0;
  std::int64_t crop_width = 0;
  std::int64_t max_side = 0;        ///< idefics3: side of each picture that the tower reads
  std::int64_t min_pixels = 0;      ///< qwen2_vl
  std::int64_t max_pixels = 0;
  std::int64_t patch = 0;
  std::int64_t temporal_patch = 0;  ///< frames a patch spans; one picture fills them all
  std::int64_t merge = 0;           ///< patches a side that become one token
  double rescale_factor = 1.0 / 255.0;
  std::array<double, 3> mean{};
  std::array<double, 3> deviation{};
};

struct processed_picture {
  /// f32. clip, siglip, llava_pad: [1, 3, height, width]. idefics3: [pictures, 3, max_side, max_side], tiles row
  /// by row and then the whole; all of their pixels count. qwen2_vl: [patches, 3 · temporal · patch²].
  host_tensor pixels;
  std::int64_t rows = 0;     ///< idefics3: tiles, 0 where the picture was not split; qwen2_vl: patches down
  std::int64_t columns = 0;  ///< and across
};

/// `origin` stands first; all problems in one errc::config error; errc::unsupported for another processor.
result<image_processor_config> parse_image_processor(std::string_view text, const std::string& origin);
/// preprocessor_config.json of a model folder.
result<image_processor_config> load_image_processor(const std::filesystem::path& folder);

/// errc::invalid_argument for pictures without pixels, with a side past 32,768, or (qwen2_vl) 200 times as long
/// as wide.
result<processed_picture> process_picture(const image_processor_config& config, const rgb_picture& picture);

/// The one picture of side × side that a device cuts into cells, still in 8 bits: as process_picture makes it without
/// tiles; qwen2_vl squeezes it to the square. errc::shape_mismatch where the file's sizes give another picture.
result<rgb_picture> square_picture(const image_processor_config& config, const rgb_picture& picture, std::int64_t side);

}  // namespace freshet::model
