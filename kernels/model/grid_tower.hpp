// Qwen2-VL's vision tower (arXiv 2409.12191): patches of a picture of any size, told apart by rotary
// positions of row and column instead of an embedding.
// Shapes: N pictures (or frames: each sees itself only), K patches, P = channels · frames · patch², E width.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "kernels/model/layers.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

struct grid_patches {
  at::Tensor patches;  ///< f32 [N, K, P], normalised; a patch is [channel, frame, row, column]
  at::Tensor rows;     ///< i64 [N, K] or [1, K]
  at::Tensor columns;  ///< likewise
  at::Tensor valid;    ///< bool [N, K], false for padding; undefined = all valid
};

class grid_tower {
 public:
  grid_tower() = default;
  grid_tower(const vision_config& config, const parameters& from, double lora_scale);

  /// [N, K, E]
  [[nodiscard]] at::Tensor features(const grid_patches& in) const;
  /// As vision_tower's.
  void recompute_layers(bool on) { recomputes_ = on; }

 private:
  struct block {
    layer_norm norm1, norm2;
    linear qkv, proj, fc1, fc2;
  };
  /// What is the same for all blocks of a reading.
  struct places {
    at::Tensor cosine, sine, bias;
  };
  [[nodiscard]] at::Tensor run(const block& b, const at::Tensor& x, const places& where) const;

  vision_config config_;
  adapted_weight patch_weight_;
  at::Tensor frequencies_;  // [d / 4]
  std::vector<block> blocks_;
  bool recomputes_ = false;
};

}  // namespace freshet::model
