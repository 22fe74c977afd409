// Five steps of AdamW as torch takes them: losses and weights afterwards held to the reference's (tests/data/hf/README.md).
#pragma once

#include "kernels/distill/adamw.hpp"
#include "tests/kernels/distill/support.hpp"
#include "tests/support/golden_model.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace freshet::distill {

/// What a tensor without a gradient is to the reference: left alone, or one whose gradient is zero, which decays.
enum class no_gradient { left_alone, zero };

/// The least gradient that each element of a tensor had in any step, by the tensor's memory.
using least_gradients = std::map<const void*, at::Tensor>;

/// `losses` [6]: before each step and after the last one.
inline least_gradients expect_golden_losses(const std::vector<at::Tensor>& tensors, const std::function<at::Tensor()>& loss_of,
                                 const at::Tensor& losses, no_gradient idle) {
  for (const at::Tensor& t : tensors) t.set_requires_grad(true);
  adamw_options options;
  options.beta2 = 0.999;
  options.weight_decay = 0.01;
  options.decay_all = true;
  options.clip = 0;
  adamw optimiser(tensors, options);
  least_gradients least;
  EXPECT_EQ(losses.numel(), 6);
  if (losses.numel() != 6) return least;
  for (std::int64_t i = 0; i < 6; ++i) {
    const at::Tensor loss = loss_of();
    EXPECT_NEAR(loss.item<double>(), losses[i].item<double>(), 1e-4) << i;
    if (i == 5) break;
    torch::autograd::backward({loss}, {});
    for (const at::Tensor& t : tensors) {
      if (idle == no_gradient::zero && !t.grad().defined()) t.mutable_grad() = at::zeros_like(t);
    }
    for (const at::Tensor& t : tensors) {
      if (!t.grad().defined()) continue;
      at::Tensor& kept = least[t.data_ptr()];
      kept = kept.defined() ? at::minimum(kept, t.grad().abs()) : t.grad().abs();
    }
    optimiser.step(1e-3);
  }
  return least;
}

// Adam makes steps of one length of whatever gradient: where one lies below what two processors agree on (1e-5, README;
// keys' biases under the slowest turns of rope have 1e-6), its rounding shows in the weight.
constexpr double agreed_gradient = 1e-5;
constexpr double weight_tolerance = 1e-5;
constexpr double rounding_tolerance = 1e-4;   // of the five steps' 5e-3

/// Every adamw.after5.NAME of `numbers` against the weight that `in_program` calls so.
inline void expect_golden_weights(const least_gradients& least, const model::safetensors_file& numbers, const model::parameters& weights,
                                  const std::function<std::string(const std::string&)>& in_program) {
  std::size_t compared = 0;
  const std::string after = "adamw.after5.";
  for (const auto& entry : numbers.tensors()) {
    if (entry.name.compare(0, after.size(), after) != 0) continue;
    const std::string name = in_program(entry.name.substr(after.size()));
    ASSERT_FALSE(name.empty()) << entry.name;
    const at::Tensor apart = (weights.at(name).detach() - test::golden_model::of(numbers, entry.name)).abs();
    const auto gradient = least.find(weights.at(name).data_ptr());
    // Without a gradient it only decays, the same everywhere.
    const at::Tensor exact = gradient == least.end() ? at::ones_like(apart, at::kBool)
                                                     : (gradient->second >= agreed_gradient).logical_or(gradient->second == 0);
    EXPECT_LT(apart.max().item<double>(), rounding_tolerance) << name;
    EXPECT_LT((apart * exact).max().item<double>(), weight_tolerance) << name;
    EXPECT_GE(2 * exact.sum().item<std::int64_t>(), exact.numel()) << name << ": too few elements are compared closely";
    ++compared;
  }
  EXPECT_GE(compared, 3U);
}

}  // namespace freshet::distill
