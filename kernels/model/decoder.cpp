#include "kernels/model/decoder.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace freshet::model {
namespace {

/// Angular frequency of each pair of channels [d / 2] (arXiv 2104.09864; scaled as the config says).
at::Tensor rope_frequencies(const text_config& config) {
  constexpr double two_pi = 6.283185307179586;
  const std::int64_t half = config.head_dim / 2;
  std::vector<float> out;
  for (std::int64_t i = 0; i < half; ++i) {
    double f = std::pow(config.rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
    if (config.rope.kind == rope_kind::linear) f /= config.rope.factor;
    if (config.rope.kind == rope_kind::llama3) {
      // Long waves are stretched, short ones kept, those between interpolated (Llama 3.1 model card).
      const double wave = two_pi / f;
      const auto context = static_cast<double>(config.rope.original_max_position_embeddings);
      const double low = context / config.rope.low_freq_factor;
      const double high = context / config.rope.high_freq_factor;
      if (wave > low) {
        f /= config.rope.factor;
      } else if (wave > high) {
        const double t =
            (context / wave - config.rope.low_freq_factor) / (config.rope.high_freq_factor - config.rope.low_freq_factor);
        f = (1 - t) * f / config.rope.factor + t * f;
      }
    }
    out.push_back(static_cast<float>(f));
  }
  return at::tensor(out);
}

/// Rotates the pairs (i, i + d/2). x [B, H, T, d]; cosine, sine [B, 1, T, d].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor turned = at::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
  return x * cosine + turned * sine;
}

}  // namespace

decoder::decoder(const text_config& config, const parameters& from, const std::string& prefix,
                 const std::string& head_name, double lora_scale)
    : config_(config), frequencies_(rope_frequencies(config)) {
  quantised_embedding_ = from.quantised(prefix + "embed_tokens");
  if (!quantised_embedding_.defined()) embedding_ = from.at(prefix + "embed_tokens.weight");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string name = prefix + "layers." + std::to_string(i) + ".";
    layer l;
    l.input_norm = rms_norm::take(from, name + "input_layernorm", config.rms_norm_eps);
    l.post_norm = rms_norm::take(from, name + "post_attention_layernorm", config.rms_norm_eps);
    l.q = linear::take(from, name + "self_attn.q_proj", lora_scale);
    l.k = linear::take(from, name + "self_attn.k_proj", lora_scale);
    l.v = linear::take(from, name + "self_attn.v_proj", lora_scale);
    l.o = linear::take(from, name + "self_attn.o_proj", lora_scale);
    l.gate = linear::take(from, name + "mlp.gate_proj", lora_scale);
    l.up = linear::take(from, name + "mlp.up_proj", lora_scale);
    l.down = linear::take(from, name + "mlp.down_proj", lora_scale);
    layers_.push_back(std::move(l));
  }
  norm_ = rms_norm::take(from, prefix + "norm", config.rms_norm_eps);
  if (config.tie_word_embeddings) {
    head_.weight = embedding_;
    head_.quantised = quantised_embedding_;
    head_.name = prefix + "embed_tokens";
  } else {
    head_ = linear::take(from, head_name, lora_scale);
  }
}

at::Tensor decoder::embed(const at::Tensor& ids) const {
  return quantised_embedding_.defined() ? embedding_rows(quantised_embedding_, ids) : at::embedding(embedding_, ids);
}

at::Tensor decoder::hidden(const at::Tensor& embeds, const at::Tensor& positions, const at::Tensor& bias,
                           kv_cache* cache, at::Tensor* attention, std::vector<at::Tensor>* states) const {
  const std::int64_t b = embeds.size(0);
  const std::int64_t t = embeds.size(1);
  const std::int64_t d = config_.head_dim;
  const std::int64_t groups = config_.num_attention_heads / config_.num_key_value_heads;
  const at::Tensor half_angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies_;
  const at::Tensor angles = at::cat({half_angles, half_angles}, -1).unsqueeze(1);
  const at::Tensor cosine = angles.cos();
  const at::Tensor sine = angles.sin();

  at::Tensor x = embeds;
  if (states != nullptr) states->push_back(x);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const layer& l = layers_[i];
    const at::Tensor normed = l.input_norm(x);
    const at::Tensor q =
        rotate(l.q(normed).view({b, t, config_.num_attention_heads, d}).transpose(1, 2), cosine, sine);
    at::Tensor k = rotate(l.k(normed).view({b, t, config_.num_key_value_heads, d}).transpose(1, 2), cosine, sine);
    at::Tensor v = l.v(normed).view({b, t, config_.num_key_value_heads, d}).transpose(1, 2);
    if (cache != nullptr) {
      if (i < cache->keys.size()) {
        k = at::cat({cache->keys[i], k}, 2);
        v = at::cat({cache->values[i], v}, 2);
        cache->keys[i] = k;
        cache->values[i] = v;
      } else {
        cache->keys.push_back(k);
        cache->values.push_back(v);
      }
    }
    if (groups > 1) {
      k = k.repeat_interleave(groups, 1);
      v = v.repeat_interleave(groups, 1);
    }
    at::Tensor* weights = attention != nullptr && i + 1 == layers_.size() ? attention : nullptr;
    x = x + l.o(attend(q, k, v, bias, weights));
    const at::Tensor post = l.post_norm(x);
    x = x + l.down(activate(config_.hidden_act, l.gate(post)) * l.up(post));
    if (states != nullptr && i + 1 < layers_.size()) states->push_back(x);
  }
  x = norm_(x);
  if (states != nullptr) states->push_back(x);
  return x;
}

at::Tensor decoder::logits(const at::Tensor& hidden_states) const { return head_(hidden_states); }

}  // namespace freshet::model
