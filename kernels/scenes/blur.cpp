#include "kernels/scenes/blur.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::scenes {
namespace {

std::vector<float> gaussian_weights(float sigma) {
  const int radius = std::max(1, static_cast<int>(std::ceil(3.0F * sigma)));
  std::vector<float> weights;
  float sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    const float z = static_cast<float>(i) / sigma;
    weights.push_back(std::exp(-0.5F * z * z));
    sum += weights.back();
  }
  for (float& w : weights) w /= sum;
  return weights;
}

/// Blurs `count` positions of three channels that lie `step` values apart.
void blur_line(const float* in, float* out, int count, std::size_t step, const std::vector<float>& weights) {
  const int radius = static_cast<int>(weights.size() / 2);
  for (int i = 0; i < count; ++i) {
    float sum[3] = {0, 0, 0};
    for (int k = -radius; k <= radius; ++k) {
      const float w = weights[static_cast<std::size_t>(k + radius)];
      const float* from = in + static_cast<std::size_t>(std::clamp(i + k, 0, count - 1)) * step;
      for (int c = 0; c < 3; ++c) sum[c] += w * from[c];
    }
    float* to = out + static_cast<std::size_t>(i) * step;
    for (int c = 0; c < 3; ++c) to[c] = sum[c];
  }
}

}  // namespace

void gaussian_blur(image& picture, float sigma) {
  if (picture.empty() || !(sigma > 0.0F)) return;
  const auto weights = gaussian_weights(std::min(sigma, static_cast<float>(std::min(picture.width, picture.height))));
  std::vector<float> in(picture.rgb.begin(), picture.rgb.end());
  std::vector<float> out(in.size());
  const std::size_t row = static_cast<std::size_t>(picture.width) * 3;
  for (int y = 0; y < picture.height; ++y) {
    const std::size_t start = static_cast<std::size_t>(y) * row;
    blur_line(in.data() + start, out.data() + start, picture.width, 3, weights);
  }
  for (int x = 0; x < picture.width; ++x) {
    const std::size_t start = static_cast<std::size_t>(x) * 3;
    blur_line(out.data() + start, in.data() + start, picture.height, row, weights);
  }
  std::transform(in.begin(), in.end(), picture.rgb.begin(), to_byte);
}

}  // namespace freshet::scenes
