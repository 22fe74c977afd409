#include "kernels/model/layers.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

namespace freshet::model {
namespace {

thread_local const watch_linears::watcher* watching = nullptr;

}  // namespace

watch_linears::watch_linears(watcher see) : see_(std::move(see)) {
  FRESHET_ENSURE(watching == nullptr, "watch_linears: one at a time");
  watching = &see_;
}

watch_linears::~watch_linears() { watching = nullptr; }

linear linear::take(const parameters& from, const std::string& name, double lora_scale) {
  linear l;
  l.name = name;
  l.quantised = from.quantised(name);
  if (!l.quantised.defined()) l.weight = from.at(name + ".weight");
  l.bias = from.find(name + ".bias");
  l.lora_a = from.find(name + ".lora_A.weight");
  l.lora_b = from.find(name + ".lora_B.weight");
  l.lora_scale = lora_scale;
  return l;
}

at::Tensor linear::operator()(const at::Tensor& x) const {
  if (watching != nullptr) (*watching)(name, x);
  if (quantised.defined()) return quantised_linear(x, quantised, bias, lora_a, lora_b, lora_scale);
  const at::Tensor w = weight.scalar_type() == x.scalar_type() ? weight : weight.to(x.scalar_type());
  if (!lora_a.defined()) return at::linear(x, w, bias);
  // Small layers are merged on the fly: there the adapter's own passes over the rows cost more than
  // the gradient of a whole weight. The shape alone decides, so that cloud and device round alike.
  constexpr std::int64_t worth = 8;
  if (weight.numel() <= worth * lora_a.size(0) * (weight.size(0) + weight.size(1))) {
    return at::linear(x, adapted_weight{w, lora_a, lora_b, lora_scale}(), bias);
  }
  return at::linear(x, w, bias) + at::linear(at::linear(x, lora_a), lora_b).mul(lora_scale);
}

adapted_weight adapted_weight::take(const parameters& from, const std::string& name, double lora_scale) {
  return {from.at(name + ".weight"), from.find(name + ".lora_A.weight"), from.find(name + ".lora_B.weight"), lora_scale};
}

at::Tensor adapted_weight::operator()() const {
  if (!lora_a.defined()) return weight;
  return at::addmm(weight.flatten(1), lora_b.flatten(1), lora_a.flatten(1), 1, lora_scale).view(weight.sizes());
}

layer_norm layer_norm::take(const parameters& from, const std::string& name, double eps) {
  return {from.at(name + ".weight"), from.at(name + ".bias"), eps};
}

at::Tensor layer_norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

rms_norm rms_norm::take(const parameters& from, const std::string& name, double eps) {
  return {from.at(name + ".weight"), eps};
}

at::Tensor rms_norm::operator()(const at::Tensor& x) const {
  return x * at::rsqrt(x.square().mean(-1, true) + eps) * weight;
}

void list_tensors(const linear& layer, std::vector<at::Tensor>& to) {
  for (const at::Tensor& t : {layer.weight, layer.bias, layer.lora_a, layer.lora_b}) {
    if (t.defined()) to.push_back(t);
  }
}

void list_tensors(const layer_norm& layer, std::vector<at::Tensor>& to) { to.insert(to.end(), {layer.weight, layer.bias}); }

void list_tensors(const rms_norm& layer, std::vector<at::Tensor>& to) { to.push_back(layer.weight); }

at::Tensor activate(activation kind, const at::Tensor& x) {
  switch (kind) {
    case activation::gelu:
      // The backward pass of LibTorch 1.13's oneDNN gelu returns stale memory when the gradient of a
      // 4-D map has other strides than the map; spelled out, its parts differentiate correctly.
      return x.requires_grad() ? x * (at::erf(x * 0.70710678118654752) + 1) * 0.5 : at::gelu(x);
    case activation::gelu_tanh: return at::gelu(x, "tanh");
    case activation::quick_gelu: return x * at::sigmoid(x * 1.702);
    case activation::silu: return at::silu(x);
    case activation::relu: return at::relu(x);
  }
  FRESHET_ENSURE(false, "activate: unknown activation");
  return x;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias,
                  at::Tensor* weights) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor scores = at::matmul(q * scale, k.transpose(-1, -2));
  if (bias.defined()) scores = scores + bias;
  const at::Tensor p = at::softmax(scores, -1);
  if (weights != nullptr) *weights = p;
  return at::matmul(p, v).transpose(1, 2).reshape({q.size(0), q.size(2), q.size(1) * v.size(-1)});
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor turned = at::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
  return x * cosine + turned * sine;
}

at::Tensor causal(const at::Tensor& valid) {
  const std::int64_t s = valid.size(1);
  const at::Tensor order = at::arange(s, at::kLong);
  return order.unsqueeze(0).le(order.unsqueeze(1)).logical_and(valid.unsqueeze(1)).logical_or(at::eye(s, at::kBool));
}

at::Tensor additive_mask(const at::Tensor& keep) {
  return at::zeros(keep.sizes(), keep.options().dtype(at::kFloat)).masked_fill(keep.logical_not(), -1e30F);
}

}  // namespace freshet::model
