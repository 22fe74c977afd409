#include "kernels/distill/losses.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/distill/wavelet.hpp"

namespace freshet::distill {
namespace {

/// Probability below which the bucket of all other words is not told apart from none.
constexpr double smallest_rest = 1e-8;

at::Tensor weighted_mean(const at::Tensor& values, const at::Tensor& weights) {
  return (values * weights).sum() / weights.sum().clamp_min(1e-6);
}

}  // namespace

at::Tensor weighted_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights) {
  return weighted_mean(at::cross_entropy_loss(logits, labels, {}, at::Reduction::None), weights);
}

at::Tensor topk_distillation(const at::Tensor& logits, const at::Tensor& ids, const at::Tensor& log_probs,
                             const at::Tensor& rest, const at::Tensor& weights, double temperature) {
  const at::Tensor teacher_rest = rest.clamp_min(smallest_rest).log().unsqueeze(1);
  const at::Tensor teacher = at::log_softmax(at::cat({log_probs, teacher_rest}, 1) / temperature, 1);
  const at::Tensor all = at::log_softmax(logits, 1);
  const at::Tensor kept = all.gather(1, ids);
  // The rest is summed as it is: one minus the kept mass would be rounding noise for a sure student.
  const at::Tensor others = all.scatter(1, ids, -1e30);
  const at::Tensor student_rest = at::logsumexp(others, {1}, true).clamp_min(std::log(smallest_rest));
  const at::Tensor student = at::log_softmax(at::cat({kept, student_rest}, 1) / temperature, 1);
  const at::Tensor kl = (teacher.exp() * (teacher - student)).sum(1);
  return weighted_mean(kl, weights) * (temperature * temperature);
}

at::Tensor qkd(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& valid) {
  constexpr int levels = 3;
  // The transform is linear, so the bands of the difference are the differences of the bands.
  at::Tensor difference = student - teacher;
  const auto width = static_cast<double>(student.size(2));
  at::Tensor lengths = at::full({student.size(0)}, student.size(1), at::kLong);
  if (valid.defined()) {
    difference = difference.masked_fill(valid.logical_not().unsqueeze(-1), 0);
    lengths = valid.to(at::kLong).sum(1);
  }
  // Means are over what the samples have by themselves: padding adds zeros to the sums and nothing
  // to the counts.
  const auto mean = [&](const at::Tensor& sum) {
    return sum / std::max(1.0, lengths.sum().item<double>() * width);
  };
  difference = difference.transpose(1, 2);
  at::Tensor loss = mean(difference.square().sum());
  for (const at::Tensor& band : db6_transform(difference, levels).details) {
    lengths = at::where(lengths.gt(0), (lengths + 11).div(2, "floor"), lengths);
    loss = loss + mean(band.abs().sum());
  }
  return loss;
}

}  // namespace freshet::distill
