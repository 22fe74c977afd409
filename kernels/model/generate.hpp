// Answers: greedy or sampled generation with a key-value cache, batched with padding.
// Thread contract: one thread a model. No gradient is kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::model {

struct generation_options {
  std::int64_t max_new_tokens = 8;
  double temperature = 0;   ///< 0 = greedy
  double top_p = 1;         ///< sampled from the smallest set whose probability reaches this
  bool want_relevance = false;
};

struct generated {
  std::vector<std::vector<std::int32_t>> tokens;  ///< [N][A_n], the end token included where it came
  at::Tensor logits;     ///< f32 [N, A, V] raw, rows that had ended hold zeros; A = longest answer
  at::Tensor hidden;     ///< f32 [N, A, D] the states that gave the logits
  at::Tensor relevance;  ///< f32 [N, K] attention of the first answer position on each visual token (of a whole
                         ///< sequence: on each of its positions), mean over the last layer's heads; undefined
                         ///< unless asked for
};

/// One prompt (token ids after the picture) a row. visual [N, K, D] from visual_tokens, or no_picture; valid
/// bool [N, K] or undefined; cells as in before_text. `draw` is used only with temperature > 0.
[[nodiscard]] generated generate(const multimodal& model, const at::Tensor& visual, const at::Tensor& valid,
                                 const std::vector<std::vector<std::int32_t>>& prompts,
                                 const generation_options& options, rng* draw = nullptr,
                                 const at::Tensor& cells = {});

/// The same for any sequence, padded on either side; every row has a valid position.
[[nodiscard]] generated generate(const multimodal& model, const sequence& prompt, const generation_options& options,
                                 rng* draw = nullptr);

}  // namespace freshet::model
