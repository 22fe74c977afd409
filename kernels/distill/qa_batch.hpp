// Answered questions as the tensors that training reads: several questions a picture, packed as
// blocks behind it, with the loss on answer tokens only.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "kernels/model/multimodal.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::distill {

/// Token ids of one question as the model reads it, and of its answer with the end token.
[[nodiscard]] std::vector<std::int32_t> prompt_tokens(const model::tokenizer& words, const std::string& question);
[[nodiscard]] std::vector<std::int32_t> answer_tokens(const model::tokenizer& words, const std::string& answer);

/// M = all answer positions of the batch, N pictures, T text positions.
struct qa_batch {
  model::visual_input visual;  ///< its patches are undefined where no picture came as pixels
  at::Tensor features;         ///< f32 [N, K, F] of the vision tower, where some pictures came so; else undefined
  at::Tensor pixel_rows;       ///< i64 [<= N] beside features: the pictures that came as pixels, blank there
  model::text_blocks text;
  at::Tensor label_rows;     ///< i64 [M] picture of each answer position
  at::Tensor label_columns;  ///< i64 [M] text position whose logits predict the label
  at::Tensor labels;         ///< i64 [M]
};

/// Prompt and answer of one block, neither empty; each answer token must be predicted from all before it.
struct qa_block {
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> answer;
};

/// Lays out blocks[n] behind picture n. `visual` is taken as it is.
[[nodiscard]] qa_batch pack_batch(model::visual_input visual, const std::vector<std::vector<qa_block>>& blocks);

/// The visual tokens [N, K, D] of the batch; K = 0 where there are no pictures. What came as features is not seen by the
/// tower again.
[[nodiscard]] at::Tensor visual_tokens(const model::multimodal& m, const qa_batch& batch);

/// Hidden states [M, D] at the label positions.
[[nodiscard]] at::Tensor label_hidden(const model::multimodal& m, const at::Tensor& visual_tokens, const qa_batch& batch);

}  // namespace freshet::distill
