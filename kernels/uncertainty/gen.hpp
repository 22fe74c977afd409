// GEN, generalised entropy (Liu, Lochman, Zach, CVPR 2023): sum over the M most probable words of
// p^g (1-p)^g, g = 0.1; mean over the generated positions. The small power lets the tail speak.
// Thread contract: pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this * (1 + reference).
inline constexpr float gen_tolerance = 5e-6f;

/// logits: [rows, width] -> out: [rows]; `top` = M (at least 1), `gamma` = g > 0. Computed in double.
void gen_rows_reference(const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top,
                        float* out);
/// The same within gen_tolerance. One read of memory when top >= width, else a selection as well.
void gen_rows(const float* logits, std::size_t rows, std::size_t width, float gamma, std::size_t top, float* out,
              instruction_set set = best_instruction_set());

float gen(const sample_view& view, const score_context& context, rng& draws);

}  // namespace freshet::uncertainty
