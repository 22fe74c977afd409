// That gradients are right at the shapes which training uses. LibTorch's accelerated f32 kernels are
// not to be taken at their word: the backward pass of 1.13's oneDNN gelu returns stale memory when the
// gradient has other strides than the input. Each operation in f32 is held to itself in f64, which
// other code computes, and a whole model to f64 and to central differences.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <limits>

#include "kernels/model/layers.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::model {
namespace {

using tensors = std::vector<at::Tensor>;
using operation = std::function<at::Tensor(const tensors&)>;

tensors gradients_of(const operation& f, const tensors& inputs, const at::Tensor& weight) {
  tensors leaves;
  for (const at::Tensor& t : inputs) leaves.push_back(t.detach().clone().set_requires_grad(true));
  torch::autograd::backward({(f(leaves) * weight).sum()}, {});
  tensors out;
  for (const at::Tensor& t : leaves) out.push_back(t.grad());
  return out;
}

class gradients : public ::testing::Test {
 protected:
  /// As in the engine; a second thread would only wait where cores are shared.
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

double relative_error(const at::Tensor& got, const at::Tensor& want) {
  const at::Tensor a = got.to(at::kDouble);
  const at::Tensor b = want.to(at::kDouble);
  if (!at::isfinite(a).all().item<bool>()) return std::numeric_limits<double>::infinity();
  return ((a - b).norm() / (b.norm() + 1e-12)).item<double>();
}

/// inputs in f64; `f` must compute in the dtype that it is given.
void expect_same_in_double(const char* what, const operation& f, const tensors& inputs, double tolerance = 1e-5) {
  tensors floats;
  for (const at::Tensor& t : inputs) floats.push_back(t.to(at::kFloat));
  const at::Tensor weight = at::randn_like(f(inputs));
  const tensors exact = gradients_of(f, inputs, weight);
  // Twice: stale memory seldom holds the same twice.
  for (int call = 0; call < 2; ++call) {
    const tensors rough = gradients_of(f, floats, weight.to(at::kFloat));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_LT(relative_error(rough[i], exact[i]), tolerance) << what << ", gradient " << i << ", call " << call;
    }
  }
}

at::Tensor normal(std::vector<std::int64_t> shape) { return at::randn(shape, at::kDouble); }

TEST_F(gradients, convolutional_stem_of_student_and_teacher) {
  at::manual_seed(1);
  const std::vector<std::vector<std::int64_t>> stems{{3, 24, 48, 64}, {3, 32, 64, 128}};
  for (const auto& channels : stems) {
    for (std::int64_t batch : {1, 24}) {
      std::int64_t side = 48;
      for (std::size_t i = 0; i + 1 < channels.size(); ++i) {
        const std::int64_t c = channels[i + 1];
        expect_same_in_double("conv2d", [](const tensors& t) { return at::conv2d(t[0], t[1], t[2], 2, 1); },
                              {normal({batch, channels[i], side, side}), normal({c, channels[i], 3, 3}), normal({c})});
        side /= 2;
        expect_same_in_double(
            "group_norm and silu, read as tokens",
            [](const tensors& t) {
              return at::silu(at::group_norm(t[0], 8, t[1], t[2], 1e-5)).flatten(2).transpose(1, 2).contiguous();
            },
            {normal({batch, c, side, side}), normal({c}), normal({c})}, 2e-5);
      }
    }
  }
}

TEST_F(gradients, convolution_of_a_picture_that_is_a_view) {
  // The stem's input is assembled from patches by a permutation; its gradient flows back into one.
  at::manual_seed(2);
  const std::int64_t n = 24;
  expect_same_in_double("conv2d over permuted patches", [&](const tensors& t) {
    const at::Tensor picture = t[0].reshape({n, 6, 6, 3, 8, 8}).permute({0, 3, 1, 4, 2, 5}).reshape({n, 3, 48, 48});
    return at::conv2d(picture, t[1], t[2], 2, 1).flatten(2).transpose(1, 2);
  }, {normal({n, 36, 192}), normal({24, 3, 3, 3}), normal({24})});
}

TEST_F(gradients, activations_over_odd_and_strided_shapes) {
  at::manual_seed(3);
  for (const activation kind :
       {activation::gelu, activation::gelu_tanh, activation::quick_gelu, activation::silu, activation::relu}) {
    const auto f = [kind](const tensors& t) { return activate(kind, t[0]); };
    const std::string what(name(kind));
    for (const auto& shape : std::vector<std::vector<std::int64_t>>{
             {1}, {7}, {3, 5}, {24, 36, 128}, {24, 36, 256}, {32, 64, 24, 24}, {24, 128, 6, 6}, {2, 3, 5, 7, 11}}) {
      expect_same_in_double(what.c_str(), f, {normal(shape)});
    }
    // Strided input, strided gradient, expanded gradient.
    const auto strided = [kind](const tensors& t) { return activate(kind, t[0].transpose(1, 2)); };
    expect_same_in_double(what.c_str(), strided, {normal({24, 36, 64})});
    const auto turned = [kind](const tensors& t) { return activate(kind, t[0]).transpose(1, 2); };
    expect_same_in_double(what.c_str(), turned, {normal({24, 36, 64})});
    const auto summed = [kind](const tensors& t) { return activate(kind, t[0]).sum(); };
    expect_same_in_double(what.c_str(), summed, {normal({24, 64, 36})});
    // A map read as tokens: the gradient comes back with other strides than the map has. This is
    // where oneDNN's gelu fails.
    const auto as_tokens = [kind](const tensors& t) {
      return activate(kind, t[0]).flatten(2).transpose(1, 2).contiguous();
    };
    expect_same_in_double(what.c_str(), as_tokens, {normal({24, 64, 6, 6})});
    const auto channels_last = [kind](const tensors& t) {
      return activate(kind, t[0].contiguous(at::MemoryFormat::ChannelsLast));
    };
    expect_same_in_double(what.c_str(), channels_last, {normal({8, 24, 12, 12})});
  }
}

TEST_F(gradients, exact_gelu_in_closed_form) {
  // d/dx x Φ(x) = Φ(x) + x φ(x), and the same value with and without a gradient.
  at::manual_seed(4);
  const at::Tensor x = normal({24, 36, 128}) * 3;
  const at::Tensor leaf = x.to(at::kFloat).set_requires_grad(true);
  const at::Tensor y = activate(activation::gelu, leaf);
  torch::autograd::backward({y.sum()}, {});
  const at::Tensor below = (at::erf(x / std::sqrt(2.0)) + 1) / 2;
  const at::Tensor want = below + x * at::exp(-x.square() / 2) / std::sqrt(2 * 3.141592653589793);
  EXPECT_LT((leaf.grad().to(at::kDouble) - want).abs().max().item<double>(), 1e-5);
  const at::Tensor plain = activate(activation::gelu, x.to(at::kFloat));
  EXPECT_LT((y.detach() - plain).abs().max().item<double>(), 1e-5);
}

TEST_F(gradients, norms_softmax_and_attention) {
  at::manual_seed(5);
  for (std::int64_t width : {64, 128}) {
    expect_same_in_double("layer_norm", [&](const tensors& t) { return at::layer_norm(t[0], {width}, t[1], t[2], 1e-6); },
                          {normal({24, 36, width}), normal({width}), normal({width})}, 2e-5);
    expect_same_in_double("rms_norm", [](const tensors& t) { return rms_norm{t[1], 1e-5}(t[0]); },
                          {normal({24, 60, width}), normal({width})});
    expect_same_in_double("attend", [](const tensors& t) { return attend(t[0], t[1], t[2], {}); },
                          {normal({24, 4, 60, width / 4}), normal({24, 4, 60, width / 4}), normal({24, 4, 60, width / 4})},
                          2e-5);
  }
  expect_same_in_double("log_softmax", [](const tensors& t) { return at::log_softmax(t[0], 1); }, {normal({300, 310})});
  const at::Tensor labels = at::randint(0, 310, {300}, at::kLong);
  expect_same_in_double("cross entropy with smoothing", [&](const tensors& t) {
    return at::cross_entropy_loss(t[0], labels, {}, at::Reduction::Mean, -100, 0.1);
  }, {normal({300, 310})});
}

TEST_F(gradients, lookups_and_scatters) {
  at::manual_seed(6);
  const at::Tensor ids = at::randint(0, 300, {24, 40}, at::kLong);
  expect_same_in_double("embedding", [&](const tensors& t) { return at::embedding(t[0], ids); }, {normal({300, 64})});
  const at::Tensor cells = at::rand({24, 36}).argsort(std::int64_t{1}, false).narrow(1, 0, 11);
  const at::Tensor index = cells.unsqueeze(-1).expand({24, 11, 64});
  expect_same_in_double("gather", [&](const tensors& t) { return t[0].gather(1, index); }, {normal({24, 36, 64})});
  expect_same_in_double("scatter_add", [&](const tensors& t) {
    return at::zeros({24, 36, 64}, t[0].options()).scatter_add(1, index, t[0]);
  }, {normal({24, 11, 64})});
  const at::Tensor rows = at::randint(0, 960, {144}, at::kLong);
  expect_same_in_double("index_select", [&](const tensors& t) { return t[0].index_select(0, rows); }, {normal({960, 64})});
  expect_same_in_double("repeat_interleave", [](const tensors& t) { return t[0].repeat_interleave(2, 1); },
                        {normal({24, 2, 60, 16})});
}

TEST_F(gradients, linear_layers_with_adapter_and_strides) {
  at::manual_seed(7);
  const auto f = [](const tensors& t) {
    linear l;
    l.weight = t[1];
    l.bias = t[2];
    l.lora_a = t[3];
    l.lora_b = t[4];
    l.lora_scale = 2;
    return l(t[0]);
  };
  expect_same_in_double("linear with LoRA", f,
                        {normal({24, 36, 64}), normal({128, 64}), normal({128}), normal({4, 64}), normal({128, 4})}, 2e-5);
  // Small layers are merged with their adapter first: the built-in student's are.
  expect_same_in_double("small linear with LoRA", f,
                        {normal({24, 36, 64}), normal({64, 64}), normal({64}), normal({8, 64}), normal({64, 8})}, 2e-5);
  const auto two_passes = [](const tensors& t) {
    return at::linear(t[0], t[1], t[2]) + at::linear(at::linear(t[0], t[3]), t[4]) * 2;
  };
  const tensors small{normal({5, 64}), normal({64, 64}), normal({64}), normal({8, 64}), normal({64, 8})};
  EXPECT_LT((f(small) - two_passes(small)).abs().max().item<double>(), 2e-3);
  expect_same_in_double(
      "convolution with LoRA",
      [](const tensors& t) {
        return at::conv2d(t[0], adapted_weight{t[1], t[3], t[4], 2}(), t[2], 2, 1);
      },
      {normal({6, 3, 16, 16}), normal({8, 3, 3, 3}), normal({8}), normal({4, 3, 3, 3}), normal({8, 4, 1, 1})}, 5e-5);
  expect_same_in_double("linear over a transposed input",
                        [](const tensors& t) { return at::linear(t[0].flatten(2).transpose(1, 2), t[1], t[2]); },
                        {normal({24, 64, 6, 6}), normal({64, 64}), normal({64})}, 2e-5);
}

/// The shape of the built-in student (tools/pretrain).
model_config student_config(activation act) {
  model_config c;
  c.vision.emplace();
  c.vision->kind = vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 64;
  c.vision->intermediate_size = 128;
  c.vision->num_hidden_layers = 2;
  c.vision->num_attention_heads = 4;
  c.vision->num_channels = 3;
  c.vision->image_size = 48;
  c.vision->patch_size = 8;
  c.vision->hidden_act = act;
  c.vision->layer_norm_eps = 1e-6;
  c.vision->patch_stem = {24, 48, 64};
  c.projector.emplace();
  c.projector->hidden_act = act;
  c.projector->vision_feature_layer = -1;
  c.projector->select = feature_select::all;
  c.text.vocab_size = 310;
  c.text.hidden_size = 64;
  c.text.intermediate_size = 160;
  c.text.num_hidden_layers = 2;
  c.text.num_attention_heads = 4;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 16;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = 1;
  c.text.eos_token_ids = {2};
  return c;
}

struct lesson {
  visual_input visual;
  text_blocks text;
  at::Tensor labels;

