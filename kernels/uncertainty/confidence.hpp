// Scores from the most probable word: -log max_v softmax(z / T)[v] = log(1 + sum exp(-gap_v / T)).
// `confidence_product` is stage 1 of UTS (arXiv 2312.16279, T = 0.1): minus the log of the product
// over the answer; the paper's "confidence below 0.5" is a score above log 2. `confidence_mean` is
// the same a position, so that long answers do not count as doubtful by length alone;
// `min_entropy` is the mean at T = 1.
// Thread contract: pure functions.
#pragma once

#include <cstddef>

#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/lanes.hpp"
#include "kernels/uncertainty/score_view.hpp"

namespace freshet::uncertainty {

/// |fast - reference| <= this * (1 + reference), nats; holds for d/T down to float range.
inline constexpr float confidence_tolerance = 2e-6f;

/// logits: [rows, width] -> out: [rows], -log max softmax(row / temperature). Computed in double.
void min_entropy_rows_reference(const float* logits, std::size_t rows, std::size_t width, float temperature, float* out);
/// The same within confidence_tolerance, one read of memory. Finite or -infinity logits.
void min_entropy_rows(const float* logits, std::size_t rows, std::size_t width, float temperature, float* out,
                      instruction_set set = best_instruction_set());

float confidence_product(const sample_view& view, const score_context& context, rng& draws);
float confidence_mean(const sample_view& view, const score_context& context, rng& draws);
float min_entropy(const sample_view& view, const score_context& context, rng& draws);

}  // namespace freshet::uncertainty
