#include "kernels/model/recompute.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "kernels/base/check.hpp"

namespace freshet::model {
namespace {

using stretch_function = std::function<at::Tensor(const at::Tensor&)>;

/// x without its past, wanting a gradient where it did.
at::Tensor fresh(const at::Tensor& x) { return x.detach().set_requires_grad(x.requires_grad()); }

struct stretch_node final : torch::autograd::Node {
  stretch_node(stretch_function f, const at::Tensor& x, std::vector<at::Tensor> t)
      : stretch(std::move(f)), input(fresh(x)), trained(std::move(t)) {}

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    FRESHET_ENSURE(!at::GradMode::is_enabled(), "recomputed: no second derivative");
    FRESHET_ENSURE(input.defined(), "recomputed: gradients were taken already");
    if (!gradients[0].defined()) return torch::autograd::variable_list(1 + trained.size());
    at::Tensor y;
    const at::Tensor x = fresh(input);
    {
      const at::AutoGradMode with_gradients(true);
      y = stretch(x);
    }
    torch::autograd::variable_list wanted;
    if (x.requires_grad()) wanted.push_back(x);
    wanted.insert(wanted.end(), trained.begin(), trained.end());
    auto made = torch::autograd::grad({y}, wanted, {gradients[0]}, /*retain_graph=*/false, /*create_graph=*/false,
                                      /*allow_unused=*/true);
    if (!x.requires_grad()) made.insert(made.begin(), at::Tensor());
    return made;
  }

  void release_variables() override {
    input = at::Tensor();
    stretch = nullptr;
  }

  stretch_function stretch;
  at::Tensor input;
  std::vector<at::Tensor> trained;
};

}  // namespace

at::Tensor recomputed(stretch_function stretch, const at::Tensor& x, std::vector<at::Tensor> trained) {
  const auto wants = [](const at::Tensor& t) { return t.requires_grad(); };
  trained.erase(std::remove_if(trained.begin(), trained.end(), [&](const at::Tensor& t) { return !wants(t); }), trained.end());
  if (!at::GradMode::is_enabled() || (trained.empty() && !wants(x))) return stretch(x);
  // With gradients here too: layers may round otherwise without.
  at::Tensor y = stretch(fresh(x)).detach();
  const std::shared_ptr<stretch_node> node(new stretch_node(std::move(stretch), x, std::move(trained)),
                                           torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(x, node->trained));
  torch::autograd::set_history(y, node);
  return y;
}

}  // namespace freshet::model
