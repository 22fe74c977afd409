#include "kernels/scenes/image.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/scenes/blur.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

image noise_image(int width, int height, std::uint64_t seed) {
  rng random(seed);
  image out(width, height);
  for (auto& v : out.rgb) v = static_cast<std::uint8_t>(random.below(256));
  return out;
}

/// The definition of area resampling in one axis pair: integrate the piecewise constant source
/// over the target pixel's rectangle.
double area_average(const image& in, int width, int height, int x, int y, int c) {
  const double sx = static_cast<double>(in.width) / width;
  const double sy = static_cast<double>(in.height) / height;
  double sum = 0;
  for (int v = 0; v < in.height; ++v)
    for (int u = 0; u < in.width; ++u) {
      const double w = std::max(0.0, std::min<double>(u + 1, (x + 1) * sx) - std::max<double>(u, x * sx));
      const double h = std::max(0.0, std::min<double>(v + 1, (y + 1) * sy) - std::max<double>(v, y * sy));
      sum += w * h * in.at(u, v)[c];
    }
  return sum / (sx * sy);
}

TEST(image_resize, shrinking_is_the_area_average) {
  const image in = noise_image(17, 11, 1);
  for (const auto& [w, h] : {std::pair{5, 4}, std::pair{16, 3}, std::pair{1, 1}, std::pair{17, 10}}) {
    const image out = resize(in, w, h);
    ASSERT_EQ(out.width, w);
    ASSERT_EQ(out.height, h);
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        for (int c = 0; c < 3; ++c) EXPECT_NEAR(out.at(x, y)[c], area_average(in, w, h, x, y, c), 0.51);
  }
}

TEST(image_resize, growing_keeps_a_linear_ramp_linear) {
  image in(8, 1);
  for (int x = 0; x < 8; ++x)
    for (int c = 0; c < 3; ++c) in.at(x, 0)[c] = static_cast<std::uint8_t>(20 * x + 10);
  const image out = resize(in, 32, 3);
  for (int x = 2; x < 30; ++x) {  // the outermost half source pixel repeats the border
    const double expected = 20.0 * ((x + 0.5) / 4.0 - 0.5) + 10;
    EXPECT_NEAR(out.at(x, 1)[0], expected, 0.51) << x;
  }
  EXPECT_EQ(out.at(0, 0)[0], 10);
  EXPECT_EQ(out.at(31, 2)[0], 150);
}

TEST(image_resize, same_size_and_single_pixels) {
  const image in = noise_image(9, 9, 2);
  EXPECT_EQ(resize(in, 9, 9), in);
  const image dot = noise_image(1, 1, 3);
  const image grown = resize(dot, 5, 7);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 5; ++x) EXPECT_TRUE(std::equal(dot.at(0, 0), dot.at(0, 0) + 3, grown.at(x, y)));
}

TEST(image_to_byte, rounds_and_clamps) {
  EXPECT_EQ(to_byte(-3.0F), 0);
  EXPECT_EQ(to_byte(0.49F), 0);
  EXPECT_EQ(to_byte(0.5F), 1);
  EXPECT_EQ(to_byte(254.6F), 255);
  EXPECT_EQ(to_byte(1e9F), 255);
  EXPECT_EQ(to_byte(std::nanf("")), 0);
}

TEST(gaussian_blur, impulse_response_is_the_gaussian) {
  image in(41, 41);
  std::fill(in.at(20, 20), in.at(20, 20) + 3, std::uint8_t{255});
  image out = in;
  const float sigma = 1.3F;
  gaussian_blur(out, sigma);
  double norm = 0;
  for (int k = -4; k <= 4; ++k) norm += std::exp(-0.5 * k * k / (sigma * sigma));
  for (int y = 17; y <= 23; ++y)
    for (int x = 17; x <= 23; ++x) {
      const double r2 = (x - 20.0) * (x - 20.0) + (y - 20.0) * (y - 20.0);
      EXPECT_NEAR(out.at(x, y)[1], 255.0 * std::exp(-0.5 * r2 / (sigma * sigma)) / (norm * norm), 0.6);
    }
}

TEST(gaussian_blur, leaves_flat_pictures_and_zero_sigma) {
  image flat(7, 5);
  std::fill(flat.rgb.begin(), flat.rgb.end(), std::uint8_t{77});
  const image before = flat;
  gaussian_blur(flat, 3.0F);
  EXPECT_EQ(flat, before);
  image noisy = noise_image(6, 6, 4);
  const image untouched = noisy;
  gaussian_blur(noisy, 0.0F);
  EXPECT_EQ(noisy, untouched);
  gaussian_blur(noisy, 1e6F);  // bounded by the picture
  EXPECT_NE(noisy, untouched);
}

}  // namespace
}  // namespace freshet::scenes
