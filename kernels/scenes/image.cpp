#include "kernels/scenes/image.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::scenes {
namespace {

/// Which source positions make one target position: `weights` of consecutive sources from `first`.
struct tap {
  int first = 0;
  std::vector<float> weights;
};

std::vector<tap> shrinking_taps(int from, int to) {
  std::vector<tap> taps(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double low = i * scale;
    const double high = std::min<double>(from, (i + 1) * scale);
    tap& t = taps[static_cast<std::size_t>(i)];
    t.first = std::min(from - 1, static_cast<int>(low));
    for (int s = t.first; s < from && s < high; ++s) {
      const double covered = std::min<double>(s + 1, high) - std::max<double>(s, low);
      t.weights.push_back(static_cast<float>(covered / scale));
    }
  }
  return taps;
}

std::vector<tap> growing_taps(int from, int to) {
  std::vector<tap> taps(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double centre = std::clamp((i + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
    const int first = std::min(static_cast<int>(centre), std::max(0, from - 2));
    const auto share = static_cast<float>(centre - first);
    tap& t = taps[static_cast<std::size_t>(i)];
    t.first = first;
    t.weights = from == 1 ? std::vector<float>{1.0F} : std::vector<float>{1.0F - share, share};
  }
  return taps;
}

std::vector<tap> taps_for(int from, int to) { return to < from ? shrinking_taps(from, to) : growing_taps(from, to); }

}  // namespace

image::image(int w, int h) : width(w), height(h) {
  FRESHET_ENSURE(w > 0 && h > 0, "an image has positive sides");
  rgb.resize(pixels() * 3);
}

std::size_t image::pixels() const noexcept {
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

image resize(const image& source, int width, int height) {
  FRESHET_ENSURE(!source.empty(), "cannot resize an empty image");
  FRESHET_ENSURE(width > 0 && height > 0, "an image has positive sides");
  if (source.width == width && source.height == height) return source;

  // Rows first: the intermediate is [source.height, width, 3].
  const auto columns = taps_for(source.width, width);
  std::vector<float> wide(static_cast<std::size_t>(source.height) * static_cast<std::size_t>(width) * 3);
  float* out = wide.data();
  for (int y = 0; y < source.height; ++y) {
    for (const tap& t : columns) {
      const std::uint8_t* in = source.at(t.first, y);
      float sum[3] = {0, 0, 0};
      for (const float w : t.weights) {
        for (int c = 0; c < 3; ++c) sum[c] += w * static_cast<float>(in[c]);
        in += 3;
      }
      for (const float channel : sum) *out++ = channel;
    }
  }

  image target(width, height);
  const auto rows = taps_for(source.height, height);
  const std::size_t stride = static_cast<std::size_t>(width) * 3;
  std::vector<float> sum(stride);
  for (int y = 0; y < height; ++y) {
    const tap& t = rows[static_cast<std::size_t>(y)];
    std::fill(sum.begin(), sum.end(), 0.0F);
    const float* in = wide.data() + static_cast<std::size_t>(t.first) * stride;
    for (const float w : t.weights) {
      for (std::size_t i = 0; i < stride; ++i) sum[i] += w * in[i];
      in += stride;
    }
    std::uint8_t* line = target.at(0, y);
    for (std::size_t i = 0; i < stride; ++i) line[i] = to_byte(sum[i]);
  }
  return target;
}

}  // namespace freshet::scenes
