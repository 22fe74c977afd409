#include "kernels/model/image_processor.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace freshet::model {
namespace {

constexpr std::int64_t most_side = 32'768;
constexpr std::int64_t most_resized_side = 65'536;
constexpr std::int64_t most_resized_pixels = std::int64_t{1} << 27;
constexpr std::int64_t longest_ever = 4096;   // Idefics3's MAX_IMAGE_SIZE
constexpr double most_elongated = 200;        // Qwen2-VL's MAX_RATIO

struct sides {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

result<rgb_picture> resized(const rgb_picture& from, sides to, resample_filter filter) {
  if (to.height < 1 || to.width < 1 || to.height > most_resized_side || to.width > most_resized_side ||
      to.height * to.width > most_resized_pixels || from.height * to.width > most_resized_pixels) {
    return error{errc::invalid_argument, "a picture of " + std::to_string(from.width) + " x " + std::to_string(from.height) +
                                             " would become " + std::to_string(to.width) + " x " + std::to_string(to.height) +
                                             "; it is too long for its width"};
  }
  return pil_resize(from, to.height, to.width, filter);
}

/// Rows and columns from (top, left) on; what lies outside of the picture is black.
rgb_picture cut(const rgb_picture& from, std::int64_t top, std::int64_t left, sides size) {
  rgb_picture out{size.height, size.width, std::vector<std::uint8_t>(static_cast<std::size_t>(size.height * size.width * 3))};
  const std::int64_t first = std::max<std::int64_t>(0, -left);
  const std::int64_t end = std::min(size.width, from.width - left);
  if (first >= end) return out;
  for (std::int64_t y = 0; y < size.height; ++y) {
    if (y + top < 0 || y + top >= from.height) continue;
    const std::uint8_t* row = from.rgb.data() + ((y + top) * from.width + left + first) * 3;
    std::copy(row, row + (end - first) * 3, out.rgb.data() + (y * size.width + first) * 3);
  }
  return out;
}

std::int64_t half_down(std::int64_t value) { return value >= 0 ? value / 2 : -((1 - value) / 2); }

/// A picture smaller than the crop lies in the middle of black, the odd pixel before it.
rgb_picture cropped(const rgb_picture& from, sides size) {
  return cut(from, half_down(from.height - size.height), half_down(from.width - size.width), size);
}

/// Padded to a square in the colour of the mean.
rgb_picture squared(const rgb_picture& from, const std::array<double, 3>& mean) {
  if (from.height == from.width) return from;
  const std::int64_t side = std::max(from.height, from.width);
  rgb_picture out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3))};
  for (std::size_t i = 0; i < out.rgb.size(); ++i) {
    out.rgb[i] = static_cast<std::uint8_t>(std::clamp(static_cast<int>(mean[i % 3] * 255), 0, 255));
  }
  const std::int64_t top = (side - from.height) / 2;
  const std::int64_t left = (side - from.width) / 2;
  for (std::int64_t y = 0; y < from.height; ++y) {
    const std::uint8_t* row = from.rgb.data() + y * from.width * 3;
    std::copy(row, row + from.width * 3, out.rgb.data() + ((y + top) * side + left) * 3);
  }
  return out;
}

/// The value of each level of each channel.
struct level_table {
  std::array<std::array<float, 256>, 3> value{};
  explicit level_table(const image_processor_config& config) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t level = 0; level < 256; ++level) {
        float v = static_cast<float>(level);
        if (config.rescale) v = static_cast<float>(static_cast<double>(level) * config.rescale_factor);
        if (config.normalize) v = (v - static_cast<float>(config.mean[c])) / static_cast<float>(config.deviation[c]);
        value[c][level] = v;
      }
    }
  }
};

/// Appends [3, height, width].
void put_planes(const rgb_picture& picture, const level_table& levels, std::vector<float>& out) {
  const auto pixels = static_cast<std::size_t>(picture.height * picture.width);
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < pixels; ++i) out.push_back(levels.value[c][picture.rgb[i * 3 + c]]);
  }
}

/// The picture in 8 bits, as it is before its levels become values.
result<rgb_picture> sized_single(const image_processor_config& config, const rgb_picture& picture) {
  rgb_picture now = config.kind == processor_kind::llava_pad ? squared(picture, config.mean) : picture;
  if (config.resize) {
    sides to{config.height, config.width};
    if (config.shortest_edge > 0) {
      const std::int64_t shorter = std::min(now.height, now.width);
      const std::int64_t longer = config.shortest_edge * std::max(now.height, now.width) / shorter;
      to = now.width <= now.height ? sides{longer, config.shortest_edge} : sides{config.shortest_edge, longer};
    }
    FRESHET_TRY_ASSIGN(now, resized(now, to, config.resample));
  }
  if (config.crop) now = cropped(now, {config.crop_height, config.crop_width});
  return now;
}

