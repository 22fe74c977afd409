#include "kernels/quant/activations.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/quant/target.hpp"

namespace freshet::quant {
namespace {

constexpr float largest_step = 127.0F;
constexpr float least_maximum = 1e-30F;
constexpr std::int32_t magnitude_bits = 0x7FFFFFFF;
constexpr std::int32_t infinity_bits = 0x7F800000;
// 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
constexpr float round_magic = 12582912.0F;
constexpr std::int32_t round_magic_bits = 0x4B400000;

/// One block; `x` holds 32 values.
FRESHET_QUANT_INLINE void quantise_block(const float* x, std::int8_t* steps, float* scale, std::int32_t* sum) {
  // The magnitudes compare as integers, where NaN is the largest: no order of comparisons matters.
  std::int32_t bits[block_columns];
  std::memcpy(bits, x, sizeof bits);
  std::int32_t top = 0;
  for (const std::int32_t b : bits) top = std::max(top, b & magnitude_bits);
  float most = 0;
  std::memcpy(&most, &top, sizeof most);
  if (top >= infinity_bits || most < least_maximum) {
    *scale = top >= infinity_bits ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
    *sum = 0;
    std::memset(steps, 0, block_columns);
    return;
  }
  const float per_step = largest_step / most;
  std::int32_t total = 0;
  for (std::int64_t i = 0; i < block_columns; ++i) {
    const float shifted = x[i] * per_step + round_magic;
    std::int32_t word = 0;
    std::memcpy(&word, &shifted, sizeof word);
    const std::int32_t step = word - round_magic_bits;
    steps[i] = static_cast<std::int8_t>(step);
    total += step;
  }
  *scale = most / largest_step;
  *sum = total;
}

FRESHET_QUANT_INLINE void quantise_body(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride,
                                        quantised_rows& to) {
  const std::int64_t whole = in / block_columns;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * stride;
    std::int8_t* steps = to.steps.data() + r * to.blocks * block_columns;
    float* scales = to.scales.data() + r * to.blocks;
    std::int32_t* sums = to.sums.data() + r * to.blocks;
    for (std::int64_t b = 0; b < whole; ++b) {
      quantise_block(row + b * block_columns, steps + b * block_columns, scales + b, sums + b);
    }
    if (whole < to.blocks) {
      float tail[block_columns] = {};
      std::memcpy(tail, row + whole * block_columns, static_cast<std::size_t>(in - whole * block_columns) * sizeof(float));
      quantise_block(tail, steps + whole * block_columns, scales + whole, sums + whole);
    }
  }
}
FRESHET_QUANT_KERNEL(quantise, quantise_body,
                     (const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, quantised_rows& to),
                     (x, rows, in, stride, to))

void make_room(quantised_rows& to, std::int64_t rows, std::int64_t in) {
  to.rows = rows;
  to.blocks = (in + block_columns - 1) / block_columns;
  const auto blocks = static_cast<std::size_t>(rows * to.blocks);
  to.steps.resize(blocks * static_cast<std::size_t>(block_columns));
  to.scales.resize(blocks);
  to.sums.resize(blocks);
}

}  // namespace

void quantise_rows(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride, quantised_rows& to,
                   instruction_set set) {
  make_room(to, rows, in);
  pick_quantise(set)(x, rows, in, stride, to);
}

void quantise_rows_reference(const float* x, std::int64_t rows, std::int64_t in, std::int64_t stride,
                             quantised_rows& to) {
  make_room(to, rows, in);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t b = 0; b < to.blocks; ++b) {
      const auto at = static_cast<std::size_t>(r * to.blocks + b);
      const float* from = x + r * stride + b * block_columns;
      const std::int64_t columns = std::min(block_columns, in - b * block_columns);
      float most = 0;
      bool finite = true;
      for (std::int64_t i = 0; i < columns; ++i) {
        finite = finite && std::isfinite(from[i]);
        most = std::max(most, std::fabs(from[i]));
      }
      const bool zero = !finite || most < least_maximum;
      to.scales[at] = !finite ? std::numeric_limits<float>::quiet_NaN() : zero ? 0.0F : most / largest_step;
      to.sums[at] = 0;
      for (std::int64_t i = 0; i < block_columns; ++i) {
        const float step = zero || i >= columns ? 0.0F : std::nearbyint(from[i] * (largest_step / most));
        to.steps[at * static_cast<std::size_t>(block_columns) + static_cast<std::size_t>(i)] = static_cast<std::int8_t>(step);
        to.sums[at] += static_cast<std::int32_t>(step);
      }
    }
  }
}

}  // namespace freshet::quant
