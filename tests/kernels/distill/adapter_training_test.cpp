// An adapter of PEFT's as a starting point: five steps of AdamW on it alone, as PEFT and torch take them.
#include "kernels/distill/adamw.hpp"

#include "tests/kernels/distill/support.hpp"
#include "tests/support/golden_adapter.hpp"

namespace freshet::distill {
namespace {

class adapter_training : public ::testing::TestWithParam<test::golden_adapter_case> {};

TEST_P(adapter_training, five_steps) {
  const test::golden_adapter g{GetParam()};
  std::vector<at::Tensor> tensors;
  for (const auto& item : g.set.find("golden")->matrices) {
    item.second.set_requires_grad(true);
    tensors.push_back(item.second);
  }
  adamw_options options;
  options.beta2 = 0.999;
  options.weight_decay = 0.01;
  options.decay_all = true;
  options.clip = 0;
  adamw optimiser(tensors, options);
  const at::Tensor want = g.wanted("adamw.losses");
  ASSERT_EQ(want.numel(), 6);
  for (std::int64_t i = 0; i < 6; ++i) {
    const at::Tensor loss = g.base.loss("single");
    EXPECT_NEAR(loss.item<double>(), want[i].item<double>(), 1e-4) << i;
    if (i == 5) break;
    torch::autograd::backward({loss}, {});
    // Layers that take no part have a gradient of zero there, and decay.
    for (const at::Tensor& t : tensors) {
      if (!t.grad().defined()) t.mutable_grad() = at::zeros_like(t);
    }
    optimiser.step(1e-3);
  }
  std::size_t compared = 0;
  const std::string after = "adamw.after5.";
  for (const auto& entry : g.numbers.tensors()) {
    if (entry.name.compare(0, after.size(), after) != 0) continue;
    const std::string name = g.ours(entry.name.substr(after.size()));
    ASSERT_FALSE(name.empty()) << entry.name;
    EXPECT_LT(largest_difference(g.base.net.weights().at(name).detach(), g.wanted(entry.name)), 1e-5) << name;
    ++compared;
  }
  EXPECT_GE(compared, 3U);
}

INSTANTIATE_TEST_SUITE_P(golden, adapter_training, ::testing::ValuesIn(test::golden_adapters),
                         [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace freshet::distill
