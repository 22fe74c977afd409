// Daubechies-6 wavelet transform along the token axis, as AKD's loss needs it (arXiv 2312.16279):
// per channel, zero padding, output length ⌊(n + 11) / 2⌋ a level.
// Differentiable: made of convolutions.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

namespace freshet::distill {

/// Low-pass taps (Daubechies 1992; orthonormal: they sum to √2 and have unit norm).
extern const std::array<double, 12> db6_low_pass;

struct wavelet_bands {
  at::Tensor approximation;         ///< [N, C, n']
  std::vector<at::Tensor> details;  ///< one a level, finest first
};

/// x [N, C, n], n ≥ 1.
[[nodiscard]] wavelet_bands db6_transform(const at::Tensor& x, int levels);

}  // namespace freshet::distill
