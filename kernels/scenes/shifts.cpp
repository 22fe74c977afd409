#include "kernels/scenes/shifts.hpp"

#include "kernels/scenes/blur.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace freshet::scenes {
namespace {

float as_float(double value) { return static_cast<float>(value); }

/// Lengths in the filters below are given for a picture of 48 pixels.
float length_scale(const image& picture) { return static_cast<float>(std::min(picture.width, picture.height)) / 48.0F; }

/// Nearly standard normal: the sum of four 16-bit uniforms (variance 4/12), one generator step a
/// sample. Sensor noise needs 7,000 of them a picture; the lost tails beyond 3.4 do not show.
float cheap_normal(rng& random) {
  const std::uint64_t bits = random.next();
  const auto sum =
      static_cast<float>((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48));
  return (sum / 65535.0F - 2.0F) * 1.7320508F;
}

/// Calls f(pixel) for each pixel in [y, x] order.
template <class F>
void each_pixel(image& picture, F f) {
  std::uint8_t* const end = picture.rgb.data() + picture.rgb.size();
  for (std::uint8_t* pixel = picture.rgb.data(); pixel != end; pixel += 3) f(pixel);
}

void mix(std::uint8_t* pixel, const std::array<float, 3>& with, float share) {
  for (std::size_t c = 0; c < 3; ++c) {
    const auto now = static_cast<float>(pixel[c]);
    pixel[c] = to_byte(now + share * (with[c] - now));
  }
}

/// Haze that thickens toward the top (the far end) and in one slow bank across.
void fog(image& picture, double severity, rng& random) {
  const float bright = as_float(random.uniform(198, 228));
  const std::array<float, 3> haze{bright - 6, bright, bright + 6};
  const float density = as_float(severity * random.uniform(0.86, 0.98));
  const float phase = as_float(random.uniform(0, 6.28));
  for (int y = 0; y < picture.height; ++y) {
    const float far = 1.0F - static_cast<float>(y) / static_cast<float>(picture.height);
    for (int x = 0; x < picture.width; ++x) {
      const float across = static_cast<float>(x) / static_cast<float>(picture.width);
      const float bank = 0.05F * std::sin(phase + 5.0F * across + 2.0F * far);
      mix(picture.at(x, y), haze, std::clamp(density * (0.82F + 0.18F * far + bank), 0.0F, 0.92F));
    }
  }
}

/// Little light, of which the sensor keeps the blue, and its noise grows with the gain.
void night(image& picture, double severity, rng& random) {
  const auto s = as_float(severity);
  const float light = as_float(random.uniform(0.85, 1.15)) / (1.0F + 4.2F * s);
  const float dim = 1.0F + s * (std::min(light, 1.0F) - 1.0F);
  const std::array<float, 3> tint{1.0F - 0.40F * s, 1.0F - 0.22F * s, 1.0F};
  const float gamma = 1.0F + 0.25F * s;
  std::array<float, 256> curve{};
  for (std::size_t i = 0; i < curve.size(); ++i) curve[i] = 255.0F * std::pow(static_cast<float>(i) / 255.0F, gamma);
  const float sigma = 7.0F * s;
  each_pixel(picture, [&](std::uint8_t* pixel) {
    for (std::size_t c = 0; c < 3; ++c) {
      const float lift = c == 2 ? 6.0F * s : 2.0F * s;
      pixel[c] = to_byte(curve[pixel[c]] * dim * tint[c] + lift + sigma * cheap_normal(random));
    }
  });
}

/// Read noise of constant size and shot noise that grows with the root of the signal.
void noise(image& picture, double severity, rng& random) {
  const float read = as_float(255.0 * 0.27 * severity * random.uniform(0.88, 1.12));
  const float shot = as_float(255.0 * 0.16 * severity);
  std::array<float, 256> sigma{};
  for (std::size_t i = 0; i < sigma.size(); ++i)
    sigma[i] = std::sqrt(read * read + shot * shot * static_cast<float>(i) / 255.0F);
  each_pixel(picture, [&](std::uint8_t* pixel) {
    for (std::size_t c = 0; c < 3; ++c)
      pixel[c] = to_byte(static_cast<float>(pixel[c]) + sigma[pixel[c]] * cheap_normal(random));
  });
}

/// The lens is out of focus.
void blur(image& picture, double severity, rng& random) {
  gaussian_blur(picture, as_float(2.6 * severity * random.uniform(0.9, 1.1)) * length_scale(picture));
}

/// A wrong sensor calibration under warm light: channels leak into their neighbours, which turns
/// every hue, and the light takes the blue away. Invertible, and grey betrays the light.
void cast(image& picture, double severity, rng& random) {
  const float leak = as_float(0.95 * severity * random.uniform(0.92, 1.06));
  const std::array<float, 3> gain{1.0F + as_float(severity * random.uniform(0.10, 0.22)),
                                  1.0F - 0.12F * as_float(severity),
                                  1.0F - as_float(severity * random.uniform(0.30, 0.45))};
  each_pixel(picture, [&](std::uint8_t* pixel) {
    const std::array<float, 3> in{static_cast<float>(pixel[0]), static_cast<float>(pixel[1]),
                                  static_cast<float>(pixel[2])};
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = to_byte(gain[c] * (in[c] + leak * (in[(c + 1) % 3] - in[c])));
  });
}

/// Blends a disc with a soft rim of one pixel over the picture.
void draw_blob(image& picture, float cx, float cy, float radius, const std::array<float, 3>& rgb, float share) {
  const int left = std::max(0, static_cast<int>(cx - radius - 1));
  const int right = std::min(picture.width - 1, static_cast<int>(cx + radius + 1));
  const int top = std::max(0, static_cast<int>(cy - radius - 1));
  const int bottom = std::min(picture.height - 1, static_cast<int>(cy + radius + 1));
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x) {
      const float dx = static_cast<float>(x) + 0.5F - cx;
      const float dy = static_cast<float>(y) + 0.5F - cy;
      const float coverage = std::clamp(0.5F + radius - std::sqrt(dx * dx + dy * dy), 0.0F, 1.0F);
      if (coverage > 0.0F) mix(picture.at(x, y), rgb, share * coverage);
    }
}

