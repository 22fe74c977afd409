// What is computed again on the way back gives the bits of what was kept, and is not kept.
#include "kernels/model/recompute.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/intrusive_ptr.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "kernels/model/multimodal.hpp"
#include "kernels/model/quantise_model.hpp"
#include "kernels/model/trainable_set.hpp"
#include "tests/support/golden_model.hpp"
#include "tests/support/tensor_bytes.hpp"

namespace freshet::model {
namespace {

at::Tensor leaf(std::vector<std::int64_t> shape) { return at::randn(shape).set_requires_grad(true); }

TEST(recomputed, has_the_bits_of_what_is_kept) {
  at::manual_seed(1);
  for (const bool x_learns : {true, false}) {
    const at::Tensor start = leaf({5, 8});
    const at::Tensor w = leaf({8, 8});
    const at::Tensor frozen = at::randn({8});
    const at::Tensor unread = leaf({3});
    const auto stretch = [&](const at::Tensor& x) { return at::gelu(at::linear(x, w)) * frozen + x; };
    const auto gradients = [&](bool again) {
      const at::Tensor x = x_learns ? start * 2 : start.detach() * 2;
      at::Tensor y = again ? recomputed(stretch, x, {w, frozen, unread}) : stretch(x);
      y = again ? recomputed(stretch, y, {w, frozen, unread}) : stretch(y);
      for (const at::Tensor& t : {start, w}) t.mutable_grad() = at::Tensor();
      torch::autograd::backward({y.square().sum()}, {});
      return std::vector<at::Tensor>{y.detach(), w.grad(), x_learns ? start.grad() : at::zeros({1})};
    };
    const auto kept = gradients(false);
    const auto again = gradients(true);
    for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(again[i].equal(kept[i])) << i << x_learns;
    EXPECT_FALSE(unread.grad().defined());
  }
}

TEST(recomputed, computes_twice_and_keeps_nothing_in_between) {
  at::manual_seed(2);
  const at::Tensor x = leaf({4, 4});
  int calls = 0;
  c10::weak_intrusive_ptr<c10::TensorImpl> seen((c10::intrusive_ptr<c10::TensorImpl>()));
  const auto stretch = [&](const at::Tensor& at) {
    ++calls;
    const at::Tensor within = at.exp();   // whose gradient wants it
    seen = c10::weak_intrusive_ptr<c10::TensorImpl>(within.getIntrusivePtr());
    return within.square();
  };
  const at::Tensor kept = stretch(x);
  EXPECT_FALSE(seen.expired());
  const at::Tensor again = recomputed(stretch, x, {});
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(calls, 2);
  torch::autograd::backward({again.sum()}, {});
  EXPECT_EQ(calls, 3);
}

TEST(recomputed, is_the_stretch_itself_where_no_gradient_is_wanted) {
  const at::Tensor x = at::ones({2});
  int calls = 0;
  const auto stretch = [&](const at::Tensor& at) {
    ++calls;
    return at * 2;
  };
  EXPECT_FALSE(recomputed(stretch, x, {x}).requires_grad());
  {
    const at::NoGradGuard none;
    EXPECT_FALSE(recomputed(stretch, leaf({2}), {}).requires_grad());
  }
  EXPECT_EQ(calls, 2);
}

std::vector<trainable_tensor> trained_of(const multimodal& m) { return trainable_set::of(m.weights()).tensors(); }

/// Loss and gradients of all that learns, adapters with something in them included.
std::vector<at::Tensor> lesson(const test::golden_model& g, const std::string& name) {
  const auto trained = trained_of(g.net);
  for (const auto& t : trained) {
    t.value.set_requires_grad(true);
    t.value.mutable_grad() = at::Tensor();
  }
  const at::Tensor loss = g.loss(name);
  torch::autograd::backward({loss}, {});
  std::vector<at::Tensor> out{loss.detach()};
  for (const auto& t : trained) out.push_back(t.value.grad());
  return out;
}

void expect_same_lesson(test::golden_model& g) {
  ASSERT_TRUE(g.net.attach({4, 8, {"q_proj", "o_proj", "down_proj", "fc2", "qkv", "proj"}, 3}).ok());
  at::manual_seed(3);
  for (const auto& t : trained_of(g.net)) {
    if (t.name.find("lora_B") != std::string::npos) t.value.normal_(0, 0.1);
  }
  std::size_t most_reached = 0;
  std::size_t learned = 0;
  for (const std::string& name : g.cases()) {
    g.net.recompute_layers(false);
    const auto kept = lesson(g, name);
    g.net.recompute_layers(true);
    const auto again = lesson(g, name);
    std::size_t reached = 0;   // text alone reaches no tower
    for (std::size_t i = 0; i < kept.size(); ++i) {
      ASSERT_EQ(again[i].defined(), kept[i].defined()) << name << " " << i;
      if (!kept[i].defined()) continue;
      ++reached;
      EXPECT_TRUE(again[i].equal(kept[i])) << name << " " << i;
    }
    most_reached = std::max(most_reached, reached);
    learned = kept.size();
  }
  EXPECT_GT(most_reached, learned / 2);
}

class recomputed_layers : public ::testing::TestWithParam<const char*> {};

TEST_P(recomputed_layers, of_whole_models_give_the_same_gradients) {
  test::golden_model g(GetParam());
  expect_same_lesson(g);
}

TEST_P(recomputed_layers, over_a_quantised_base_too) {
  test::golden_model g(GetParam());
  auto rounded = quantise_model(g.net, {{8, -1}, rounding::nearest, 8}, {}, [](const std::string&, double) {});
  ASSERT_TRUE(rounded.ok()) << rounded.err().text();
  g.net = std::move(*rounded);
  expect_same_lesson(g);
}

INSTANTIATE_TEST_SUITE_P(architectures, recomputed_layers, ::testing::ValuesIn(test::golden_models),
                         [](const auto& p) { return std::string(p.param); });

TEST(recomputed_model, takes_the_memory_of_a_layer) {
  model_config c = test::golden_model("llava_siglip_qwen2").net.config();
  c.vision->num_hidden_layers = 12;
  c.text.num_hidden_layers = 12;
  multimodal m = multimodal::random(c, 1);
  ASSERT_TRUE(m.attach({4, 8, {"q_proj", "v_proj", "fc1"}, 1}).ok());
  for (const auto& t : trained_of(m)) t.value.set_requires_grad(true);
  visual_input cells;
  cells.patches = at::randn({4, c.vision->cells(), c.vision->cell_values()});
  const text_blocks text = pack_blocks({{{4, 5, 6}}, {{7, 8}}, {{9}}, {{10, 11}}});
  const auto peak = [&](bool again) {
    m.recompute_layers(again);
    return static_cast<double>(test::most_tensor_bytes([&] {
      torch::autograd::backward({m.text_hidden(m.visual_tokens(cells), {}, text).square().sum()}, {});
    }));
  };
  (void)peak(false);   // the gradients' own memory, which stays
  const double kept = peak(false);
  EXPECT_LT(peak(true), 0.3 * kept);
}

}  // namespace
}  // namespace freshet::model
