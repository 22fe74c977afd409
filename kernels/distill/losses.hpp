// The terms of the distillation loss (AKD, arXiv 2312.16279, and what goes beyond it), each a pure
// function of tensors. Adding one: a function here, a weight in learner_options, a line in learner.
// Shapes: M answer positions, V words, k kept teacher logits, N samples, K tokens (padded).
// All are means. Where a batch is computed in parts, each part is given what the whole batch divides by, and the
// parts add up to the batch's mean.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

namespace freshet::distill {

/// Cross entropy with hard labels, weighted mean. logits [M, V], labels i64 [M], weights [M]. `total` takes the
/// place of the sum of `weights`.
[[nodiscard]] at::Tensor weighted_cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                                const at::Tensor& weights, std::optional<double> total = std::nullopt);

/// T² · KL(p_teacher^T ‖ p_student^T) over the teacher's top k words and one bucket for all others
/// (arXiv 1503.02531). logits [M, V]; ids i64 [M, k]; log_probs [M, k] natural log at temperature 1;
/// rest [M] the mass outside; weights [M]. `total` as above.
[[nodiscard]] at::Tensor topk_distillation(const at::Tensor& logits, const at::Tensor& ids, const at::Tensor& log_probs,
                                           const at::Tensor& rest, const at::Tensor& weights, double temperature,
                                           std::optional<double> total = std::nullopt);

inline constexpr std::size_t wavelet_levels = 3;

/// How many values a channel each mean of qkd() is over: tokens, then the detail coefficients of each level.
struct qkd_counts {
  std::array<std::int64_t, 1 + wavelet_levels> values{};
  /// Counts a sample of so many tokens.
  void add(std::int64_t tokens);
};

/// QKD(s, t) of arXiv 2312.16279: mean (s' - t)² + Σ over 3 levels of mean |D(s') - D(t)|, where s'
/// is the aligned student feature and D the detail bands of a db6 transform along the tokens.
/// student, teacher [N, K, D]; valid bool [N, K] or undefined: a row's padding, behind what is valid,
/// changes nothing. `counts` takes the place of what these samples count.
[[nodiscard]] at::Tensor qkd(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& valid,
                             const std::optional<qkd_counts>& counts = std::nullopt);

}  // namespace freshet::distill
