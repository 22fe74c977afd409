// An adapter of PEFT's as a starting point: five steps of AdamW on it alone, as PEFT and torch take them.
#include "tests/kernels/distill/golden_steps.hpp"
#include "tests/support/golden_adapter.hpp"

namespace freshet::distill {
namespace {

class adapter_training : public ::testing::TestWithParam<test::golden_adapter_case> {};

TEST_P(adapter_training, five_steps) {
  const test::golden_adapter g{GetParam()};
  std::vector<at::Tensor> tensors;
  for (const auto& item : g.set.find("golden")->matrices) tensors.push_back(item.second);
  // Layers that take no part have a gradient of zero there, and decay.
  const auto least = expect_golden_losses(tensors, [&] { return g.base.loss("single"); }, g.wanted("adamw.losses"), no_gradient::zero);
  expect_golden_weights(least, g.numbers, g.base.net.weights(), [&](const std::string& name) { return g.ours(name); });
}

INSTANTIATE_TEST_SUITE_P(golden, adapter_training, ::testing::ValuesIn(test::golden_adapters),
                         [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace freshet::distill
