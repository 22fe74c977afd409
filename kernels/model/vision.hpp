// The vision tower: CLIP, SigLIP or Idefics3's SigLIP as Hugging Face defines them, fed with patches,
// some of which may be missing. A missing patch is not in the sequence at all; with a convolutional stem
// it is blank (the mean colour) in the picture that the stem sees.
// Shapes: N pictures, K patches given of L in the grid, P = channels · patch², D hidden width.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "kernels/model/layers.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

struct visual_input {
  at::Tensor patches;    ///< f32 [N, K, P], normalised; a patch is [channel, row, column]
  at::Tensor positions;  ///< i64 [N, K] cell of the grid, row-major; undefined = 0..L-1 (K = L)
  at::Tensor valid;      ///< bool [N, K] false for padding; undefined = all valid
};

/// Where the kept cells of several pictures are: positions and, where rows are padded to the longest, `valid`.
/// positions[n] = the cells of picture n. No patches.
[[nodiscard]] visual_input places_of(const std::vector<std::vector<std::int64_t>>& positions);

/// Cuts pictures into patches. pixels f32 [N, C, side, side] → [N, L, P]. Errors: none; sides must
/// be at least one patch (a remainder is dropped, as a strided convolution does).
[[nodiscard]] at::Tensor to_patches(const at::Tensor& pixels, std::int64_t patch_size);

/// The rows of Idefics3's position embedding for pictures of which only a top left rectangle is real: its
/// patches are spread over the whole grid. real bool [N, rows, columns], at most side × side → i64 [N, rows ·
/// columns], 0 where not real. In whole numbers: the reference rounds in f32, which differs on no grid up to 36.
[[nodiscard]] at::Tensor spread_positions(const at::Tensor& real, std::int64_t side);

class vision_tower {
 public:
  vision_tower() = default;
  vision_tower(const vision_config& config, const parameters& from, double lora_scale);

  /// What the connector reads: hidden states of `layer`, for Idefics3 after the last norm. [N, K (+1), D]
  [[nodiscard]] at::Tensor features(const visual_input& in, std::int64_t layer) const;
  /// Hidden states up to `layer` (index into [layers + 1], negative from the end): [N, K (+1), D].
  [[nodiscard]] at::Tensor hidden(const visual_input& in, std::int64_t layer) const;
  /// Whether the way back computes each layer once more instead of keeping what it needs of it (recompute.hpp).
  void recompute_layers(bool on) { recomputes_ = on; }
  /// All of them, for tests.
  [[nodiscard]] std::vector<at::Tensor> hidden_all(const visual_input& in) const;

 private:
  struct stem_layer {
    adapted_weight conv;
    at::Tensor bias, norm_weight, norm_bias;
  };
  struct encoder_layer {
    layer_norm norm1, norm2;
    linear q, k, v, out, fc1, fc2;
  };
  [[nodiscard]] at::Tensor embed(const visual_input& in) const;
  /// embed(), over a quantised base picture by picture where no gradient is kept: convolutions and BLAS round
  /// differently for other numbers of pictures, and cloud and device must not.
  [[nodiscard]] at::Tensor embed_alike(const visual_input& in) const;
  [[nodiscard]] at::Tensor through_stem(const visual_input& in) const;
  [[nodiscard]] at::Tensor run(const encoder_layer& l, const at::Tensor& x, const at::Tensor& bias) const;

  vision_config config_;
  std::vector<stem_layer> stem_;
  adapted_weight patch_weight_;
  at::Tensor patch_bias_, class_embedding_, position_embedding_;
  bool recomputes_ = false;
  bool has_pre_norm_ = false;
  bool has_post_norm_ = false;
  layer_norm pre_norm_, post_norm_;
  std::vector<encoder_layer> layers_;
};

}  // namespace freshet::model
