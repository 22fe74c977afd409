// Margin: 1 - (p1 - p2) of the two most probable words, mean over the generated positions; in [0, 1].
// Thread contract: pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this.
inline constexpr float margin_tolerance = 2e-6f;

/// logits: [rows, width] -> out: [rows]; a row of one word scores 0 (p2 = 0). Computed in double.
void margin_rows_reference(const float* logits, std::size_t rows, std::size_t width, float* out);
/// The same within margin_tolerance, one read of memory. Finite or -infinity logits.
void margin_rows(const float* logits, std::size_t rows, std::size_t width, float* out,
                 instruction_set set = best_instruction_set());

float margin(const sample_view& view, const score_context& context, rng& draws);

}  // namespace freshet::uncertainty
