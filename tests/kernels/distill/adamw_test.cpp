// Against golden numbers of another implementation (tests/data/hf), the first step's closed form,
// and itself where a restart must change nothing.
#include "kernels/distill/adamw.hpp"

#include <cmath>
#include <limits>

#include "tests/kernels/distill/golden_steps.hpp"
#include "tests/kernels/distill/support.hpp"
#include "tests/support/golden_model.hpp"

namespace freshet::distill {
namespace {

at::Tensor parameter(std::vector<double> values, std::vector<std::int64_t> shape) {
  return at::tensor(values, at::kDouble).reshape(shape).set_requires_grad(true);
}

void give_gradient(const at::Tensor& t, const at::Tensor& gradient) { t.mutable_grad() = gradient.clone(); }

adamw_options plain() {
  adamw_options o;
  o.weight_decay = 0;
  o.clip = 0;
  return o;
}

class adamw_golden : public ::testing::TestWithParam<const char*> {};

TEST_P(adamw_golden, five_steps) {
  const test::golden_model g{GetParam()};
  std::vector<at::Tensor> tensors;
  for (const auto& item : g.net.weights().all()) tensors.push_back(item.second);
  const auto least = expect_golden_losses(tensors, [&] { return g.loss("single"); }, g.wanted("adamw.losses"), no_gradient::left_alone);
  expect_golden_weights(least, g.expected, g.net.weights(), [&](const std::string& name) { return g.net.spelling().in_program(name); });
}

INSTANTIATE_TEST_SUITE_P(architectures, adamw_golden, ::testing::ValuesIn(test::golden_models),
                         [](const auto& p) { return std::string(p.param); });

TEST(adamw, first_step_is_the_rate_against_the_sign) {
  const at::Tensor w = parameter({1, -2, 3}, {3});
  adamw optimiser({w}, plain());
  give_gradient(w, at::tensor(std::vector<double>{0.5, -4, 0.001}, at::kDouble));
  optimiser.step(0.1);
  EXPECT_LT(largest_difference(w.detach(), at::tensor(std::vector<double>{0.9, -1.9, 2.9}, at::kDouble)), 1e-4);
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(optimiser.current().steps, 1);
}

TEST(adamw, decays_matrices_and_on_request_all) {
  for (bool all : {false, true}) {
    const at::Tensor matrix = parameter({2, 2}, {1, 2});
    const at::Tensor vector = parameter({2, 2}, {2});
    adamw_options options = plain();
    options.weight_decay = 0.5;
    options.decay_all = all;
    adamw optimiser({matrix, vector}, options);
    give_gradient(matrix, at::zeros({1, 2}, at::kDouble));
    give_gradient(vector, at::zeros({2}, at::kDouble));
    optimiser.step(0.1);
    EXPECT_NEAR(matrix.max().item<double>(), 2 * 0.95, 1e-12);
    EXPECT_NEAR(vector.max().item<double>(), all ? 2 * 0.95 : 2, 1e-12);
  }
}

TEST(adamw, clips_by_the_global_norm) {
  adamw_options clipping = plain();
  clipping.clip = 2;
  const at::Tensor a = parameter({0}, {1});
  const at::Tensor b = parameter({0}, {1});
  adamw optimiser({a, b}, clipping);
  give_gradient(a, at::full({1}, 6.0, at::kDouble));
  give_gradient(b, at::full({1}, 8.0, at::kDouble));
  EXPECT_NEAR(optimiser.step(0.1), 10, 1e-12);
  EXPECT_NEAR(optimiser.current().first[0].item<double>(), 0.1 * 1.2, 1e-12);
  EXPECT_NEAR(optimiser.current().second[1].item<double>(), 0.05 * 1.6 * 1.6, 1e-12);
  // Below the bound nothing is scaled.
  give_gradient(a, at::full({1}, 1.0, at::kDouble));
  EXPECT_NEAR(optimiser.step(0.1), 1, 1e-12);
  EXPECT_NEAR(optimiser.current().first[0].item<double>(), 0.9 * 0.12 + 0.1, 1e-12);
}

TEST(adamw, skips_what_is_not_finite) {
  for (double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const at::Tensor w = parameter({1, 2, 3, 4}, {2, 2});
    adamw optimiser({w}, adamw_options{});
    give_gradient(w, at::ones({2, 2}, at::kDouble));
    optimiser.step(0.1);
    const at::Tensor before = w.detach().clone();
    const at::Tensor first = optimiser.current().first[0].clone();
    at::Tensor gradient = at::ones({2, 2}, at::kDouble);
    gradient[1][0] = bad;
    give_gradient(w, gradient);
    EXPECT_FALSE(std::isfinite(optimiser.step(0.1)));
    EXPECT_TRUE(w.detach().equal(before));
    EXPECT_TRUE(optimiser.current().first[0].equal(first));
    EXPECT_EQ(optimiser.current().steps, 1);
    EXPECT_FALSE(w.grad().defined());
  }
}

TEST(adamw, leaves_tensors_without_gradient_alone) {
  const at::Tensor used = parameter({1}, {1, 1});
  const at::Tensor unused = parameter({1}, {1, 1});
  adamw optimiser({used, unused}, adamw_options{});
  give_gradient(used, at::ones({1, 1}, at::kDouble));
  optimiser.step(0.1);
  EXPECT_LT(used.item<double>(), 1);
  EXPECT_EQ(unused.item<double>(), 1);
}

TEST(adamw, a_restored_one_goes_on_bit_by_bit) {
  at::manual_seed(1);
  const at::Tensor w = at::randn({3, 4}).set_requires_grad(true);
  adamw original({w}, adamw_options{});
  for (int i = 0; i < 3; ++i) {
    give_gradient(w, at::randn({3, 4}));
    original.step(0.01);
  }
  const at::Tensor twin = w.detach().clone().set_requires_grad(true);
  adamw restored({twin}, adamw_options{});
  restored.restore(original.current());
  for (int i = 0; i < 3; ++i) {
    const at::Tensor gradient = at::randn({3, 4});
    // One after the other: did they share moments, the second would see the first one's step.
    give_gradient(w, gradient);
    original.step(0.01);
    give_gradient(twin, gradient);
    restored.step(0.01);
    EXPECT_TRUE(w.detach().equal(twin.detach())) << i;
  }
  EXPECT_EQ(restored.current().steps, 6);
}

TEST(adamw_death, refuses_a_state_of_another_shape) {
  adamw one({parameter({1, 2}, {2})}, plain());
  adamw other({parameter({1, 2, 3}, {3})}, plain());
  EXPECT_DEATH(one.restore(other.current()), "another shape");
}

}  // namespace
}  // namespace freshet::distill
