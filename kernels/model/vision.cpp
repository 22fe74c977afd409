#include "kernels/model/vision.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/model/parameter_list.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/recompute.hpp"

namespace freshet::model {
namespace {

constexpr std::int64_t stem_groups = 8;
const std::string vision_prefix(vision_model_part);

}  // namespace

visual_input places_of(const std::vector<std::vector<std::int64_t>>& positions) {
  std::size_t most = 1;
  for (const auto& p : positions) most = std::max(most, p.size());
  const bool ragged = std::any_of(positions.begin(), positions.end(), [&](const auto& p) { return p.size() != most; });
  const auto n = static_cast<std::int64_t>(positions.size());
  const auto longest = static_cast<std::int64_t>(most);
  visual_input out;
  out.positions = at::zeros({n, longest}, at::kLong);
  at::Tensor valid = at::zeros({n, longest}, at::kBool);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& p = positions[static_cast<std::size_t>(i)];
    std::copy(p.begin(), p.end(), out.positions.data_ptr<std::int64_t>() + i * longest);
    std::fill_n(valid.data_ptr<bool>() + i * longest, p.size(), true);
  }
  if (ragged) out.valid = valid;
  return out;
}

at::Tensor to_patches(const at::Tensor& pixels, std::int64_t patch_size) {
  const std::int64_t n = pixels.size(0);
  const std::int64_t c = pixels.size(1);
  const std::int64_t rows = pixels.size(2) / patch_size;
  const std::int64_t columns = pixels.size(3) / patch_size;
  return pixels.narrow(2, 0, rows * patch_size)
      .narrow(3, 0, columns * patch_size)
      .reshape({n, c, rows, patch_size, columns, patch_size})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({n, rows * columns, c * patch_size * patch_size});
}

at::Tensor spread_positions(const at::Tensor& real, std::int64_t side) {
  const std::int64_t rows = real.size(1);
  const std::int64_t columns = real.size(2);
  FRESHET_ENSURE(rows <= side && columns <= side, "spread_positions: a picture larger than the position embedding");
  // Counted along the first row and column, as the reference does.
  const at::Tensor high = real.select(2, 0).sum(1).clamp_min(1);
  const at::Tensor wide = real.select(1, 0).sum(1).clamp_min(1);
  const auto spread = [&](std::int64_t n, const at::Tensor& count) {
    return at::arange(n, at::kLong).mul(side).unsqueeze(0).div(count.unsqueeze(1), "floor").clamp_max(side - 1);
  };
  const at::Tensor ids = spread(rows, high).unsqueeze(2).mul(side) + spread(columns, wide).unsqueeze(1);
  return ids.mul(real.to(at::kLong)).flatten(1);
}

void list_vision_tower(parameter_list& to, const vision_config& v) {
  std::int64_t channels = v.num_channels;
  for (std::size_t i = 0; i < v.patch_stem.size(); ++i) {
    const std::string name = vision_prefix + "embeddings.stem." + std::to_string(i);
    list_tensor(to, name + ".conv.weight", {v.patch_stem[i], channels, 3, 3});
    list_tensor(to, name + ".conv.bias", {v.patch_stem[i]});
    list_norm(to, name + ".norm", v.patch_stem[i]);
    channels = v.patch_stem[i];
  }
  const std::int64_t kernel = v.patch_stem.empty() ? v.patch_size : 1;
  list_tensor(to, vision_prefix + "embeddings.patch_embedding.weight", {v.hidden_size, channels, kernel, kernel});
  if (v.kind != vision_kind::clip) list_tensor(to, vision_prefix + "embeddings.patch_embedding.bias", {v.hidden_size});
  list_tensor(to, vision_prefix + "embeddings.position_embedding.weight", {v.tokens(), v.hidden_size});
  if (v.class_token) {
    list_tensor(to, vision_prefix + "embeddings.class_embedding", {v.hidden_size});
    list_norm(to, vision_prefix + "pre_layrnorm", v.hidden_size);
  }
  for (std::int64_t i = 0; i < v.num_hidden_layers; ++i) {
    const std::string name = vision_prefix + "encoder.layers." + std::to_string(i) + ".";
    list_norm(to, name + "layer_norm1", v.hidden_size);
    for (const char* p : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      list_linear(to, name + "self_attn." + p, v.hidden_size, v.hidden_size, true);
    }
    list_norm(to, name + "layer_norm2", v.hidden_size);
    list_linear(to, name + "mlp.fc1", v.intermediate_size, v.hidden_size, true);
    list_linear(to, name + "mlp.fc2", v.hidden_size, v.intermediate_size, true);
  }
  if (v.kind == vision_kind::idefics3) list_norm(to, vision_prefix + "post_layernorm", v.hidden_size);
}

