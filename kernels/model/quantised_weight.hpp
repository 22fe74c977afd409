// A matrix in 8 or 4 bits among the tensors of a model, and a layer over it (kernels/quant). Where layer X
// is quantised, X.weight is absent, and parameters hold X.qweight (u8) and X.scales in its place.
// Ownership: handles; the tensors are frozen, so that copies of a model share them.
// Thread contract: as for all tensors of a model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "kernels/quant/packed_weight.hpp"

namespace freshet::model {

inline constexpr const char* levels_suffix = ".qweight";
inline constexpr const char* scales_suffix = ".scales";

struct quantised_weight {
  quant::packed_shape shape;
  at::Tensor levels;  ///< as packed_weight.hpp lays out `q`
  at::Tensor scales;

  [[nodiscard]] bool defined() const { return levels.defined(); }
  [[nodiscard]] quant::packed_view view() const;
};

/// Shares the memory where it is aligned to cache lines, else copies.
[[nodiscard]] quantised_weight to_torch(const quant::packed_weight& w);

/// All of it as f32 [out, in].
[[nodiscard]] at::Tensor dequantise(const quantised_weight& w);

/// Rows of the matrix as an embedding: ids i64 [..] → f32 [.., in]. No gradient.
[[nodiscard]] at::Tensor embedding_rows(const quantised_weight& w, const at::Tensor& ids);

/// y = x Wᵀ + bias + scale · (x Aᵀ) Bᵀ in the fixed order of kernels/quant, so that every row comes out with the
/// same bits whatever the batch, the threads and the processor. x f32 [.., in] → [.., out]; bias [out], a [rank, in]
/// and b [out, rank] or undefined. Differentiable in x, bias, a and b; x is rounded to 8 bits on the way
/// in, and its gradient passes that straight through (arXiv 1308.3432): grad_x = grad_y Ŵ + ….
[[nodiscard]] at::Tensor quantised_linear(const at::Tensor& x, const quantised_weight& w, const at::Tensor& bias,
                                          const at::Tensor& a, const at::Tensor& b, double scale);

}  // namespace freshet::model
