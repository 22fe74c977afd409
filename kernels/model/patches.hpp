// Pictures to patches and back: what travels uplink is a patch's bytes, what a tower reads is the
// same patch normalised. A patch is [channel, row, column], as a convolution's kernel lies.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// rgb u8 [side, side, 3] → u8 [L, 3 · patch²], cells row-major. What is left of a patch at the right and at the
/// bottom is dropped, as a strided convolution does.
[[nodiscard]] std::vector<std::uint8_t> cut_patches(const std::uint8_t* rgb, std::int64_t side, std::int64_t patch);

/// u8 [.., P] in [0, 255] → f32, each channel as the model's image processor scales it. By default to [-1, 1]: mean
/// and deviation 0.5, SigLIP's normalisation.
[[nodiscard]] at::Tensor normalise_patches(const at::Tensor& bytes, const pixel_scaling& pixels = {});

}  // namespace freshet::model
