// The built-in world: one to three coloured shapes on the four cells of a 2 × 2 grid, before a
// plain background. A scene is a description; render.hpp draws it, questions.hpp asks about it.
// Four large cells rather than many small ones: an answer must stay legible under every shift.
// Thread contract: plain values; all randomness comes from the generator passed in.
#pragma once

#include "kernels/base/rng.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace freshet::scenes {

/// The first six belong to the base world, the rest appear only under the semantic shift.
enum class shape : std::uint8_t { circle, square, triangle, cross, star, ring, diamond, heart, crescent };
inline constexpr std::size_t base_shapes = 6;
inline constexpr std::size_t all_shapes = 9;

enum class color : std::uint8_t { red, green, blue, yellow, purple, cyan, white };
inline constexpr std::size_t all_colors = 7;

enum class object_size : std::uint8_t { small, large };
inline constexpr std::size_t all_sizes = 2;

[[nodiscard]] std::string_view name(shape value) noexcept;
[[nodiscard]] std::string_view name(color value) noexcept;
[[nodiscard]] std::string_view name(object_size value) noexcept;

struct object {
  shape form = shape::circle;
  color tint = color::red;
  object_size size = object_size::large;
  int column = 0;  ///< 0 left, 1 right
  int row = 0;     ///< 0 top, 1 bottom

  // How it is drawn; lengths are shares of the picture's side, so a scene has no resolution.
  float x = 0.25F;
  float y = 0.25F;
  float radius = 0.2F;
  float angle = 0;                    ///< radians, clockwise on the screen
  std::array<float, 3> rgb{1, 1, 1};  ///< the tint with a little variation
};

struct scene {
  std::vector<object> objects;  ///< no two agree in form and tint; no two share a cell
  std::array<float, 3> background{0.2F, 0.2F, 0.2F};
  std::array<float, 2> slope{0, 0};  ///< change of background brightness across and down
};

struct scene_options {
  int min_objects = 1;
  int max_objects = 3;      ///< at most 4, one a cell
  double new_shapes = 0.0;  ///< chance that an object has a shape of the semantic shift
};

/// Draws a scene. The number of objects is uniform, as are shapes, tints, sizes and cells.
[[nodiscard]] scene draw_scene(rng& random, const scene_options& options = {});

}  // namespace freshet::scenes
