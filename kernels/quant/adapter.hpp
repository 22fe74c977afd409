// The float part of a layer over a quantised base: LoRA (arXiv 2106.09685 eq. 3) and bias, in one fixed
// order of operations, so that it too gives the same bits for any number of rows, split and processor.
//
//   h_j = Σ x_k a_jk   in sixteen lanes (column k in lane k mod 16), lanes added by halving
//   y_o = (y_o + bias_o) + scale * Σ h_j b_oj   with j rising
//
// Thread contract: pure; threads share finish_rows by panels.
#pragma once

#include <cstdint>

#include "kernels/quant/instruction_set.hpp"

namespace freshet::quant {

/// h [rows, rank] = x aᵀ. x f32 [rows, in], `stride` values a row; a f32 [rank, in].
void adapter_down(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, const float* a,
                  std::int64_t rank, float* h, instruction_set set = best_instruction_set());

struct layer_finish {
  const float* bias = nullptr;  ///< [out] or none
  const float* h = nullptr;     ///< [rows, rank] or none
  const float* b = nullptr;     ///< [out, rank]
  std::int64_t rank = 0;
  float scale = 0;
};

/// Finishes outputs [first, last) of y, row r at y + r * stride.
void finish_rows(float* y, std::int64_t rows, std::int64_t stride, std::int64_t first, std::int64_t last,
                 const layer_finish& with, instruction_set set = best_instruction_set());

}  // namespace freshet::quant
