// Pictures whose origin shows: halves for mirroring, gradients for crops, one colour for jitter.
#include "kernels/distill/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace freshet::distill {
namespace {

augment_options only_crops() {
  augment_options o;
  o.mirror = false;
  o.jitter = 0;
  return o;
}

scenes::image halves(int width, int height) {
  scenes::image out(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) out.at(x, y)[x < width / 2 ? 0 : 2] = 200;
  }
  return out;
}

TEST(augment, gives_the_side_that_is_asked_for) {
  rng draw(1);
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{48, 48}, {56, 56}, {7, 90}, {90, 3}, {1, 1}}) {
    const scenes::image view = augment(halves(width, height), 32, {}, draw);
    EXPECT_EQ(view.width, 32);
    EXPECT_EQ(view.height, 32);
    EXPECT_EQ(view.rgb.size(), 32U * 32U * 3U);
  }
}

TEST(augment, repeats_by_seed) {
  const scenes::image picture = halves(40, 40);
  rng a(3);
  rng b(3);
  rng other(4);
  bool differed = false;
  for (int i = 0; i < 10; ++i) {
    const scenes::image one = augment(picture, 24, {}, a);
    EXPECT_EQ(one, augment(picture, 24, {}, b));
    differed = differed || one != augment(picture, 24, {}, other);
  }
  EXPECT_TRUE(differed);
}

TEST(augment, mirrors_half_of_the_views_or_none) {
  const scenes::image picture = halves(48, 48);
  for (bool mirror : {false, true}) {
    augment_options options = only_crops();
    options.mirror = mirror;
    options.smallest_crop = 0.9;  // both halves are always in view
    rng draw(5);
    int mirrored = 0;
    constexpr int views = 400;
    for (int i = 0; i < views; ++i) {
      const scenes::image view = augment(picture, 48, options, draw);
      const bool red_left = view.at(0, 24)[0] > view.at(0, 24)[2];
      const bool red_right = view.at(47, 24)[0] > view.at(47, 24)[2];
      ASSERT_NE(red_left, red_right);
      mirrored += red_right ? 1 : 0;
    }
    if (mirror) {
      EXPECT_NEAR(mirrored, views / 2, 50);  // five deviations of ten
    } else {
      EXPECT_EQ(mirrored, 0);
    }
  }
}

TEST(augment, crops_keep_their_share_and_lie_anywhere) {
  // The red channel counts columns, the green one rows: the view's corners tell what was cropped.
  scenes::image picture(100, 100);
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x) {
      picture.at(x, y)[0] = static_cast<std::uint8_t>(2 * x);
      picture.at(x, y)[1] = static_cast<std::uint8_t>(2 * y);
    }
  }
  augment_options options = only_crops();
  options.smallest_crop = 0.5;
  rng draw(6);
  double narrowest = 1;
  double widest = 0;
  double leftmost = 1;
  double rightmost = 0;
  for (int i = 0; i < 300; ++i) {
    const scenes::image view = augment(picture, 100, options, draw);
    const double left = view.at(0, 0)[0] / 200.0;
    const double right = view.at(99, 0)[0] / 200.0;
    const double width = right - left;
    const double height = (view.at(0, 99)[1] - view.at(0, 0)[1]) / 200.0;
    EXPECT_LT(std::max(width, height) / std::min(width, height), 1.4);
    narrowest = std::min(narrowest, width);
    widest = std::max(widest, width);
    leftmost = std::min(leftmost, left);
    rightmost = std::max(rightmost, right);
  }
  EXPECT_GT(narrowest, 0.40);
  EXPECT_LT(narrowest, 0.60);
  EXPECT_GT(widest, 0.95);
  EXPECT_LT(leftmost, 0.02);
  EXPECT_GT(rightmost, 0.97);
}

TEST(augment, jitter_moves_colours_within_its_bound) {
  scenes::image grey(16, 16);
  std::fill(grey.rgb.begin(), grey.rgb.end(), std::uint8_t{128});
  augment_options options;
  options.mirror = false;
  options.jitter = 0.25;
  rng draw(7);
  int darkest = 255;
  int brightest = 0;
  for (int i = 0; i < 200; ++i) {
    const scenes::image view = augment(grey, 16, options, draw);
    const auto [low, high] = std::minmax_element(view.rgb.begin(), view.rgb.end());
    EXPECT_EQ(*low, *high);  // grey stays grey, one colour stays one
    darkest = std::min<int>(darkest, *low);
    brightest = std::max<int>(brightest, *high);
  }
  // 128 ± 25 %, and the contrast of that around 128 ± 25 %.
  EXPECT_GE(darkest, 128 - 41);
  EXPECT_LE(brightest, 128 + 41);
  EXPECT_LT(darkest, 105);
  EXPECT_GT(brightest, 151);
  EXPECT_EQ(augment(grey, 16, only_crops(), draw), grey);
}

}  // namespace
}  // namespace freshet::distill
