#include "tools/freshet/bench/random_decoder.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "kernels/quant/packed_weight.hpp"
#include "tools/freshet/bench/side_by_side.hpp"

namespace freshet::cli {
namespace {

constexpr const char* prefix = "language_model.model.";
constexpr const char* head = "language_model.lm_head";

void put_matrix(model::parameters& to, const std::string& layer, std::int64_t out, std::int64_t in, int bits) {
  if (bits != 0) {
    to.set_quantised(layer, random_matrix(out, in, bits));
    return;
  }
  const double bound = std::sqrt(3.0 / static_cast<double>(in));
  to.set(layer + ".weight", at::empty({out, in}).uniform_(-bound, bound));
}

}  // namespace

model::quantised_weight random_matrix(std::int64_t out, std::int64_t in, int bits) {
  const auto shape = quant::make_packed_shape(out, in, bits, bits == 8 ? quant::whole_row : 32, "random").value();
  const double scale = std::sqrt(1.0 / static_cast<double>(in)) / static_cast<double>(shape.zero_point()) * 1.7;
  return {shape, at::empty(shape.q_dims(), at::kByte).random_(0, 256),
          at::full(shape.scale_dims(), scale, bits == 8 ? at::kFloat : at::kBFloat16)};
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> layer_matrices(const model::text_config& t) {
  const std::int64_t q = t.num_attention_heads * t.head_dim;
  const std::int64_t kv = t.num_key_value_heads * t.head_dim;
  return {{"self_attn.q_proj", {q, t.hidden_size}},          {"self_attn.k_proj", {kv, t.hidden_size}},
          {"self_attn.v_proj", {kv, t.hidden_size}},         {"self_attn.o_proj", {t.hidden_size, q}},
          {"mlp.gate_proj", {t.intermediate_size, t.hidden_size}}, {"mlp.up_proj", {t.intermediate_size, t.hidden_size}},
          {"mlp.down_proj", {t.hidden_size, t.intermediate_size}}};
}

model::parameters random_parameters(const model::text_config& t, int bits, int head_bits) {
  model::parameters out;
  put_matrix(out, std::string(prefix) + "embed_tokens", t.vocab_size, t.hidden_size, head_bits);
  for (std::int64_t i = 0; i < t.num_hidden_layers; ++i) {
    const std::string layer = prefix + ("layers." + std::to_string(i) + ".");
    for (const auto& [name, shape] : layer_matrices(t)) {
      put_matrix(out, layer + name, shape[0], shape[1], bits);
      const bool qkv = name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos ||
                       name.find("v_proj") != std::string::npos;
      if (t.qkv_bias && qkv) out.set(layer + name + ".bias", at::zeros({shape[0]}));
    }
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) {
      out.set(layer + norm + ".weight", at::ones({t.hidden_size}));
    }
  }
  out.set(std::string(prefix) + "norm.weight", at::ones({t.hidden_size}));
  if (!t.tie_word_embeddings) put_matrix(out, head, t.vocab_size, t.hidden_size, head_bits);
  return out;
}

model::decoder decoder_over(const model::text_config& text, const model::parameters& weights) {
  return model::decoder(text, weights, 0);
}

std::int64_t bytes_of(const model::parameters& weights) {
  std::int64_t bytes = 0;
  for (const auto& item : weights.all()) bytes += static_cast<std::int64_t>(item.second.nbytes());
  return bytes;
}

double decode(const model::decoder& text, std::int64_t prompt, std::int64_t tokens) {
  const at::NoGradGuard no_grad;
  model::kv_cache cache;
  const at::Tensor order = at::arange(prompt, at::kLong);
  const at::Tensor causal = model::additive_mask(order.unsqueeze(0).le(order.unsqueeze(1))).view({1, 1, prompt, prompt});
  at::Tensor state = text.hidden(text.embed((order + 100).unsqueeze(0)), order.unsqueeze(0), causal, &cache);
  state = state.narrow(1, prompt - 1, 1);
  const double seconds = seconds_of([&] {
    for (std::int64_t i = 0; i < tokens; ++i) {
      const at::Tensor next = text.logits(state).argmax(-1);
      state = text.hidden(text.embed(next), at::full({1, 1}, prompt + i, at::kLong), {}, &cache);
    }
  });
  return static_cast<double>(tokens) / seconds;
}

}  // namespace freshet::cli
