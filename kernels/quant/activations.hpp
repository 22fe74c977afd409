// Activations in 8 bits, made on the fly: each row in blocks of 32 columns with a scale of their own,
// so that an outlier spoils its neighbours only.
//
//   m = max |x|,  scale = m / 127,  step = round(x * (127 / m)), ties to even, within [-127, 127]
//
// A block below 1e-30 is all zero; one with an infinity or NaN has the scale NaN, so that whatever
// reads it sees that something is wrong. Every operation is rounded by itself (no fused multiply-add),
// so all instruction sets give the same bits, and rows do not depend on each other.
// Thread contract: plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/quant/instruction_set.hpp"
#include "kernels/quant/packed_weight.hpp"

namespace freshet::quant {

struct quantised_rows {
  std::int64_t rows = 0;
  std::int64_t blocks = 0;
  std::vector<std::int8_t> steps;   ///< [rows, blocks * 32], zero behind the last column
  std::vector<float> scales;        ///< [rows, blocks]
  std::vector<std::int32_t> sums;   ///< [rows, blocks] of the steps: what a weight's zero point multiplies
};

/// x: f32, `rows` rows of `in` values, each `stride` values behind the last. Memory of `to` is used again.
void quantise_rows(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, quantised_rows& to,
                   instruction_set set = best_instruction_set());

/// The definition above, in plain words; what quantise_rows is held to.
void quantise_rows_reference(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride,
                             quantised_rows& to);

}  // namespace freshet::quant