vision_tower::vision_tower(const vision_config& config, const parameters& from, double lora_scale)
    : config_(config) {
  const std::string embeddings = vision_prefix + "embeddings.";
  for (std::size_t i = 0; i < config.patch_stem.size(); ++i) {
    const std::string name = embeddings + "stem." + std::to_string(i);
    stem_.push_back({adapted_weight::take(from, name + ".conv", lora_scale), from.at(name + ".conv.bias"), from.at(name + ".norm.weight"),
                     from.at(name + ".norm.bias")});
  }
  patch_weight_ = adapted_weight::take(from, embeddings + "patch_embedding", lora_scale);
  patch_bias_ = from.find(embeddings + "patch_embedding.bias");
  position_embedding_ = from.at(embeddings + "position_embedding.weight");
  if (config.class_token) {
    class_embedding_ = from.at(embeddings + "class_embedding");
    pre_norm_ = layer_norm::take(from, vision_prefix + "pre_layrnorm", config.layer_norm_eps);
    has_pre_norm_ = true;
  }
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string name = vision_prefix + "encoder.layers." + std::to_string(i) + ".";
    encoder_layer l;
    l.norm1 = layer_norm::take(from, name + "layer_norm1", config.layer_norm_eps);
    l.norm2 = layer_norm::take(from, name + "layer_norm2", config.layer_norm_eps);
    l.q = linear::take(from, name + "self_attn.q_proj", lora_scale);
    l.k = linear::take(from, name + "self_attn.k_proj", lora_scale);
    l.v = linear::take(from, name + "self_attn.v_proj", lora_scale);
    l.out = linear::take(from, name + "self_attn.out_proj", lora_scale);
    l.fc1 = linear::take(from, name + "mlp.fc1", lora_scale);
    l.fc2 = linear::take(from, name + "mlp.fc2", lora_scale);
    layers_.push_back(std::move(l));
  }
  has_post_norm_ = config.kind == vision_kind::idefics3;
  if (has_post_norm_) post_norm_ = layer_norm::take(from, vision_prefix + "post_layernorm", config.layer_norm_eps);
}

at::Tensor vision_tower::through_stem(const visual_input& in) const {
  const std::int64_t n = in.patches.size(0);
  const std::int64_t grid = config_.grid();
  const std::int64_t patch = config_.patch_size;
  at::Tensor patches = in.patches;
  if (in.positions.defined()) {
    if (in.valid.defined()) patches = patches * in.valid.unsqueeze(-1).to(at::kFloat);
    // Padding adds zeros to a cell, so it changes nothing wherever its position points.
    patches = at::zeros({n, grid * grid, patches.size(2)}, patches.options())
                  .scatter_add(1, in.positions.unsqueeze(-1).expand({n, in.positions.size(1), patches.size(2)}), patches);
  }
  at::Tensor x = patches.reshape({n, grid, grid, config_.num_channels, patch, patch})
                     .permute({0, 3, 1, 4, 2, 5})
                     .reshape({n, config_.num_channels, grid * patch, grid * patch});
  for (const stem_layer& l : stem_) {
    x = at::conv2d(x, l.conv(), l.bias, 2, 1);
    x = at::silu(at::group_norm(x, stem_groups, l.norm_weight, l.norm_bias, 1e-5));
  }
  // [N, channels, grid, grid] → [N, L, channels]; the patch embedding is a 1×1 convolution here.
  x = x.flatten(2).transpose(1, 2);
  x = at::linear(x, patch_weight_().flatten(1), patch_bias_);
  if (!in.positions.defined()) return x;
  return x.gather(1, in.positions.unsqueeze(-1).expand({n, in.positions.size(1), x.size(2)}));
}

