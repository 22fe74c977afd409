// Against closed forms, sums written out, and central differences in double precision.
#include "kernels/distill/losses.hpp"

#include <cmath>

#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {
namespace {

at::Tensor numbers(std::vector<double> values, std::vector<std::int64_t> shape) {
  return at::tensor(values, at::kDouble).reshape(shape);
}

/// T² · KL over all words, no bucket: the definition.
at::Tensor full_distillation(const at::Tensor& student, const at::Tensor& teacher, double temperature) {
  const at::Tensor t = at::log_softmax(teacher / temperature, 1);
  const at::Tensor s = at::log_softmax(student / temperature, 1);
  return (t.exp() * (t - s)).sum(1) * (temperature * temperature);
}

struct top_words {
  at::Tensor ids, log_probs, rest;
};

top_words best(const at::Tensor& teacher, std::int64_t k) {
  const at::Tensor all = at::log_softmax(teacher, 1);
  const auto [values, ids] = all.topk(k, 1);
  const at::Tensor others = all.scatter(1, ids, -1e30);
  return {ids, values, others.exp().sum(1)};
}

TEST(cross_entropy, two_words_in_closed_form) {
  const at::Tensor logits = numbers({0.5, -1.0, 2.0, 2.5}, {2, 2});
  const at::Tensor labels = at::tensor(std::vector<std::int64_t>{0, 0}, at::kLong);
  const double first = std::log1p(std::exp(-1.5));
  const double second = std::log1p(std::exp(0.5));
  EXPECT_NEAR(weighted_cross_entropy(logits, labels, numbers({1, 1}, {2})).item<double>(), (first + second) / 2, 1e-12);
  EXPECT_NEAR(weighted_cross_entropy(logits, labels, numbers({3, 1}, {2})).item<double>(), (3 * first + second) / 4,
              1e-12);
  EXPECT_EQ(weighted_cross_entropy(logits, labels, numbers({0, 0}, {2})).item<double>(), 0);
}

TEST(distillation, one_kept_of_two_words_in_closed_form) {
  const double p = 0.8;
  const double gap = 0.3;  // student logits (gap, 0)
  const double q = 1 / (1 + std::exp(-gap));
  for (double temperature : {1.0, 2.0, 5.0}) {
    const auto soften = [&](double x) {
      const double a = std::pow(x, 1 / temperature);
      return a / (a + std::pow(1 - x, 1 / temperature));
    };
    const double t = soften(p);
    const double s = soften(q);
    const double want = temperature * temperature * (t * std::log(t / s) + (1 - t) * std::log((1 - t) / (1 - s)));
    const at::Tensor got =
        topk_distillation(numbers({gap, 0}, {1, 2}), at::zeros({1, 1}, at::kLong), numbers({std::log(p)}, {1, 1}),
                          numbers({1 - p}, {1}), numbers({1}, {1}), temperature);
    EXPECT_NEAR(got.item<double>(), want, 1e-12) << temperature;
  }
}

TEST(distillation, all_but_one_word_kept_is_the_full_divergence) {
  at::manual_seed(1);
  const at::Tensor student = at::randn({6, 9}, at::kDouble);
  const at::Tensor teacher = at::randn({6, 9}, at::kDouble) * 2;
  const at::Tensor weights = at::rand({6}, at::kDouble);
  const top_words top = best(teacher, 8);
  for (double temperature : {1.0, 2.0, 4.0}) {
    const at::Tensor got = topk_distillation(student, top.ids, top.log_probs, top.rest, weights, temperature);
    const at::Tensor want = (full_distillation(student, teacher, temperature) * weights).sum() / weights.sum();
    EXPECT_NEAR(got.item<double>(), want.item<double>(), 1e-9) << temperature;
  }
}

TEST(distillation, vanishes_at_equality_however_sure_both_are) {
  at::manual_seed(2);
  for (double sureness : {1.0, 5.0, 40.0}) {
    const at::Tensor logits = at::randn({5, 12}, at::kDouble) * sureness;
    for (std::int64_t k : {1, 3, 11}) {
      const top_words top = best(logits, k);
      const at::Tensor at_equality = topk_distillation(logits, top.ids, top.log_probs, top.rest, at::ones({5}, at::kDouble), 2);
      EXPECT_NEAR(at_equality.item<double>(), 0, 1e-6) << sureness << " " << k;
    }
  }
  const at::Tensor same = at::randn({5, 12}, at::kDouble);
  const top_words top = best(same, 3);
  const at::Tensor ones = at::ones({5}, at::kDouble);
  EXPECT_GT(topk_distillation(same.flip(1), top.ids, top.log_probs, top.rest, ones, 2).item<double>(), 0.01);
}

TEST(distillation, large_temperature_matches_logits) {
  // T² · KL → Σ (d_i - mean d)² / 2V, d = teacher's minus student's logits (arXiv 1503.02531, 2.1).
  at::manual_seed(3);
  const at::Tensor student = at::randn({4, 7}, at::kDouble);
  const at::Tensor teacher = at::randn({4, 7}, at::kDouble);
  const at::Tensor d = teacher - student;
  const double want = ((d - d.mean(1, true)).square().sum(1) / 14).mean().item<double>();
  const top_words top = best(teacher, 6);
  const double got =
      topk_distillation(student, top.ids, top.log_probs, top.rest, at::ones({4}, at::kDouble), 1000).item<double>();
  EXPECT_NEAR(got, want, 0.01 * want);
}

TEST(distillation, single_precision_survives_a_sure_student) {
  // One minus the kept mass would be rounding noise here.
  const at::Tensor logits = numbers({25, 3, 0, -2, 1}, {1, 5});
  const at::Tensor teacher = numbers({18, 4, 1, 0, 2}, {1, 5});
  const top_words top = best(teacher, 2);
  const at::Tensor one = at::ones({1}, at::kDouble);
  const at::Tensor exact = topk_distillation(logits, top.ids, top.log_probs, top.rest, one, 2);
  const at::Tensor x = logits.to(at::kFloat).set_requires_grad(true);
  const at::Tensor rough = topk_distillation(x, top.ids, top.log_probs.to(at::kFloat), top.rest.to(at::kFloat),
                                             one.to(at::kFloat), 2);
  EXPECT_NEAR(rough.item<double>(), exact.item<double>(), 1e-4 * exact.item<double>());
  torch::autograd::backward({rough}, {});
  EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
}

TEST(distillation, all_words_kept_has_a_finite_gradient) {
  const at::Tensor x = at::randn({2, 4}).set_requires_grad(true);
  const at::Tensor ids = at::arange(4, at::kLong).unsqueeze(0).expand({2, 4});
  const at::Tensor teacher = at::log_softmax(at::randn({2, 4}), 1);
  torch::autograd::backward({topk_distillation(x, ids, teacher, at::zeros({2}), at::ones({2}), 2)}, {});
  EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
  EXPECT_GT(x.grad().abs().max().item<double>(), 0);
}

TEST(distillation, gradients_equal_differences) {
  at::manual_seed(4);
  const at::Tensor teacher = at::randn({5, 8}, at::kDouble);
  const top_words top = best(teacher, 3);
  const at::Tensor weights = at::rand({5}, at::kDouble);
  const at::Tensor labels = at::tensor(std::vector<std::int64_t>{1, 0, 7, 3, 3}, at::kLong);
  const at::Tensor x = at::randn({5, 8}, at::kDouble);
  expect_gradient([&](const at::Tensor& l) { return weighted_cross_entropy(l, labels, weights); }, x);
  expect_gradient(
      [&](const at::Tensor& l) { return topk_distillation(l, top.ids, top.log_probs, top.rest, weights, 2); }, x);
}

TEST(qkd, is_zero_at_equality_and_symmetric) {
  at::manual_seed(5);
  const at::Tensor a = at::randn({2, 9, 4}, at::kDouble);
  const at::Tensor b = at::randn({2, 9, 4}, at::kDouble);
  EXPECT_EQ(qkd(a, a, {}).item<double>(), 0);
  EXPECT_NEAR(qkd(a, b, {}).item<double>(), qkd(b, a, {}).item<double>(), 1e-12);
  EXPECT_GT(qkd(a, b, {}).item<double>(), 0.1);
}

TEST(qkd, one_token_by_hand) {
  // A single value c: its square, and the mean sizes of the details of [c], of its approximation, of
  // the approximation of that.
  const double c = 0.75;
  double want = c * c;
  std::vector<double> signal{c};
  for (int level = 0; level < 3; ++level) {
    const auto [low, high] = transform_by_definition(signal);
    double sum = 0;
    for (double x : high) sum += std::abs(x);
    want += sum / static_cast<double>(high.size());
    signal = low;
  }
  EXPECT_NEAR(qkd(numbers({1 + c}, {1, 1, 1}), numbers({1}, {1, 1, 1}), {}).item<double>(), want, 1e-12);
  // The first level alone: the odd taps of the high-pass filter, six outputs.
  double first = 0;
  for (std::size_t j = 0; j < 12; j += 2) first += std::abs(db6_low_pass[j]);
  const auto [low, high] = transform_by_definition({c});
  double sum = 0;
  for (double x : high) sum += std::abs(x);
  EXPECT_NEAR(sum, c * first, 1e-12);
}

TEST(qkd, is_the_sum_of_means_over_the_bands) {
  at::manual_seed(6);
  const at::Tensor s = at::randn({2, 32, 3}, at::kDouble);
  const at::Tensor t = at::randn({2, 32, 3}, at::kDouble);
  const wavelet_bands of_s = db6_transform(s.transpose(1, 2), 3);
  const wavelet_bands of_t = db6_transform(t.transpose(1, 2), 3);
  double want = (s - t).square().mean().item<double>();
  for (std::size_t i = 0; i < 3; ++i) want += (of_s.details[i] - of_t.details[i]).abs().mean().item<double>();
  EXPECT_NEAR(qkd(s, t, {}).item<double>(), want, 1e-10);
  EXPECT_NEAR(qkd(s, t, at::ones({2, 32}, at::kBool)).item<double>(), want, 1e-10);
}

TEST(qkd, padding_changes_nothing) {
  at::manual_seed(7);
  const at::Tensor s = at::randn({1, 5, 3}, at::kDouble);
  const at::Tensor t = at::randn({1, 5, 3}, at::kDouble);
  const double want = qkd(s, t, {}).item<double>();
  for (std::int64_t more : {1, 4, 30}) {
    const at::Tensor junk = at::randn({1, more, 3}, at::kDouble);
    const at::Tensor valid = at::cat({at::ones({1, 5}, at::kBool), at::zeros({1, more}, at::kBool)}, 1);
    const at::Tensor padded_s = at::cat({s, junk}, 1).set_requires_grad(true);
    const at::Tensor loss = qkd(padded_s, at::cat({t, 3 * junk}, 1), valid);
    EXPECT_NEAR(loss.item<double>(), want, 1e-10) << more;
    torch::autograd::backward({loss}, {});
    EXPECT_EQ(padded_s.grad().narrow(1, 5, more).abs().max().item<double>(), 0);
  }
  // Padding that is not even a number.
  const at::Tensor broken = at::full({1, 2, 3}, std::nan(""), at::kDouble);
  const at::Tensor valid = at::cat({at::ones({1, 5}, at::kBool), at::zeros({1, 2}, at::kBool)}, 1);
  EXPECT_NEAR(qkd(at::cat({s, broken}, 1), at::cat({t, broken}, 1), valid).item<double>(), want, 1e-10);
  EXPECT_EQ(qkd(s, t, at::zeros({1, 5}, at::kBool)).item<double>(), 0);
}

TEST(qkd, a_ragged_batch_pools_its_rows) {
  at::manual_seed(8);
  const at::Tensor s = at::randn({2, 8, 1}, at::kDouble);
  const at::Tensor t = at::randn({2, 8, 1}, at::kDouble);
  at::Tensor valid = at::ones({2, 8}, at::kBool);
  valid[1].narrow(0, 3, 5).fill_(false);
  const at::Tensor d0 = (s - t)[0].flatten();
  const at::Tensor d1 = (s - t)[1].narrow(0, 0, 3).flatten();
  std::vector<double> a(d0.data_ptr<double>(), d0.data_ptr<double>() + 8);
  std::vector<double> b(d1.data_ptr<double>(), d1.data_ptr<double>() + 3);
  double want = 0;
  for (double x : a) want += x * x / 11;
  for (double x : b) want += x * x / 11;
  for (int level = 0; level < 3; ++level) {
    const auto of_a = transform_by_definition(a);
    const auto of_b = transform_by_definition(b);
    double sum = 0;
    for (double x : of_a.second) sum += std::abs(x);
    for (double x : of_b.second) sum += std::abs(x);
    want += sum / static_cast<double>(of_a.second.size() + of_b.second.size());
    a = of_a.first;
    b = of_b.first;
  }
  EXPECT_NEAR(qkd(s, t, valid).item<double>(), want, 1e-10);
}

TEST(qkd, gradient_equals_differences) {
  at::manual_seed(9);
  const at::Tensor t = at::randn({2, 11, 3}, at::kDouble);
  at::Tensor valid = at::ones({2, 11}, at::kBool);
  valid[1].narrow(0, 6, 5).fill_(false);
  expect_gradient([&](const at::Tensor& s) { return qkd(s, t, valid); }, at::randn({2, 11, 3}, at::kDouble), 1e-4);
}

}  // namespace
}  // namespace freshet::distill
