// However a batch is cut, its parts have its loss and its gradient; and each sample has the say that its weight and
// length give it.
#include "kernels/distill/batch_loss.hpp"

#include "kernels/model/trainable_set.hpp"
#include "tests/kernels/distill/varied_samples.hpp"

namespace freshet::distill {
namespace {

constexpr std::uint64_t all_samples = 12;

loss_weights every_term() {
  loss_weights w;
  w.pseudo_label = 0.9;
  w.logit_kd = 1.1;
  w.visual_qkd = 0.5;
  w.hidden_qkd = 0.7;
  return w;
}

/// A student and alignment layers that want gradients, and all that has one by name.
struct learning {
  learning() : student(tiny_student()) {
    const auto trainable = model::trainable_set::of(student.weights());
    for (const auto& t : trainable.tensors()) wanted.emplace_back(t.name, t.value);
    rng draw(3);
    const auto layer = [&](const char* name, const std::vector<std::int64_t>& shape) {
      std::vector<float> values(static_cast<std::size_t>(shape[0] * (shape.size() > 1 ? shape[1] : 1)));
      for (float& x : values) x = static_cast<float>(0.2 * draw.normal());
      wanted.emplace_back(name, at::tensor(values).reshape(shape));
      return wanted.back().second;
    };
    alignment.visual_weight = layer("visual.weight", {varied_teacher_width, 16});
    alignment.visual_bias = layer("visual.bias", {varied_teacher_width});
    alignment.hidden_weight = layer("hidden.weight", {varied_teacher_width, 16});
    alignment.hidden_bias = layer("hidden.bias", {varied_teacher_width});
    for (const auto& item : wanted) item.second.set_requires_grad(true);
  }

  struct outcome {
    double loss = 0;
    std::int64_t agreed = 0;
    std::vector<at::Tensor> gradients;  ///< as `wanted`; undefined where there is none
  };
  /// In parts of at most `size` samples.
  outcome in_parts(const std::vector<sample_handle>& batch, const loss_weights& weights, std::size_t size) {
    for (auto& item : wanted) item.second.mutable_grad().reset();
    const batch_totals totals = totals_of(batch, weights);
    outcome out;
    for (std::size_t from = 0; from < batch.size(); from += size) {
      const auto begin = batch.begin() + static_cast<std::ptrdiff_t>(from);
      const auto count = static_cast<std::ptrdiff_t>(std::min(size, batch.size() - from));
      const part_loss part = loss_of(student, alignment, weights, {begin, begin + count}, totals);
      out.loss += part.loss.item<double>();
      out.agreed += part.agreed;
      if (part.loss.requires_grad()) torch::autograd::backward({part.loss}, {});
    }
    for (const auto& item : wanted) {
      out.gradients.push_back(item.second.grad().defined() ? item.second.grad().clone() : at::Tensor());
    }
    return out;
  }

