#include "kernels/distill/losses.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/distill/wavelet.hpp"

namespace freshet::distill {
namespace {

/// Probability below which the bucket of all other words is not told apart from none.
constexpr double smallest_rest = 1e-8;

at::Tensor weighted_mean(const at::Tensor& values, const at::Tensor& weights, std::optional<double> total) {
  return (values * weights).sum() / std::max(total ? *total : weights.sum().item<double>(), 1e-6);
}

}  // namespace

at::Tensor weighted_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& weights,
                                  std::optional<double> total) {
  return weighted_mean(at::cross_entropy_loss(logits, labels, {}, at::Reduction::None), weights, total);
}

at::Tensor topk_distillation(const at::Tensor& logits, const at::Tensor& ids, const at::Tensor& log_probs,
                             const at::Tensor& rest, const at::Tensor& weights, double temperature,
                             std::optional<double> total) {
  const at::Tensor teacher_rest = rest.clamp_min(smallest_rest).log().unsqueeze(1);
  const at::Tensor teacher = at::log_softmax(at::cat({log_probs, teacher_rest}, 1) / temperature, 1);
  const at::Tensor all = at::log_softmax(logits, 1);
  const at::Tensor kept = all.gather(1, ids);
  // The rest is summed as it is: one minus the kept mass would be rounding noise for a sure student.
  const at::Tensor others = all.scatter(1, ids, -1e30);
  const at::Tensor student_rest = at::logsumexp(others, {1}, true).clamp_min(std::log(smallest_rest));
  const at::Tensor student = at::log_softmax(at::cat({kept, student_rest}, 1) / temperature, 1);
  const at::Tensor kl = (teacher.exp() * (teacher - student)).sum(1);
  return weighted_mean(kl, weights, total) * (temperature * temperature);
}

void qkd_counts::add(std::int64_t tokens) {
  values[0] += tokens;
  for (std::size_t level = 1; level < values.size(); ++level) {
    if (tokens > 0) tokens = (tokens + 11) / 2;
    values[level] += tokens;
  }
}

at::Tensor qkd(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& valid,
               const std::optional<qkd_counts>& counts) {
  // The transform is linear, so the bands of the difference are the differences of the bands.
  at::Tensor difference = student - teacher;
  if (valid.defined()) difference = difference.masked_fill(valid.logical_not().unsqueeze(-1), 0);
  // Means are over what the samples have by themselves: padding adds zeros to the sums and nothing
  // to the counts.
  qkd_counts over;
  if (counts) {
    over = *counts;
  } else {
    for (std::int64_t i = 0; i < student.size(0); ++i) {
      over.add(valid.defined() ? valid[i].sum().item<std::int64_t>() : student.size(1));
    }
  }
  const auto width = static_cast<double>(student.size(2));
  const auto mean = [&](const at::Tensor& sum, std::size_t of) {
    return sum / std::max(1.0, static_cast<double>(over.values[of]) * width);
  };
  difference = difference.transpose(1, 2);
  at::Tensor loss = mean(difference.square().sum(), 0);
  const auto details = db6_transform(difference, static_cast<int>(wavelet_levels)).details;
  for (std::size_t level = 0; level < details.size(); ++level) loss = loss + mean(details[level].abs().sum(), level + 1);
  return loss;
}

}  // namespace freshet::distill