result<processed_picture> process_single(const image_processor_config& config, const rgb_picture& picture) {
  FRESHET_TRY_ASSIGN(const rgb_picture now, sized_single(config, picture));
  std::vector<float> values;
  put_planes(now, level_table(config), values);
  return processed_picture{host_tensor::of(std::move(values), {1, 3, now.height, now.width}), 0, 0};
}

std::int64_t scaled(std::int64_t side, double ratio) { return static_cast<std::int64_t>(static_cast<double>(side) / ratio); }
std::int64_t stretched(std::int64_t side, double ratio) { return static_cast<std::int64_t>(static_cast<double>(side) * ratio); }
std::int64_t up_to_multiple(std::int64_t side, std::int64_t of) { return (side + of - 1) / of * of; }

/// The longer side becomes `longest`, the other an even number; then both are kept below 4096.
sides longest_edge_sides(const rgb_picture& p, std::int64_t longest) {
  double ratio = static_cast<double>(p.width) / static_cast<double>(p.height);
  sides out;
  if (p.width >= p.height) {
    out = {scaled(longest, ratio), longest};
    out.height += out.height % 2;
  } else {
    out = {longest, stretched(longest, ratio)};
    out.width += out.width % 2;
  }
  out = {std::max<std::int64_t>(out.height, 1), std::max<std::int64_t>(out.width, 1)};
  ratio = static_cast<double>(out.width) / static_cast<double>(out.height);
  if (out.width >= out.height && out.width > longest_ever) {
    out = {scaled(longest_ever, ratio), longest_ever};
  } else if (out.height > out.width && out.height > longest_ever) {
    out = {longest_ever, stretched(longest_ever, ratio)};
  }
  return {std::max<std::int64_t>(out.height, 1), std::max<std::int64_t>(out.width, 1)};
}

/// Both sides to multiples of `side`, whatever becomes of the ratio.
sides tiled_sides(const rgb_picture& p, std::int64_t side) {
  const double ratio = static_cast<double>(p.width) / static_cast<double>(p.height);
  if (p.width >= p.height) {
    const std::int64_t width = up_to_multiple(p.width, side);
    return {up_to_multiple(scaled(width, ratio), side), width};
  }
  const std::int64_t height = up_to_multiple(p.height, side);
  return {height, up_to_multiple(stretched(height, ratio), side)};
}

result<processed_picture> process_idefics3(const image_processor_config& config, const rgb_picture& picture) {
  rgb_picture now = picture;
  if (config.resize) {
    FRESHET_TRY_ASSIGN(now, resized(now, longest_edge_sides(now, config.longest_edge), config.resample));
  }
  const std::int64_t side = config.max_side;
  const level_table levels(config);
  processed_picture out;
  std::vector<float> values;
  std::int64_t pictures = 1;
  if (config.split) {
    FRESHET_TRY_ASSIGN(now, resized(now, tiled_sides(now, side), config.resample));
    if (now.height > side || now.width > side) {
      out.rows = now.height / side;
      out.columns = now.width / side;
      pictures += out.rows * out.columns;
      for (std::int64_t r = 0; r < out.rows; ++r) {
        for (std::int64_t c = 0; c < out.columns; ++c) put_planes(cut(now, r * side, c * side, {side, side}), levels, values);
      }
    }
  }
  FRESHET_TRY_ASSIGN(now, resized(now, {side, side}, config.resample));
  put_planes(now, levels, values);
  out.pixels = host_tensor::of(std::move(values), {pictures, 3, side, side});
  return out;
}

/// Sides to multiples of `factor`, near to the picture's, within the range of pixels (Qwen2-VL's smart_resize).
sides smart_sides(const rgb_picture& p, std::int64_t factor, std::int64_t least, std::int64_t most) {
  const auto h = static_cast<double>(p.height);
  const auto w = static_cast<double>(p.width);
  const auto f = static_cast<double>(factor);
  const auto to = [&](double parts) { return static_cast<std::int64_t>(parts) * factor; };
  sides out{to(std::nearbyint(h / f)), to(std::nearbyint(w / f))};   // halves to even, as Python's round
  if (out.height * out.width > most) {
    const double beta = std::sqrt(h * w / static_cast<double>(most));
    return {std::max(factor, to(std::floor(h / beta / f))), std::max(factor, to(std::floor(w / beta / f)))};
  }
  if (out.height * out.width < least) {
    const double beta = std::sqrt(static_cast<double>(least) / (h * w));
    return {to(std::ceil(h * beta / f)), to(std::ceil(w * beta / f))};
  }
  return out;
}