  model::multimodal student;
  alignment_layers alignment;
  std::vector<std::pair<std::string, at::Tensor>> wanted;
};

void expect_the_same(const learning& l, const learning::outcome& cut, const learning::outcome& whole) {
  EXPECT_NEAR(cut.loss, whole.loss, 1e-5 * std::abs(whole.loss));
  EXPECT_EQ(cut.agreed, whole.agreed);
  double of_all = 0;
  double apart_of_all = 0;
  for (std::size_t i = 0; i < l.wanted.size(); ++i) {
    const std::string& name = l.wanted[i].first;
    ASSERT_EQ(cut.gradients[i].defined(), whole.gradients[i].defined()) << name;
    if (!whole.gradients[i].defined()) continue;
    const double norm = whole.gradients[i].norm().item<double>();
    const double apart = (cut.gradients[i] - whole.gradients[i]).norm().item<double>();
    of_all += norm * norm;
    apart_of_all += apart * apart;
    // Within the model larger numbers cancel; in keys' biases all that there is.
    EXPECT_LT(apart, 2e-5 * norm + 1e-6) << name;
  }
  EXPECT_LT(std::sqrt(apart_of_all), 1e-5 * std::sqrt(of_all));
}

TEST(batch_loss, parts_of_any_size_add_up_to_the_whole) {
  learning l;
  const auto batch = varied_samples(all_samples);
  const auto whole = l.in_parts(batch, every_term(), all_samples);
  EXPECT_GT(whole.loss, 1);
  for (const std::size_t size : {1, 2, 3, 5, 11}) {
    SCOPED_TRACE(size);
    expect_the_same(l, l.in_parts(batch, every_term(), size), whole);
  }
}

TEST(batch_loss, each_term_by_itself_adds_up) {
  learning l;
  const auto batch = varied_samples(all_samples);
  const loss_weights every = every_term();
  for (double loss_weights::*term :
       {&loss_weights::pseudo_label, &loss_weights::logit_kd, &loss_weights::visual_qkd, &loss_weights::hidden_qkd}) {
    loss_weights one;
    one.pseudo_label = one.logit_kd = one.visual_qkd = one.hidden_qkd = 0;
    one.*term = every.*term;
    const auto whole = l.in_parts(batch, one, all_samples);
    EXPECT_GT(whole.loss, 0.01);
    // In parts of one some have nothing to say.
    expect_the_same(l, l.in_parts(batch, one, 1), whole);
    expect_the_same(l, l.in_parts(batch, one, 5), whole);
  }
}

TEST(batch_loss, one_sample_says_in_a_batch_what_it_says_alone_by_its_share) {
  learning l;
  const auto batch = varied_samples(all_samples);
  const auto alone = [&](const sample_handle& s, const loss_weights& w) {
    return loss_of(l.student, l.alignment, w, {s}, totals_of({s}, w)).loss.item<double>();
  };
  loss_weights labels;
  labels.logit_kd = 0;
  loss_weights logits;
  logits.pseudo_label = 0;
  double label_sum = 0;
  double label_shares = 0;
  double logit_sum = 0;
  double logit_shares = 0;
  for (const auto& s : batch) {
    const double share = static_cast<double>(s->weight) * static_cast<double>(s->answer.size());
    label_sum += share * alone(s, labels);
    label_shares += share;
    if (s->topk_ids.size() != 3 * s->answer.size()) continue;  // fewer logits than others, or none
    logit_sum += share * alone(s, logits);
    logit_shares += share;
  }
  EXPECT_NEAR(l.in_parts(batch, labels, 5).loss, label_sum / label_shares, 1e-5);
  EXPECT_NEAR(l.in_parts(batch, logits, 5).loss, logit_sum / logit_shares, 1e-5);
}

TEST(batch_loss, counts_before_any_forward_pass) {
  const auto batch = varied_samples(all_samples);
  const batch_totals got = totals_of(batch, every_term());
  batch_totals want;
  std::int64_t with_visual = 0;
  for (const auto& s : batch) {
    want.positions += static_cast<std::int64_t>(s->answer.size());
    if (s->teacher_visual.empty()) continue;
    ++with_visual;
    want.visual.values[0] += static_cast<std::int64_t>(s->positions.size());
    const auto once = (static_cast<std::int64_t>(s->positions.size()) + 11) / 2;
    want.visual.values[1] += once;
    want.visual.values[2] += (once + 11) / 2;
    want.visual.values[3] += ((once + 11) / 2 + 11) / 2;
  }
  EXPECT_EQ(with_visual, 6);
  EXPECT_EQ(got.positions, want.positions);
  EXPECT_EQ(got.kept_logits, 3U);
  EXPECT_EQ(got.visual.values, want.visual.values);
  loss_weights without = every_term();
  without.visual_qkd = 0;
  EXPECT_EQ(totals_of(batch, without).visual.values[0], 0);
}

}  // namespace
}  // namespace freshet::distill
