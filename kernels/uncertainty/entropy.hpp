// Shannon entropy of the answer's word distribution, in nats, mean over the generated positions.
// Thread contract: pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this * (1 + reference), nats.
inline constexpr float entropy_tolerance = 4e-6f;

/// logits: [rows, width] -> out: [rows], -sum p log p of softmax(row). Computed in double.
void entropy_rows_reference(const float* logits, std::size_t rows, std::size_t width, float* out);
/// The same within entropy_tolerance, one read of memory. Finite or -infinity logits.
void entropy_rows(const float* logits, std::size_t rows, std::size_t width, float* out,
                  instruction_set set = best_instruction_set());

float entropy(const sample_view& view, const score_context& context, rng& draws);

}  // namespace freshet::uncertainty
