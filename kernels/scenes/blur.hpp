// Gaussian blur of a picture, used by the shift of the same name.
#pragma once

#include "kernels/scenes/image.hpp"

namespace freshet::scenes {

/// Separable Gaussian of `sigma` pixels, cut at three sigma, borders repeated. In place.
/// Sigma 0 or less changes nothing; more than the shorter side is treated as the shorter side.
void gaussian_blur(image& picture, float sigma);

}  // namespace freshet::scenes
