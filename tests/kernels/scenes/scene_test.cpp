#include "kernels/scenes/scene.hpp"

#include "kernels/scenes/render.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

TEST(scene_draw, holds_its_promises) {
  rng random(3);
  std::array<int, 4> by_count{};
  for (int i = 0; i < 3000; ++i) {
    const scene s = draw_scene(random);
    ASSERT_GE(s.objects.size(), 1U);
    ASSERT_LE(s.objects.size(), 3U);
    ++by_count[s.objects.size()];
    std::set<std::pair<int, int>> cells;
    std::set<std::pair<shape, color>> looks;
    for (const object& o : s.objects) {
      EXPECT_LT(static_cast<std::size_t>(o.form), base_shapes);
      cells.insert({o.column, o.row});
      looks.insert({o.form, o.tint});
      EXPECT_EQ(o.column, o.x < 0.5F ? 0 : 1);
      EXPECT_EQ(o.row, o.y < 0.5F ? 0 : 1);
      EXPECT_EQ(o.size == object_size::large, o.radius > 0.17F);
    }
    EXPECT_EQ(cells.size(), s.objects.size());
    EXPECT_EQ(looks.size(), s.objects.size());
  }
  for (std::size_t n = 1; n <= 3; ++n) EXPECT_NEAR(by_count[n], 1000, 110);  // 4 sigma
}

TEST(scene_draw, new_shapes_appear_as_often_as_asked) {
  rng random(4);
  scene_options options;
  options.new_shapes = 0.7;
  int fresh = 0;
  int all = 0;
  for (int i = 0; i < 2000; ++i)
    for (const object& o : draw_scene(random, options).objects) {
      ++all;
      fresh += static_cast<std::size_t>(o.form) >= base_shapes ? 1 : 0;
    }
  EXPECT_NEAR(static_cast<double>(fresh) / all, 0.7, 0.03);
}

/// Sum of what differs from the same scene without objects, per quadrant.
std::array<double, 4> difference_by_cell(const scene& s, int side) {
  scene bare = s;
  bare.objects.clear();
  const image with = render(s, side);
  const image without = render(bare, side);
  std::array<double, 4> sum{};
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      for (int c = 0; c < 3; ++c)
        sum[static_cast<std::size_t>(2 * (2 * y / side) + 2 * x / side)] +=
            std::abs(static_cast<int>(with.at(x, y)[c]) - static_cast<int>(without.at(x, y)[c]));
  return sum;
}

TEST(scene_render, objects_lie_in_their_cells_and_nowhere_else) {
  rng random(5);
  scene_options options;
  options.new_shapes = 0.3;
  for (int i = 0; i < 300; ++i) {
    const scene s = draw_scene(random, options);
    const auto sum = difference_by_cell(s, 48);
    std::array<bool, 4> taken{};
    for (const object& o : s.objects) taken[static_cast<std::size_t>(2 * o.row + o.column)] = true;
    for (std::size_t cell = 0; cell < 4; ++cell) {
      if (taken[cell]) {
        EXPECT_GT(sum[cell], 2000.0);
      } else {
        EXPECT_EQ(sum[cell], 0.0);
      }
    }
  }
}

/// One white object of radius r on black, without turn: its area in units of r squared.
double area_of(shape form, int side) {
  scene s;
  s.background = {0, 0, 0};
  object o;
  o.form = form;
  o.x = 0.5F;
  o.y = 0.5F;
  o.radius = 0.3F;
  s.objects.push_back(o);
  const image picture = render(s, side);
  double sum = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) sum += picture.rgb[i] / 255.0;
  return sum / std::pow(0.3 * side, 2.0);
}

TEST(scene_render, areas_match_geometry_at_any_resolution) {
  const double pi = std::acos(-1.0);
  for (const int side : {48, 200}) {
    const double tolerance = side == 48 ? 0.05 : 0.01;
    EXPECT_NEAR(area_of(shape::circle, side), pi * 0.95 * 0.95, tolerance);
    EXPECT_NEAR(area_of(shape::square, side), 4 * 0.82 * 0.82, tolerance);
    // Equilateral triangle with inradius 0.55: 3 sqrt(3) r^2.
    EXPECT_NEAR(area_of(shape::triangle, side), 3 * std::sqrt(3.0) * 0.55 * 0.55, tolerance);
    EXPECT_NEAR(area_of(shape::cross, side), 2 * (2 * 0.95) * (2 * 0.28) - std::pow(2 * 0.28, 2.0), tolerance);
    // Ten triangles between tip (1.05) and notch (0.46), 36 degrees apart.
    EXPECT_NEAR(area_of(shape::star, side), 10 * 0.5 * 1.05 * 0.46 * std::sin(pi / 5), tolerance);
    EXPECT_NEAR(area_of(shape::ring, side), pi * (0.97 * 0.97 - 0.51 * 0.51), tolerance);
    EXPECT_NEAR(area_of(shape::diamond, side), 2 * 0.68 * 1.05, tolerance);
  }
}

TEST(scene_render, is_pure) {
  rng random(6);
  const scene s = draw_scene(random);
  EXPECT_EQ(render(s, 48), render(s, 48));
  EXPECT_EQ(render(s, 31).width, 31);
}

}  // namespace
}  // namespace freshet::scenes
