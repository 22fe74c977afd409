#include "kernels/distill/augment.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::distill {

scenes::image augment(const scenes::image& picture, int side, const augment_options& options, rng& draw) {
  // The crop keeps its aspect within a factor of 4/3.
  const double scale = draw.uniform(options.smallest_crop, 1.0);
  const double stretch = std::exp(draw.uniform(-0.14, 0.14));
  const auto length = [&](int full, double share) {
    return std::clamp(static_cast<int>(std::lround(full * share)), std::min(full, 4), full);
  };
  const int width = length(picture.width, scale * stretch);
  const int height = length(picture.height, scale / stretch);
  const int left = static_cast<int>(draw.below(static_cast<std::uint64_t>(picture.width - width + 1)));
  const int top = static_cast<int>(draw.below(static_cast<std::uint64_t>(picture.height - height + 1)));
  const bool mirrored = options.mirror && draw.chance(0.5);
  scenes::image view(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* from = picture.at(left + (mirrored ? width - 1 - x : x), top + y);
      std::copy(from, from + 3, view.at(x, y));
    }
  }
  view = scenes::resize(view, side, side);
  if (options.jitter > 0) {
    const auto gain = static_cast<float>(1 + draw.uniform(-options.jitter, options.jitter));
    const auto contrast = static_cast<float>(1 + draw.uniform(-options.jitter, options.jitter));
    const auto saturation = static_cast<float>(1 + draw.uniform(-options.jitter, options.jitter));
    for (std::size_t i = 0; i < view.rgb.size(); i += 3) {
      std::uint8_t* p = view.rgb.data() + i;
      const float grey = (static_cast<float>(p[0]) + static_cast<float>(p[1]) + static_cast<float>(p[2])) / 3.0F;
      for (int c = 0; c < 3; ++c) {
        const float coloured = grey + saturation * (static_cast<float>(p[c]) - grey);
        p[c] = scenes::to_byte((coloured * gain - 128.0F) * contrast + 128.0F);
      }
    }
  }
  return view;
}

}  // namespace freshet::distill
