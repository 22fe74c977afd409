#include "kernels/model/grid_tower.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/model/parameter_list.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/recompute.hpp"

namespace freshet::model {
namespace {

constexpr double rope_theta = 10000;
const std::string grid_prefix(tower_part);

}  // namespace

void list_grid_tower(parameter_list& to, const vision_config& v) {
  list_tensor(to, grid_prefix + "patch_embed.proj.weight",
              {v.hidden_size, v.num_channels, v.temporal_patch, v.patch_size, v.patch_size});
  for (std::int64_t i = 0; i < v.num_hidden_layers; ++i) {
    const std::string name = grid_prefix + "blocks." + std::to_string(i) + ".";
    list_norm(to, name + "norm1", v.hidden_size);
    list_norm(to, name + "norm2", v.hidden_size);
    list_linear(to, name + "attn.qkv", 3 * v.hidden_size, v.hidden_size, true);
    list_linear(to, name + "attn.proj", v.hidden_size, v.hidden_size, true);
    list_linear(to, name + "mlp.fc1", v.intermediate_size, v.hidden_size, true);
    list_linear(to, name + "mlp.fc2", v.hidden_size, v.intermediate_size, true);
  }
}

grid_tower::grid_tower(const vision_config& config, const parameters& from, double lora_scale) : config_(config) {
  patch_weight_ = adapted_weight::take(from, grid_prefix + "patch_embed.proj", lora_scale);
  std::vector<float> frequencies;
  const std::int64_t turned = config.head_dim() / 2;  // half of a head's channels by the row, half by the column
  for (std::int64_t i = 0; i < turned / 2; ++i) {
    frequencies.push_back(
        static_cast<float>(std::pow(rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(turned))));
  }
  frequencies_ = at::tensor(frequencies);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string name = grid_prefix + "blocks." + std::to_string(i) + ".";
    block b;
    b.norm1 = layer_norm::take(from, name + "norm1", config.layer_norm_eps);
    b.norm2 = layer_norm::take(from, name + "norm2", config.layer_norm_eps);
    b.qkv = linear::take(from, name + "attn.qkv", lora_scale);
    b.proj = linear::take(from, name + "attn.proj", lora_scale);
    b.fc1 = linear::take(from, name + "mlp.fc1", lora_scale);
    b.fc2 = linear::take(from, name + "mlp.fc2", lora_scale);
    blocks_.push_back(std::move(b));
  }
}

at::Tensor grid_tower::run(const block& b, const at::Tensor& x, const places& where) const {
  const at::Tensor qkv = b.qkv(b.norm1(x))
                             .view({x.size(0), x.size(1), 3, config_.num_attention_heads, config_.head_dim()})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor y =
      x + b.proj(attend(rotate(qkv[0], where.cosine, where.sine), rotate(qkv[1], where.cosine, where.sine), qkv[2], where.bias));
  return y + b.fc2(activate(config_.hidden_act, b.fc1(b.norm2(y))));
}

at::Tensor grid_tower::features(const grid_patches& in) const {
  const auto by = [&](const at::Tensor& at) { return at.to(at::kFloat).unsqueeze(-1) * frequencies_; };
  const at::Tensor half = at::cat({by(in.rows), by(in.columns)}, -1);
  const at::Tensor angles = at::cat({half, half}, -1).unsqueeze(1);
  places where{angles.cos(), angles.sin(), {}};
  if (in.valid.defined()) where.bias = additive_mask(in.valid).unsqueeze(1).unsqueeze(1);

  at::Tensor x = at::linear(in.patches, patch_weight_().flatten(1));
  for (const block& b : blocks_) {
    if (!recomputes_) {
      x = run(b, x, where);
    } else {
      x = recomputed([this, &b, where](const at::Tensor& y) { return run(b, y, where); }, x,
                     tensors_of(b.norm1, b.norm2, b.qkv, b.proj, b.fc1, b.fc2));
    }
  }
  return x;
}

}  // namespace freshet::model
