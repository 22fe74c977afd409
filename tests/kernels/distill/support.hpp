// Shared by the distillation tests: the wavelet transform by its definition, directional checks of
// gradients, and a student that is small enough to train within a test.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/rng.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/distill/wavelet.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::distill {

/// As in the engine: models this small lose more by waiting for a second thread than they win.
inline const bool one_thread = [] {
  at::set_num_threads(1);
  return true;
}();

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

/// One level on one channel, straight from the definition: y[k] = Σ_j f[j] · x[2k + 1 - j], x zero
/// outside. First the approximation, then the detail.
inline std::pair<std::vector<double>, std::vector<double>> transform_by_definition(const std::vector<double>& x) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::pair<std::vector<double>, std::vector<double>> out;
  for (std::int64_t k = 0; k < (n + 11) / 2; ++k) {
    double low = 0;
    double high = 0;
    for (std::int64_t j = 0; j < 12; ++j) {
      const std::int64_t i = 2 * k + 1 - j;
      if (i < 0 || i >= n) continue;
      low += db6_low_pass[static_cast<std::size_t>(j)] * x[static_cast<std::size_t>(i)];
      const double tap = db6_low_pass[static_cast<std::size_t>(11 - j)];
      high += (j % 2 == 0 ? -tap : tap) * x[static_cast<std::size_t>(i)];
    }
    out.first.push_back(low);
    out.second.push_back(high);
  }
  return out;
}

/// Holds the gradient of `f` at `x` (f64) to central differences along random directions.
inline void expect_gradient(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x,
                            double tolerance = 1e-6) {
  const at::Tensor point = x.detach().clone().set_requires_grad(true);
  torch::autograd::backward({f(point)}, {});
  const at::Tensor gradient = point.grad().clone();
  const at::NoGradGuard no_grad;
  constexpr double step = 1e-5;
  for (int i = 0; i < 4; ++i) {
    const at::Tensor direction = at::randn_like(x);
    const double along = (gradient * direction).sum().item<double>();
    const double difference = (f(x + direction * step) - f(x - direction * step)).item<double>() / (2 * step);
    EXPECT_NEAR(along, difference, tolerance * (1 + std::abs(difference)));
  }
}

constexpr std::int64_t tiny_side = 16;
constexpr std::int64_t tiny_cells = 16;
constexpr std::int64_t tiny_patch_bytes = 48;
constexpr std::int64_t tiny_words = 40;
constexpr std::int32_t tiny_end = 2;

/// So many of a picture's cells, drawn, in ascending order.
inline std::vector<std::int64_t> some_cells(rng& draw, std::size_t cells) {
  std::vector<std::int64_t> order(tiny_cells);
  for (std::int64_t c = 0; c < tiny_cells; ++c) order[static_cast<std::size_t>(c)] = c;
  draw.shuffle(order);
  order.resize(cells);
  std::sort(order.begin(), order.end());
  return order;
}

inline model::model_config tiny_config(std::int64_t words = tiny_words) {
  model::model_config c;
  c.vision.emplace();
  c.vision->kind = model::vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 16;
  c.vision->intermediate_size = 32;
  c.vision->num_hidden_layers = 2;
  c.vision->num_attention_heads = 2;
  c.vision->num_channels = 3;
  c.vision->image_size = tiny_side;
  c.vision->patch_size = 4;
  c.vision->hidden_act = model::activation::gelu_tanh;
  c.vision->layer_norm_eps = 1e-6;
  c.vision->patch_stem = {8, 16};
  c.projector.emplace();
  c.projector->hidden_act = model::activation::gelu_tanh;
  c.projector->vision_feature_layer = -1;
  c.projector->select = model::feature_select::all;
  c.text.vocab_size = words;
  c.text.hidden_size = 16;
  c.text.intermediate_size = 32;
  c.text.num_hidden_layers = 2;
  c.text.num_attention_heads = 4;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 4;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = 1;
  c.text.eos_token_ids = {tiny_end};
  return c;
}

/// A random student with a fresh adapter.
inline model::multimodal tiny_student(std::uint64_t seed = 5) {
  model::multimodal m = model::multimodal::random(tiny_config(), seed);
  model::lora_spec spec;
  spec.rank = 2;
  spec.alpha = 4;
  spec.targets = {"q_proj", "v_proj", "fc1", "down_proj"};
  EXPECT_TRUE(m.attach(spec).ok());
  return m;
}

}  // namespace freshet::distill
