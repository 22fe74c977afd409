// Draws a scene: every shape is a signed distance in pixels, whose value within half a pixel of
// the edge is the coverage (anti-aliasing without supersampling).
#pragma once

#include "kernels/scenes/image.hpp"
#include "kernels/scenes/scene.hpp"

namespace freshet::scenes {

/// A square picture of `side` pixels. Pure: no randomness is left at this point.
[[nodiscard]] image render(const scene& drawn, int side);

}  // namespace freshet::scenes
