// Prompts as Hugging Face's processors make them: token ids with placeholders where pictures stand, an
// attention mask, pixels in the form that the architecture's processor gives them. The forward pass as the reference
// has it: the engine's own way (multimodal::visual_tokens, text_hidden) is held to it by tests.
// Shapes: B rows, T positions, I pictures, D decoder width.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/base/result.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::model {

struct prompt_input {
  at::Tensor ids;         ///< i64 [B, T]; the image token once for each visual token
  at::Tensor mask;        ///< i64 or bool [B, T], 0 for padding on either side; undefined = all valid
  /// f32, normalised; undefined for text alone. LLaVA: [I, 3, side, side]. Idefics3, SmolVLM: [B, I, 3, H, W],
  /// pictures of zeros fill rows up. Qwen2-VL: patches [sum of the grids, 3 · frames · patch²].
  at::Tensor pixels;
  at::Tensor pixel_mask;  ///< Idefics3, SmolVLM: i64 or bool [B, I, H, W], 0 where a picture is padded; or undefined
  at::Tensor grids;       ///< Qwen2-VL: i64 [I, 3] frames, rows and columns of patches
};

/// The visual tokens of all pictures, one after the other [M, D]. The error says what does not fit.
[[nodiscard]] result<at::Tensor> picture_tokens(const multimodal& model, const prompt_input& in);

/// The embeddings with the pictures' tokens in their places, and every token's position. Fails where the
/// placeholders are not as many as the visual tokens.
[[nodiscard]] result<sequence> read_prompt(const multimodal& model, const prompt_input& in);

}  // namespace freshet::model
