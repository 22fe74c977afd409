#include "kernels/distill/adamw.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "kernels/base/check.hpp"

namespace freshet::distill {

adamw::adamw(std::vector<at::Tensor> tensors, adamw_options options)
    : tensors_(std::move(tensors)), options_(options) {
  for (const at::Tensor& t : tensors_) {
    state_.first.push_back(at::zeros_like(t.detach()));
    state_.second.push_back(at::zeros_like(t.detach()));
  }
}

double adamw::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (const at::Tensor& t : tensors_) {
    if (t.grad().defined()) squares += t.grad().square().sum().item<double>();
  }
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    clear_gradients();
    return norm;
  }
  const double shrink = options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1.0;
  ++state_.steps;
  const auto t = static_cast<double>(state_.steps);
  const double correct1 = 1 - std::pow(options_.beta1, t);
  const double correct2 = 1 - std::pow(options_.beta2, t);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const at::Tensor& value = tensors_[i];
    if (!value.grad().defined()) continue;
    const at::Tensor gradient = value.grad() * shrink;
    if (options_.decay_all || value.dim() >= 2) value.mul_(1 - learning_rate * options_.weight_decay);
    state_.first[i].mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
    state_.second[i].mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
    const at::Tensor root = (state_.second[i] / correct2).sqrt_().add_(options_.eps);
    value.addcdiv_(state_.first[i], root, -learning_rate / correct1);
  }
  clear_gradients();
  return norm;
}

void adamw::clear_gradients() {
  for (at::Tensor& t : tensors_) t.mutable_grad().reset();
}

void adamw::restore(state saved) {
  FRESHET_ENSURE(saved.first.size() == tensors_.size() && saved.second.size() == tensors_.size(),
                 "adamw::restore: another number of tensors");
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    FRESHET_ENSURE(saved.first[i].sizes() == tensors_[i].sizes() && saved.second[i].sizes() == tensors_[i].sizes(),
                   "adamw::restore: another shape");
    // Steps write in place, and the giver may still use its own.
    saved.first[i] = saved.first[i].clone();
    saved.second[i] = saved.second[i].clone();
  }
  state_ = std::move(saved);
}

}  // namespace freshet::distill