/// Blends a slanted line of `width` pixels with soft ends over the picture.
void draw_streak(image& picture, float x, float y, float slant, float length, float width, float bright, float share) {
  const std::array<float, 3> rgb{bright - 8, bright, bright + 8};
  const int first = std::max(0, static_cast<int>(y));
  const int last = std::min(picture.height - 1, static_cast<int>(y + length));
  for (int row = first; row <= last; ++row) {
    const float along = (static_cast<float>(row) - y) / length;
    const float fade = std::min(1.0F, 4.0F * std::min(along, 1.0F - along) + 0.3F);
    const float middle = x + slant * (static_cast<float>(row) - y);
    const int left = std::max(0, static_cast<int>(std::floor(middle - width)));
    const int right = std::min(picture.width - 1, static_cast<int>(std::ceil(middle + width)));
    for (int column = left; column <= right; ++column) {
      const float off = std::fabs(static_cast<float>(column) + 0.5F - middle);
      const float coverage = std::clamp(0.5F + 0.5F * width - off, 0.0F, 1.0F);
      if (coverage > 0.0F) mix(picture.at(column, row), rgb, share * fade * coverage);
    }
  }
}

/// How many of something falls on this picture: `per_48` a square of 48 × 48 units, at least one.
int scaled_count(const image& picture, double per_48, rng& random) {
  const double squares =
      static_cast<double>(picture.pixels()) / std::pow(48.0 * static_cast<double>(length_scale(picture)), 2.0);
  return std::max(1, static_cast<int>(std::lround(std::min(squares, 64.0) * per_48 * random.uniform(0.85, 1.15))));
}

