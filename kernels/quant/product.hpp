// y = x Wᵀ with W in 8 or 4 bits and x quantised as activations.hpp says. For each row of x, row o of
// W, and blocks b of 32 columns in rising order:
//
//   d_b = Σ step(x) * step(w)                        in integers: exact, whatever the order
//   4 bits: y = y + (float(d_b) * scale_w) * scale_x     8 bits: y = y + float(d_b) * scale_x,
//                                                        and at the end y = y * scale_w
//
// every operation rounded by itself. This one order holds for one row and for many, for every tile and
// thread, and for every instruction set: the results agree bit for bit by construction.
// Thread contract: pure; threads share a product by panels.
#pragma once

#include <cstdint>

#include "kernels/quant/activations.hpp"
#include "kernels/quant/instruction_set.hpp"
#include "kernels/quant/packed_weight.hpp"

namespace freshet::quant {

/// Writes the columns of y that belong to the panels [first, last) of w, for all rows of x.
/// y: f32, row r begins at y + r * stride; column o of a row is output o. x.blocks must equal the shape's.
void multiply(const packed_view& w, const quantised_rows& x, std::int64_t first, std::int64_t last, float* y,
              std::int64_t stride, instruction_set set = best_instruction_set());

/// The definition above, in plain words: all of y.
void multiply_reference(const packed_view& w, const quantised_rows& x, float* y, std::int64_t stride);

}  // namespace freshet::quant