  [[nodiscard]] at::Tensor loss(const multimodal& m) const {
    const at::Tensor logits = m.logits(m.text_hidden(m.visual_tokens(visual), visual.valid, text));
    return at::cross_entropy_loss(logits.reshape({-1, logits.size(2)}), labels.flatten());
  }
};

lesson draw_lesson(std::int64_t pictures, std::int64_t kept, bool ragged) {
  lesson l;
  l.visual.patches = at::randn({pictures, kept, 192});
  if (kept < 36) l.visual.positions = at::rand({pictures, 36}).argsort(std::int64_t{1}, false).narrow(1, 0, kept).contiguous();
  if (ragged) {
    l.visual.valid = at::ones({pictures, kept}, at::kBool);
    for (std::int64_t i = 0; i < pictures; ++i) l.visual.valid[i].narrow(0, kept - i % 5, i % 5).fill_(false);
  }
  rng draw(3);
  std::vector<std::vector<std::vector<std::int32_t>>> blocks(static_cast<std::size_t>(pictures));
  for (auto& row : blocks) {
    row.resize(3);
    for (auto& block : row) {
      block.resize(3 + draw.below(5));
      for (auto& id : block) id = static_cast<std::int32_t>(draw.below(310));
    }
  }
  l.text = pack_blocks(blocks);
  l.labels = at::randint(0, 310, l.text.ids.sizes(), at::kLong);
  return l;
}

tensors all_gradients(const multimodal& m, const lesson& l) {
  for (const auto& item : m.weights().all()) item.second.set_requires_grad(true).mutable_grad().reset();
  torch::autograd::backward({l.loss(m)}, {});
  tensors out;
  for (const auto& item : m.weights().all()) out.push_back(item.second.grad().clone());
  return out;
}

/// The same model in f64: layers hold handles to these tensors, so they follow.
multimodal in_double(const multimodal& m) {
  multimodal copy = m.clone();
  for (const auto& item : copy.weights().all()) item.second.set_data(item.second.to(at::kDouble));
  return copy;
}

TEST_F(gradients, whole_model_agrees_with_double_and_with_differences) {
  at::manual_seed(8);
  for (const bool all_tokens : {true, false}) {
    const multimodal m = multimodal::random(student_config(all_tokens ? activation::gelu_tanh : activation::gelu), 4);
    const lesson l = draw_lesson(12, all_tokens ? 36 : 13, !all_tokens);
    const tensors rough = all_gradients(m, l);
    const multimodal exact_model = in_double(m);
    lesson exact_lesson = l;
    exact_lesson.visual.patches = l.visual.patches.to(at::kDouble);
    const tensors exact = all_gradients(exact_model, exact_lesson);
    double largest = 0;
    for (const at::Tensor& g : exact) largest = std::max(largest, g.norm().item<double>());
    std::size_t at = 0;
    for (const auto& item : m.weights().all()) {
      ASSERT_EQ(exact[at].scalar_type(), at::kDouble);
      // Biases of keys have no gradient in exact arithmetic: what is small is held to the largest.
      const double error = (rough[at].to(at::kDouble) - exact[at]).norm().item<double>();
      EXPECT_LT(error, 2e-4 * exact[at].norm().item<double>() + 1e-6 * largest) << item.first;
      ++at;
    }

    const at::NoGradGuard no_grad;
    for (int i = 0; i < 2; ++i) {
      constexpr double step = 1e-5;
      double along = 0;
      tensors direction;
      at = 0;
      for (const auto& item : exact_model.weights().all()) {
        direction.push_back(at::randn_like(item.second));
        along += (rough[at].to(at::kDouble) * direction[at]).sum().item<double>();
        ++at;
      }
      const auto moved = [&](double by) {
        std::size_t t = 0;
        for (const auto& item : exact_model.weights().all()) item.second.detach().add_(direction[t++], by);
      };
      moved(step);
      const double above = exact_lesson.loss(exact_model).item<double>();
      moved(-2 * step);
      const double below = exact_lesson.loss(exact_model).item<double>();
      moved(step);
      const double difference = (above - below) / (2 * step);
      EXPECT_NEAR(along, difference, 1e-3 * (1 + std::abs(difference))) << "direction " << i;
    }
  }
}

TEST_F(gradients, repeated_calls_are_equal) {
  at::manual_seed(9);
  const multimodal m = multimodal::random(student_config(activation::gelu), 4);
  const lesson full = draw_lesson(32, 36, false);
  const lesson part = draw_lesson(24, 9, true);
  const tensors first = all_gradients(m, full);
  (void)all_gradients(m, part);  // other shapes in between, other memory
  const tensors second = all_gradients(m, full);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(first[i].equal(second[i])) << m.weights().all()[i].first;
  }
}

}  // namespace
}  // namespace freshet::model