result<processed_picture> process_qwen2_vl(const image_processor_config& config, const rgb_picture& picture) {
  const std::int64_t factor = config.patch * config.merge;
  const auto longer = static_cast<double>(std::max(picture.height, picture.width));
  const auto shorter = static_cast<double>(std::min(picture.height, picture.width));
  if (longer / shorter > most_elongated) {
    return error{errc::invalid_argument, "a picture of " + std::to_string(picture.width) + " x " +
                                             std::to_string(picture.height) + ": one side may be 200 times the other at most"};
  }
  rgb_picture now = picture;
  if (config.resize) {
    FRESHET_TRY_ASSIGN(now, resized(now, smart_sides(now, factor, config.min_pixels, config.max_pixels), config.resample));
  }
  if (now.height % factor != 0 || now.width % factor != 0) {
    return error{errc::invalid_argument, "a picture of " + std::to_string(now.width) + " x " + std::to_string(now.height) +
                                             ": without do_resize its sides must be multiples of " + std::to_string(factor)};
  }
  const level_table levels(config);
  processed_picture out;
  out.rows = now.height / config.patch;
  out.columns = now.width / config.patch;
  const std::int64_t patch_values = 3 * config.temporal_patch * config.patch * config.patch;
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(out.rows * out.columns * patch_values));
  const auto put_patch = [&](std::int64_t row, std::int64_t column) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::int64_t t = 0; t < config.temporal_patch; ++t) {
        for (std::int64_t y = 0; y < config.patch; ++y) {
          const std::int64_t at = ((row * config.patch + y) * now.width + column * config.patch) * 3;
          for (std::int64_t x = 0; x < config.patch; ++x) {
            values.push_back(levels.value[c][now.rgb[static_cast<std::size_t>(at + x * 3) + c]]);
          }
        }
      }
    }
  };
  // Blocks of merge × merge patches, row by row, and within a block again row by row.
  for (std::int64_t r = 0; r < out.rows; r += config.merge) {
    for (std::int64_t c = 0; c < out.columns; c += config.merge) {
      for (std::int64_t i = 0; i < config.merge * config.merge; ++i) put_patch(r + i / config.merge, c + i % config.merge);
    }
  }
  out.pixels = host_tensor::of(std::move(values), {out.rows * out.columns, patch_values});
  return out;
}

result<void> check_picture(const rgb_picture& picture) {
  if (picture.height >= 1 && picture.width >= 1 && picture.height <= most_side && picture.width <= most_side &&
      picture.rgb.size() == static_cast<std::size_t>(picture.height * picture.width * 3)) {
    return {};
  }
  return error{errc::invalid_argument, "a picture of " + std::to_string(picture.width) + " x " +
                                           std::to_string(picture.height) + " with " + std::to_string(picture.rgb.size()) +
                                           " bytes: sides of 1 to 32768 and 3 bytes a pixel are right"};
}

}  // namespace

result<processed_picture> process_picture(const image_processor_config& config, const rgb_picture& picture) {
  FRESHET_TRY(check_picture(picture));
  switch (config.kind) {
    case processor_kind::idefics3: return process_idefics3(config, picture);
    case processor_kind::qwen2_vl: return process_qwen2_vl(config, picture);
    default: return process_single(config, picture);
  }
}

result<rgb_picture> square_picture(const image_processor_config& config, const rgb_picture& picture, std::int64_t side) {
  FRESHET_TRY(check_picture(picture));
  rgb_picture now = picture;
  if (config.kind == processor_kind::idefics3) {
    if (config.resize) {
      FRESHET_TRY_ASSIGN(now, resized(now, longest_edge_sides(now, config.longest_edge), config.resample));
    }
    return resized(now, {side, side}, config.resample);
  }
  if (config.kind == processor_kind::qwen2_vl) return resized(now, {side, side}, config.resample);
  FRESHET_TRY_ASSIGN(now, sized_single(config, picture));
  if (now.height != side || now.width != side) {
    return error{errc::shape_mismatch, "preprocessor_config.json makes pictures of " + std::to_string(now.width) + " x " +
                                           std::to_string(now.height) + ", and the vision tower reads " +
                                           std::to_string(side) + " x " + std::to_string(side)};
  }
  return now;
}

}  // namespace freshet::model
