#include "kernels/uncertainty/patch_predictor.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::uncertainty {
namespace {

std::uint8_t wrap(int x) { return static_cast<std::uint8_t>(x & 0xff); }

// The value at (y, x) of a plane as its decoded neighbours foretell it; `before` foretells the first.
int predicted(const std::uint8_t* plane, std::size_t width, std::size_t y, std::size_t x, int before) {
  if (y == 0) return x == 0 ? before : plane[x - 1];
  const std::uint8_t* here = plane + y * width + x;
  const int up = *(here - width);
  if (x == 0) return up;
  const int left = *(here - 1);
  const int corner = *(here - width - 1);
  const int low = std::min(left, up);
  const int high = std::max(left, up);
  if (corner >= high) return low;
  if (corner <= low) return high;
  return left + up - corner;
}

// Differences from green are moved to the middle, so that small ones of either sign do not wrap.
constexpr int middle = 128;
bool is_difference(const patch_layout& layout, std::size_t channel) { return layout.channels == 3 && channel != 1; }

}  // namespace

patch_layout square_layout(std::size_t bytes) {
  for (const std::size_t channels : {std::size_t{3}, std::size_t{1}}) {
    const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(bytes / channels))));
    if (side > 0 && side <= 255 && side * side * channels == bytes) {
      return {static_cast<std::uint8_t>(channels), static_cast<std::uint8_t>(side), static_cast<std::uint8_t>(side)};
    }
  }
  return {};
}

std::vector<std::uint8_t> to_residuals(const std::uint8_t* patches, std::size_t count, const patch_layout& layout) {
  const std::size_t area = static_cast<std::size_t>(layout.height) * layout.width;
  std::vector<std::uint8_t> residuals(count * layout.bytes());
  std::vector<std::uint8_t> plane(area);
  for (std::size_t c = 0; c < layout.channels; ++c) {
    int before = is_difference(layout, c) ? middle : 0;
    for (std::size_t p = 0; p < count; ++p) {
      const std::uint8_t* patch = patches + p * layout.bytes();
      const std::uint8_t* own = patch + c * area;
      if (is_difference(layout, c)) {
        const std::uint8_t* green = patch + area;
        for (std::size_t i = 0; i < area; ++i) plane[i] = wrap(own[i] - green[i] + middle);
      } else {
        std::copy(own, own + area, plane.begin());
      }
      std::uint8_t* out = residuals.data() + (c * count + p) * area;
      for (std::size_t y = 0; y < layout.height; ++y) {
        for (std::size_t x = 0; x < layout.width; ++x) {
          const std::size_t i = y * layout.width + x;
          out[i] = wrap(plane[i] - predicted(plane.data(), layout.width, y, x, before));
        }
      }
      before = plane[0];  // neighbouring kept patches often share their background
    }
  }
  return residuals;
}

std::vector<std::uint8_t> from_residuals(const std::uint8_t* residuals, std::size_t count, const patch_layout& layout) {
  const std::size_t area = static_cast<std::size_t>(layout.height) * layout.width;
  std::vector<std::uint8_t> patches(count * layout.bytes());
  for (std::size_t c = 0; c < layout.channels; ++c) {
    int before = is_difference(layout, c) ? middle : 0;
    for (std::size_t p = 0; p < count; ++p) {
      const std::uint8_t* in = residuals + (c * count + p) * area;
      std::uint8_t* plane = patches.data() + p * layout.bytes() + c * area;
      for (std::size_t y = 0; y < layout.height; ++y) {
        for (std::size_t x = 0; x < layout.width; ++x) {
          const std::size_t i = y * layout.width + x;
          plane[i] = wrap(in[i] + predicted(plane, layout.width, y, x, before));
        }
      }
      before = plane[0];
    }
  }
  if (layout.channels == 3) {
    for (std::size_t p = 0; p < count; ++p) {
      std::uint8_t* red = patches.data() + p * layout.bytes();
      const std::uint8_t* green = red + area;
      std::uint8_t* blue = red + 2 * area;
      for (std::size_t i = 0; i < area; ++i) {
        red[i] = wrap(red[i] + green[i] - middle);
        blue[i] = wrap(blue[i] + green[i] - middle);
      }
    }
  }
  return patches;
}

}  // namespace freshet::uncertainty
