// The decoder: Llama and Qwen2 (RMSNorm, rotary embedding, grouped-query attention, SwiGLU).
// Shapes: B rows, T new positions, S cached + new positions, H heads, D hidden width, V words.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "kernels/model/layers.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// Angular frequency of each pair of channels [d / 2] (arXiv 2104.09864; scaled as the config says), for a
/// sequence of that many positions: only the dynamic kind depends on it.
[[nodiscard]] at::Tensor rope_frequencies(const text_config& config, std::int64_t positions);

/// Keys and values of the positions that were read already; one entry a layer, [B, Hkv, S, d].
struct kv_cache {
  std::vector<at::Tensor> keys;
  std::vector<at::Tensor> values;
};

class decoder {
 public:
  decoder() = default;
  decoder(const text_config& config, const parameters& from, double lora_scale);

  /// ids i64 [B, T] → [B, T, D]
  [[nodiscard]] at::Tensor embed(const at::Tensor& ids) const;

  /// Final, normed hidden states [B, T, D]. embeds f32 [B, T, D]; positions i64 [B, T], or [3, B, T] by time,
  /// row and column for a configuration with mrope_section (arXiv 2409.12191, 2.1); bias: additive attention
  /// bias, broadcast to [B, H, T, S]. With a cache, the new keys and values are appended.
  /// `attention`, if given, receives the last layer's softmax [B, H, T, S]; `states` the embeddings and the
  /// output of every layer, the last one normed.
  [[nodiscard]] at::Tensor hidden(const at::Tensor& embeds, const at::Tensor& positions, const at::Tensor& bias,
                                  kv_cache* cache = nullptr, at::Tensor* attention = nullptr,
                                  std::vector<at::Tensor>* states = nullptr) const;

  /// As vision_tower's; what is read with a cache, or for its attention, keeps everything.
  void recompute_layers(bool on) { recomputes_ = on; }

  /// [.., D] → [.., V]
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden_states) const;

 private:
  struct layer {
    rms_norm input_norm, post_norm;
    linear q, k, v, o, gate, up, down;
  };
  /// What is the same for all layers of a reading.
  struct reading {
    at::Tensor cosine, sine, bias;
    kv_cache* cache = nullptr;
    at::Tensor* attention = nullptr;  ///< of the last layer
  };
  [[nodiscard]] at::Tensor angles(const at::Tensor& positions) const;
  [[nodiscard]] at::Tensor run(std::size_t i, const at::Tensor& x, const reading& r) const;

  text_config config_;
  at::Tensor embedding_, frequencies_;
  quantised_weight quantised_embedding_;  ///< in place of embedding_
  std::vector<layer> layers_;
  bool recomputes_ = false;
  rms_norm norm_;
  linear head_;
};

}  // namespace freshet::model
