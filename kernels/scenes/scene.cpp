#include "kernels/scenes/scene.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>

namespace freshet::scenes {
namespace {

constexpr std::array<std::string_view, all_shapes> shape_names{"circle", "square",  "triangle", "cross",   "star",
                                                               "ring",   "diamond", "heart",    "crescent"};
constexpr std::array<std::string_view, all_colors> color_names{"red",    "green", "blue", "yellow",
                                                               "purple", "cyan",  "white"};
constexpr std::array<std::string_view, all_sizes> size_names{"small", "large"};

/// Hues at least 45 degrees apart, so that variation and sensor noise cannot swap two of them.
constexpr std::array<std::array<float, 3>, all_colors> palette{{{0.92F, 0.12F, 0.12F},
                                                                {0.15F, 0.75F, 0.15F},
                                                                {0.18F, 0.30F, 0.98F},
                                                                {0.95F, 0.88F, 0.10F},
                                                                {0.72F, 0.18F, 0.85F},
                                                                {0.10F, 0.85F, 0.88F},
                                                                {0.96F, 0.96F, 0.96F}}};

constexpr std::array<float, all_sizes> radius_of{0.135F, 0.200F};
/// Chance that the second object takes the first one's tint: without it "how many red objects"
/// would nearly always be zero or one.
constexpr double repeat_tint = 0.35;

float jitter(rng& random, double amplitude) { return static_cast<float>(random.uniform(-amplitude, amplitude)); }

shape draw_shape(rng& random, double new_shapes) {
  if (random.chance(new_shapes)) return static_cast<shape>(base_shapes + random.below(all_shapes - base_shapes));
  return static_cast<shape>(random.below(base_shapes));
}

bool looks_like_another(const scene& drawn, const object& candidate) {
  return std::any_of(drawn.objects.begin(), drawn.objects.end(),
                     [&](const object& other) { return other.form == candidate.form && other.tint == candidate.tint; });
}

void place(object& thing, int cell, rng& random) {
  thing.column = cell % 2;
  thing.row = cell / 2;
  thing.radius = radius_of[static_cast<std::size_t>(thing.size)] * (1.0F + jitter(random, 0.04));
  thing.x = (static_cast<float>(thing.column) + 0.5F) / 2.0F + jitter(random, 0.018);
  thing.y = (static_cast<float>(thing.row) + 0.5F) / 2.0F + jitter(random, 0.018);
  thing.angle = jitter(random, 0.16);
  for (std::size_t c = 0; c < 3; ++c)
    thing.rgb[c] = std::clamp(palette[static_cast<std::size_t>(thing.tint)][c] + jitter(random, 0.05), 0.0F, 1.0F);
}

}  // namespace

std::string_view name(shape value) noexcept { return shape_names[static_cast<std::size_t>(value)]; }
std::string_view name(color value) noexcept { return color_names[static_cast<std::size_t>(value)]; }
std::string_view name(object_size value) noexcept { return size_names[static_cast<std::size_t>(value)]; }

scene draw_scene(rng& random, const scene_options& options) {
  FRESHET_ENSURE(options.min_objects >= 1 && options.min_objects <= options.max_objects && options.max_objects <= 4,
                 "a scene has 1 to 4 objects");
  scene drawn;
  const float brightness = static_cast<float>(random.uniform(0.10, 0.38));
  for (float& channel : drawn.background) channel = brightness + jitter(random, 0.025);
  drawn.slope = {jitter(random, 0.05), jitter(random, 0.05)};

  std::array<int, 4> cells{0, 1, 2, 3};
  random.shuffle(cells);
  const auto spread = static_cast<std::uint64_t>(options.max_objects - options.min_objects + 1);
  const auto count = static_cast<std::size_t>(options.min_objects) + static_cast<std::size_t>(random.below(spread));
  drawn.objects.reserve(count);
  while (drawn.objects.size() < count) {
    object thing;
    thing.form = draw_shape(random, options.new_shapes);
    thing.tint = static_cast<color>(random.below(all_colors));
    if (drawn.objects.size() == 1 && random.chance(repeat_tint)) thing.tint = drawn.objects.front().tint;
    thing.size = static_cast<object_size>(random.below(all_sizes));
    if (looks_like_another(drawn, thing)) continue;
    place(thing, cells[drawn.objects.size()], random);
    drawn.objects.push_back(thing);
  }
  return drawn;
}

}  // namespace freshet::scenes