/// Bright slanted streaks before the scene, drops on the glass, and a grey veil.
void rain(image& picture, double severity, rng& random) {
  const float unit = length_scale(picture);
  const auto width = static_cast<double>(picture.width);
  const auto height = static_cast<double>(picture.height);
  const float veil = as_float(0.22 * severity);
  each_pixel(picture, [&](std::uint8_t* pixel) { mix(pixel, {130, 138, 148}, veil); });
  const float slant = as_float(random.uniform(-0.45, 0.45));
  const int streaks = scaled_count(picture, 42 * severity, random);
  for (int i = 0; i < streaks; ++i) {
    const float length = unit * as_float(random.uniform(7, 16));
    draw_streak(picture, as_float(random.uniform(-0.1, 1.1) * width), as_float(random.uniform(-0.2, 1.0) * height),
                slant, length, unit * as_float(random.uniform(0.7, 1.3)), as_float(random.uniform(175, 235)),
                as_float(random.uniform(0.5, 0.85)));
  }
  const int drops = scaled_count(picture, 9 * severity, random);
  for (int i = 0; i < drops; ++i) {
    const float x = as_float(random.uniform(0, width));
    const float y = as_float(random.uniform(0, height));
    const float radius = unit * as_float(random.uniform(1.2, 2.4));
    draw_blob(picture, x, y, radius, {165, 175, 188}, 0.75F);
    draw_blob(picture, x - 0.3F * radius, y - 0.3F * radius, 0.4F * radius, {238, 242, 248}, 0.85F);
  }
}

/// Mud on the lens: opaque specks and clumps in a few browns.
void dirt(image& picture, double severity, rng& random) {
  const float unit = length_scale(picture);
  const auto width = static_cast<double>(picture.width);
  const auto height = static_cast<double>(picture.height);
  const int clumps = scaled_count(picture, 26 * severity, random);
  for (int i = 0; i < clumps; ++i) {
    const double x = random.uniform(0, width);
    const double y = random.uniform(0, height);
    const float shade = as_float(random.uniform(0.6, 1.5));
    const std::array<float, 3> brown{96 * shade, 68 * shade, 40 * shade};
    const std::uint64_t parts = 1 + random.below(3);
    for (std::uint64_t part = 0; part < parts; ++part) {
      const double spread = static_cast<double>(unit) * 2.2;
      draw_blob(picture, as_float(x + random.uniform(-spread, spread)), as_float(y + random.uniform(-spread, spread)),
                unit * as_float(random.uniform(0.9, 2.5)), brown, as_float(random.uniform(0.85, 0.97)));
    }
  }
}

/// A washed-out picture: all values squeezed around one grey.
void contrast(image& picture, double severity, rng& random) {
  const float keep = 1.0F / (1.0F + as_float(severity * random.uniform(4.4, 6.0)));
  const float grey = as_float(random.uniform(90, 165));
  std::array<std::uint8_t, 256> curve{};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const float mean = 70.0F + as_float(std::min(1.0, 2.0 * severity)) * (grey - 70.0F);
    curve[i] = to_byte(mean + keep * (static_cast<float>(i) - mean));
  }
  each_pixel(picture, [&](std::uint8_t* pixel) {
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = curve[pixel[c]];
  });
}

constexpr std::array registry{
    shift{"clean", "nothing changes", shift_kind::none, nullptr},
    shift{"fog", "bright haze that thickens with distance", shift_kind::filter, fog},
    shift{"night", "little, bluish light and a noisy sensor", shift_kind::filter, night},
    shift{"noise", "read and shot noise of a weak sensor", shift_kind::filter, noise},
    shift{"blur", "a lens out of focus", shift_kind::filter, blur},
    shift{"cast", "warm light on a sensor with turned hues", shift_kind::filter, cast},
    shift{"rain", "streaks, drops on the glass and a grey veil", shift_kind::filter, rain},
    shift{"dirt", "specks of mud on the lens", shift_kind::filter, dirt},
    shift{"contrast", "values squeezed around one grey", shift_kind::filter, contrast},
    shift{"semantic", "new shapes and new wording of questions (scenes only)", shift_kind::semantic, nullptr},
};

}  // namespace

void shift::apply(image& picture, double severity, rng& random) const {
  if (filter == nullptr || picture.empty() || !(severity > 0.0)) return;
  filter(picture, std::min(severity, 1.0), random);
}

result<const shift*> find_shift(std::string_view name) {
  std::string known;
  for (const shift& s : registry) {
    if (s.name == name) return &s;
    if (!known.empty()) known += ", ";
    known += s.name;
  }
  return {errc::not_found, "shift \"" + std::string(name) + "\"; there are " + known};
}

const std::vector<std::string>& shift_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const shift& s : registry) out.emplace_back(s.name);
    return out;
  }();
  return names;
}

}  // namespace freshet::scenes
