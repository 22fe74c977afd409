// The few layers that all of the family is made of. Each holds handles to tensors that the
// model's `parameters` own. Shapes: B rows, T positions, H heads, d head width.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/model/model_config.hpp"
#include "kernels/model/parameters.hpp"
#include "kernels/model/quantised_weight.hpp"

namespace freshet::model {

/// y = x Wᵀ + b, and with an adapter + scale · (x Aᵀ) Bᵀ (LoRA, arXiv 2106.09685 eq. 3). The base W is dense
/// (f32, or f16 and bf16, which are converted in use) or quantised; one of the two is defined.
struct linear {
  at::Tensor weight;  ///< [out, in] or undefined
  quantised_weight quantised;
  at::Tensor bias;    ///< [out] or undefined
  at::Tensor lora_a;  ///< [rank, in] or undefined
  at::Tensor lora_b;  ///< [out, rank]
  double lora_scale = 0;
  std::string name;   ///< for watch_linears

  /// Takes `name`.weight or the quantised matrix of that name, `name`.bias, and `name`.lora_A.weight / `name`.lora_B.weight where present.
  static linear take(const parameters& from, const std::string& name, double lora_scale);
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;
};

/// While one lives, `see` is told of every input that a linear layer of this thread reads: [.., in], by the
/// layer's name. For calibration; one at a time.
class watch_linears {
 public:
  using watcher = std::function<void(const std::string& layer, const at::Tensor& x)>;
  explicit watch_linears(watcher see);
  ~watch_linears();
  watch_linears(const watch_linears&) = delete;
  watch_linears& operator=(const watch_linears&) = delete;

 private:
  watcher see_;
};

/// A weight that is used whole, of a convolution or of one small layer: W + scale · B A, as W is laid out.
struct adapted_weight {
  at::Tensor weight;  ///< [out, in, ...]
  at::Tensor lora_a;  ///< [rank, in, ...] or undefined
  at::Tensor lora_b;  ///< [out, rank, 1, 1]
  double lora_scale = 0;

  static adapted_weight take(const parameters& from, const std::string& name, double lora_scale);
  [[nodiscard]] at::Tensor operator()() const;
};

struct layer_norm {
  at::Tensor weight;
  at::Tensor bias;
  double eps = 1e-5;
  static layer_norm take(const parameters& from, const std::string& name, double eps);
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;
};

/// x / sqrt(mean(x²) + eps) · weight (arXiv 1910.07467).
struct rms_norm {
  at::Tensor weight;
  double eps = 1e-6;
  static rms_norm take(const parameters& from, const std::string& name, double eps);
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;
};

/// The tensors of a layer that may want a gradient, added to `to`.
void list_tensors(const linear& layer, std::vector<at::Tensor>& to);
void list_tensors(const layer_norm& layer, std::vector<at::Tensor>& to);
void list_tensors(const rms_norm& layer, std::vector<at::Tensor>& to);
/// Of several layers.
template <class... Layers>
[[nodiscard]] std::vector<at::Tensor> tensors_of(const Layers&... layers) {
  std::vector<at::Tensor> out;
  (list_tensors(layers, out), ...);
  return out;
}

[[nodiscard]] at::Tensor activate(activation kind, const at::Tensor& x);

/// Softmax attention. q [B, H, T, d]; k, v [B, H, S, d]; bias: additive, broadcast to [B, H, T, S],
/// or undefined. Result [B, T, H·d]. `weights`, if given, receives the softmax [B, H, T, S].
[[nodiscard]] at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias,
                                at::Tensor* weights = nullptr);

/// Rotary embedding (arXiv 2104.09864): turns the pairs (i, i + d/2). x [B, H, T, d]; cosine, sine [B, 1, T, d].
[[nodiscard]] at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

/// Who may look at whom, bool [B, S, S] of valid [B, S]: each position at the valid ones before it and at itself, so
/// that the softmax of padding stays finite.
[[nodiscard]] at::Tensor causal(const at::Tensor& valid);

/// 0 where `keep` is true and a large negative number elsewhere, in f32.
[[nodiscard]] at::Tensor additive_mask(const at::Tensor& keep);

}  // namespace freshet::model
