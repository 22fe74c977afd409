#include "kernels/model/decoder.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "kernels/model/part_names.hpp"
#include "kernels/model/parameter_list.hpp"
#include "kernels/model/recompute.hpp"

namespace freshet::model {
namespace {

const std::string decoder_prefix(decoder_part);
const std::string head_layer = std::string(head_part.substr(0, head_part.size() - 1));

}  // namespace

at::Tensor rope_frequencies(const text_config& config, std::int64_t positions) {
  constexpr double two_pi = 6.283185307179586;
  const rope_config& rope = config.rope;
  const auto d = static_cast<double>(config.head_dim);
  double theta = rope.theta;
  if (rope.kind == rope_kind::dynamic && positions > config.max_position_embeddings) {
    // The base grows so that the slowest pair spans the longer sequence ("NTK-aware", as transformers has it).
    const double longer = static_cast<double>(positions) / static_cast<double>(config.max_position_embeddings);
    theta *= std::pow(rope.factor * longer - (rope.factor - 1), d / (d - 2));
  }
  std::vector<float> out;
  for (std::int64_t i = 0; i < config.head_dim / 2; ++i) {
    double f = std::pow(theta, -2.0 * static_cast<double>(i) / d);
    if (rope.kind == rope_kind::linear) f /= rope.factor;
    if (rope.kind == rope_kind::llama3) {
      // Long waves are stretched, short ones kept, those between interpolated (Llama 3.1 model card).
      const double wave = two_pi / f;
      const auto context = static_cast<double>(rope.original_max_position_embeddings);
      if (wave > context / rope.low_freq_factor) {
        f /= rope.factor;
      } else if (wave > context / rope.high_freq_factor) {
        const double t = (context / wave - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
        f = (1 - t) * f / rope.factor + t * f;
      }
    }
    out.push_back(static_cast<float>(f));
  }
  return at::tensor(out);
}

void list_decoder(parameter_list& to, const text_config& t) {
  list_tensor(to, decoder_prefix + "embed_tokens.weight", {t.vocab_size, t.hidden_size});
  const std::int64_t q = t.num_attention_heads * t.head_dim;
  const std::int64_t kv = t.num_key_value_heads * t.head_dim;
  for (std::int64_t i = 0; i < t.num_hidden_layers; ++i) {
    const std::string name = decoder_prefix + "layers." + std::to_string(i) + ".";
    list_tensor(to, name + "input_layernorm.weight", {t.hidden_size});
    list_linear(to, name + "self_attn.q_proj", q, t.hidden_size, t.qkv_bias);
    list_linear(to, name + "self_attn.k_proj", kv, t.hidden_size, t.qkv_bias);
    list_linear(to, name + "self_attn.v_proj", kv, t.hidden_size, t.qkv_bias);
    list_linear(to, name + "self_attn.o_proj", t.hidden_size, q, t.output_bias);
    list_tensor(to, name + "post_attention_layernorm.weight", {t.hidden_size});
    list_linear(to, name + "mlp.gate_proj", t.intermediate_size, t.hidden_size, t.mlp_bias);
    list_linear(to, name + "mlp.up_proj", t.intermediate_size, t.hidden_size, t.mlp_bias);
    list_linear(to, name + "mlp.down_proj", t.hidden_size, t.intermediate_size, t.mlp_bias);
  }
  list_tensor(to, decoder_prefix + "norm.weight", {t.hidden_size});
  if (!t.tie_word_embeddings) list_linear(to, head_layer, t.vocab_size, t.hidden_size, false);
}

decoder::decoder(const text_config& config, const parameters& from, double lora_scale)
    : config_(config), frequencies_(rope_frequencies(config, 0)) {
  quantised_embedding_ = from.quantised(decoder_prefix + "embed_tokens");
  if (!quantised_embedding_.defined()) embedding_ = from.at(decoder_prefix + "embed_tokens.weight");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string name = decoder_prefix + "layers." + std::to_string(i) + ".";
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
  norm_ = rms_norm::take(from, decoder_prefix + "norm", config.rms_norm_eps);
  if (config.tie_word_embeddings) {
    head_.weight = embedding_;
    head_.quantised = quantised_embedding_;
    head_.name = decoder_prefix + "embed_tokens";
  } else {
    head_ = linear::take(from, head_layer, lora_scale);
  }
}

at::Tensor decoder::embed(const at::Tensor& ids) const {
  return quantised_embedding_.defined() ? embedding_rows(quantised_embedding_, ids) : at::embedding(embedding_, ids);
}

at::Tensor decoder::angles(const at::Tensor& positions) const {
  at::Tensor frequencies = frequencies_;
  if (config_.rope.kind == rope_kind::dynamic) {
    frequencies = rope_frequencies(config_, positions.max().item<std::int64_t>() + 1);
  }
  at::Tensor half = positions.to(at::kFloat).unsqueeze(-1) * frequencies;
  if (positions.dim() == 3) {
    std::vector<at::Tensor> sections;
    std::int64_t from = 0;
    for (std::size_t i = 0; i < config_.rope.mrope_section.size(); ++i) {
      const std::int64_t pairs = config_.rope.mrope_section[i];
      sections.push_back(half[static_cast<std::int64_t>(i)].narrow(-1, from, pairs));
      from += pairs;
    }
    half = at::cat(sections, -1);
  }
  return at::cat({half, half}, -1).unsqueeze(1);
}

at::Tensor decoder::run(std::size_t i, const at::Tensor& x, const reading& r) const {
  const std::int64_t b = x.size(0);
  const std::int64_t t = x.size(1);
  const std::int64_t d = config_.head_dim;
  const std::int64_t groups = config_.num_attention_heads / config_.num_key_value_heads;
  const layer& l = layers_[i];
  const at::Tensor normed = l.input_norm(x);
  const at::Tensor q =
      rotate(l.q(normed).view({b, t, config_.num_attention_heads, d}).transpose(1, 2), r.cosine, r.sine);
  at::Tensor k = rotate(l.k(normed).view({b, t, config_.num_key_value_heads, d}).transpose(1, 2), r.cosine, r.sine);
  at::Tensor v = l.v(normed).view({b, t, config_.num_key_value_heads, d}).transpose(1, 2);
  if (r.cache != nullptr) {
    if (i < r.cache->keys.size()) {
      k = at::cat({r.cache->keys[i], k}, 2);
      v = at::cat({r.cache->values[i], v}, 2);
      r.cache->keys[i] = k;
      r.cache->values[i] = v;
    } else {
      r.cache->keys.push_back(k);
      r.cache->values.push_back(v);
    }
  }
  if (groups > 1) {
    k = k.repeat_interleave(groups, 1);
    v = v.repeat_interleave(groups, 1);
  }
  at::Tensor* weights = i + 1 == layers_.size() ? r.attention : nullptr;
  const at::Tensor y = x + l.o(attend(q, k, v, r.bias, weights));
  const at::Tensor post = l.post_norm(y);
  return y + l.down(activate(config_.hidden_act, l.gate(post)) * l.up(post));
}

at::Tensor decoder::hidden(const at::Tensor& embeds, const at::Tensor& positions, const at::Tensor& bias,
                           kv_cache* cache, at::Tensor* attention, std::vector<at::Tensor>* states) const {
  const at::Tensor turned = angles(positions);
  const reading r{turned.cos(), turned.sin(), bias, cache, attention};
  const bool keeps = !recomputes_ || cache != nullptr || attention != nullptr;
  at::Tensor x = embeds;
  if (states != nullptr) states->push_back(x);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (keeps) {
      x = run(i, x, r);
    } else {
      const layer& l = layers_[i];
      x = recomputed([this, i, r](const at::Tensor& y) { return run(i, y, r); }, x,
                     tensors_of(l.input_norm, l.post_norm, l.q, l.k, l.v, l.o, l.gate, l.up, l.down));
    }
    if (states != nullptr && i + 1 < layers_.size()) states->push_back(x);
  }
  x = norm_(x);
  if (states != nullptr) states->push_back(x);
  return x;
}

at::Tensor decoder::logits(const at::Tensor& hidden_states) const { return head_(hidden_states); }

}  // namespace freshet::model
