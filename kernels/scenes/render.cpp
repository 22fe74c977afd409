#include "kernels/scenes/render.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <cmath>

namespace freshet::scenes {
namespace {

/// Positions are relative to the object's centre in units of its radius, y down. Each function
/// returns a signed distance in the same unit, negative inside, exact near the flat edges.
using distance_function = float (*)(float x, float y);

float circle(float x, float y) { return std::sqrt(x * x + y * y) - 0.95F; }

float square(float x, float y) { return std::max(std::fabs(x), std::fabs(y)) - 0.82F; }

float triangle(float x, float y) {
  // Equilateral, apex up, centroid slightly below the middle so that the cell looks balanced.
  const float shifted = y - 0.18F;
  const float side = 0.8660254F * std::fabs(x) - 0.5F * shifted;
  return std::max(side, shifted) - 0.55F;
}

float cross(float x, float y) {
  const float ax = std::fabs(x);
  const float ay = std::fabs(y);
  const float upright = std::max(ax - 0.28F, ay - 0.95F);
  const float lying = std::max(ax - 0.95F, ay - 0.28F);
  return std::min(upright, lying);
}

float star(float x, float y) {
  // Five points. Fold the plane into half of one point (36 degrees), where the outline is a
  // single line from the tip at radius 1.05 to the notch at radius 0.46.
  constexpr float pi = 3.14159265F;
  constexpr float sector = 2 * pi / 5;
  constexpr float tip = 1.05F;
  constexpr float notch = 0.46F;
  const float radius = std::sqrt(x * x + y * y);
  float angle = std::atan2(x, -y);  // from straight up
  angle = std::fabs(angle - sector * std::round(angle / sector));
  const float px = radius * std::cos(angle);
  const float py = radius * std::sin(angle);
  constexpr float notch_x = notch * 0.80901699F;  // cos 36
  constexpr float notch_y = notch * 0.58778525F;  // sin 36
  constexpr float dx = notch_x - tip;
  constexpr float dy = notch_y;
  static const float length = std::sqrt(dx * dx + dy * dy);
  return ((px - tip) * dy - py * dx) / length;
}

float ring(float x, float y) { return std::fabs(std::sqrt(x * x + y * y) - 0.74F) - 0.23F; }

float diamond(float x, float y) {
  // A tall lozenge, so that a turned square is not mistaken for it.
  constexpr float half_width = 0.68F;
  constexpr float half_height = 1.05F;
  static const float steepness = std::sqrt(half_width * half_width + half_height * half_height);
  return (std::fabs(x) * half_height + std::fabs(y) * half_width - half_width * half_height) / steepness;
}

float heart(float x, float y) {
  // Two lobes over a wedge that is tangent to both, and begins where they end: a little above
  // the lines from their lower crossing to the points of tangency, so that no seam shows.
  const float ax = std::fabs(x);
  const float lobe_x = ax - 0.46F;
  const float lobe_y = y + 0.36F;
  const float lobe = std::sqrt(lobe_x * lobe_x + lobe_y * lobe_y) - 0.52F;
  const float wedge = std::max(0.74F * ax + 0.672F * y - 0.6185F, 0.141F * ax - y - 0.2F);
  return std::min(lobe, wedge);
}

float crescent(float x, float y) {
  const float outer = std::sqrt(x * x + y * y) - 1.0F;
  const float bx = x - 0.48F;
  const float by = y + 0.12F;
  const float bite = 0.80F - std::sqrt(bx * bx + by * by);
  return std::max(outer, bite);
}

constexpr std::array<distance_function, all_shapes> distance_of{circle, square,  triangle, cross,   star,
                                                                ring,   diamond, heart,    crescent};
/// No shape reaches farther from its centre than this, in radii.
constexpr float reach = 1.2F;

void fill_background(image& picture, const scene& drawn) {
  const auto side = static_cast<float>(picture.width);
  for (int y = 0; y < picture.height; ++y) {
    const float down = drawn.slope[1] * (static_cast<float>(y) / side - 0.5F);
    std::uint8_t* pixel = picture.at(0, y);
    for (int x = 0; x < picture.width; ++x) {
      const float lift = down + drawn.slope[0] * (static_cast<float>(x) / side - 0.5F);
      for (std::size_t c = 0; c < 3; ++c) *pixel++ = to_byte(255.0F * (drawn.background[c] + lift));
    }
  }
}

void draw_object(image& picture, const object& thing) {
  const auto side = static_cast<float>(picture.width);
  const float radius = thing.radius * side;
  const float centre_x = thing.x * side;
  const float centre_y = thing.y * side;
  const float turn_cos = std::cos(thing.angle) / radius;
  const float turn_sin = std::sin(thing.angle) / radius;
  const distance_function distance = distance_of[static_cast<std::size_t>(thing.form)];

  const float extent = reach * radius + 1.0F;
  const int left = std::max(0, static_cast<int>(centre_x - extent));
  const int right = std::min(picture.width - 1, static_cast<int>(centre_x + extent));
  const int top = std::max(0, static_cast<int>(centre_y - extent));
  const int bottom = std::min(picture.height - 1, static_cast<int>(centre_y + extent));
  for (int y = top; y <= bottom; ++y) {
    const float dy = static_cast<float>(y) + 0.5F - centre_y;
    std::uint8_t* pixel = picture.at(left, y);
    for (int x = left; x <= right; ++x, pixel += 3) {
      const float dx = static_cast<float>(x) + 0.5F - centre_x;
      const float d = distance(turn_cos * dx + turn_sin * dy, turn_cos * dy - turn_sin * dx) * radius;
      const float coverage = std::clamp(0.5F - d, 0.0F, 1.0F);
      if (coverage <= 0.0F) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        const auto under = static_cast<float>(pixel[c]);
        pixel[c] = to_byte(under + coverage * (255.0F * thing.rgb[c] - under));
      }
    }
  }
}

}  // namespace

image render(const scene& drawn, int side) {
  FRESHET_ENSURE(side > 0, "a picture has a positive side");
  image picture(side, side);
  fill_background(picture, drawn);
  for (const object& thing : drawn.objects) draw_object(picture, thing);
  return picture;
}

}  // namespace freshet::scenes
