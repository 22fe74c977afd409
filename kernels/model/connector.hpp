// What makes a decoder's tokens of a tower's features: LLaVA's MLP, Idefics3's pixel shuffle (arXiv
// 2408.12637), Qwen2-VL's patch merger (arXiv 2409.12191). The last two turn the patches of a cell, a
// square of merge × merge, into one token; here the features of a cell stand together, row by row,
// cell after cell.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/model/layers.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

class connector {
 public:
  connector() = default;
  connector(const projector_config& config, const vision_config& vision, const parameters& from, double lora_scale);

  /// [N, K · merge², E] → [N, K, D]
  [[nodiscard]] at::Tensor operator()(const at::Tensor& features) const;

 private:
  connector_kind kind_ = connector_kind::mlp;
  activation act_ = activation::gelu;
  std::int64_t patches_per_cell_ = 1;
  layer_norm norm_;
  linear first_, second_;
};

}  // namespace freshet::model
