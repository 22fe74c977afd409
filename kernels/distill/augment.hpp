// Random views of real pictures for pretraining: crop, mirror, brightness, contrast, saturation.
// Few pictures go a long way when none is seen twice in the same form.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/scenes/image.hpp"

namespace freshet::distill {

struct augment_options {
  double smallest_crop = 0.6;  ///< share of the side that a crop keeps at least
  bool mirror = true;          ///< off where questions speak of left and right
  double jitter = 0.25;        ///< largest relative change of brightness, contrast and saturation
};

/// A random view of `side` pixels.
[[nodiscard]] scenes::image augment(const scenes::image& picture, int side, const augment_options& options, rng& draw);

}  // namespace freshet::distill