at::Tensor vision_tower::embed(const visual_input& in) const {
  at::Tensor x = stem_.empty() ? at::linear(in.patches, patch_weight_().flatten(1), patch_bias_) : through_stem(in);
  const std::int64_t first = config_.class_token ? 1 : 0;
  if (in.positions.defined()) {
    x = x + at::embedding(position_embedding_, in.positions + first);
  } else {
    x = x + position_embedding_.narrow(0, first, x.size(1));
  }
  if (config_.class_token) {
    const at::Tensor class_token = (class_embedding_ + position_embedding_[0]).expand({x.size(0), 1, x.size(2)});
    x = at::cat({class_token, x}, 1);
  }
  return has_pre_norm_ ? pre_norm_(x) : x;
}

at::Tensor vision_tower::embed_alike(const visual_input& in) const {
  const std::int64_t n = in.patches.size(0);
  if (n == 1 || at::GradMode::is_enabled() || layers_.empty() || !layers_.front().q.quantised.defined()) return embed(in);
  std::vector<at::Tensor> each;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto one = [&](const at::Tensor& t) { return t.defined() ? t.narrow(0, i, 1) : t; };
    each.push_back(embed({one(in.patches), one(in.positions), one(in.valid)}));
  }
  return at::cat(each, 0);
}

at::Tensor vision_tower::run(const encoder_layer& l, const at::Tensor& x, const at::Tensor& bias) const {
  const std::int64_t heads = config_.num_attention_heads;
  const auto split = [&](const at::Tensor& t) {
    return t.view({t.size(0), t.size(1), heads, config_.head_dim()}).transpose(1, 2);
  };
  const at::Tensor normed = l.norm1(x);
  const at::Tensor y = x + l.out(attend(split(l.q(normed)), split(l.k(normed)), split(l.v(normed)), bias));
  return y + l.fc2(activate(config_.hidden_act, l.fc1(l.norm2(y))));
}

at::Tensor vision_tower::features(const visual_input& in, std::int64_t layer) const {
  const at::Tensor x = hidden(in, layer);
  return has_post_norm_ ? post_norm_(x) : x;
}

at::Tensor vision_tower::hidden(const visual_input& in, std::int64_t layer) const {
  const std::int64_t states = static_cast<std::int64_t>(layers_.size()) + 1;
  const std::int64_t stop = layer < 0 ? states + layer : layer;
  FRESHET_ENSURE(stop >= 0 && stop < states, "vision_tower: vision_feature_layer is outside of the tower");
  at::Tensor bias;
  if (in.valid.defined()) {
    at::Tensor valid = in.valid;
    if (config_.class_token) valid = at::cat({at::ones({valid.size(0), 1}, valid.options()), valid}, 1);
    bias = additive_mask(valid).unsqueeze(1).unsqueeze(1);
  }
  at::Tensor x = embed_alike(in);
  for (std::int64_t i = 0; i < stop; ++i) {
    const encoder_layer& l = layers_[static_cast<std::size_t>(i)];
    if (!recomputes_) {
      x = run(l, x, bias);
    } else {
      x = recomputed([this, &l, bias](const at::Tensor& y) { return run(l, y, bias); }, x,
                     tensors_of(l.norm1, l.norm2, l.q, l.k, l.v, l.out, l.fc1, l.fc2));
    }
  }
  return x;
}

std::vector<at::Tensor> vision_tower::hidden_all(const visual_input& in) const {
  std::vector<at::Tensor> all;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(layers_.size()); ++i) all.push_back(hidden(in, i));
  return all;
}

}  // namespace freshet::model
