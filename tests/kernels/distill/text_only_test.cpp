// A student that reads text only: its loss and gradient are those of the prompt written out, and it learns.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/distill/learner.hpp"
#include "kernels/distill/sample_check.hpp"
#include "tests/kernels/distill/support.hpp"
#include "tests/support/golden_model.hpp"

namespace freshet::distill {
namespace {

model::lora_spec small_adapter() {
  model::lora_spec spec;
  spec.rank = 2;
  spec.alpha = 4;
  spec.targets = {"q_proj", "v_proj", "down_proj"};
  return spec;
}

/// A tiny decoder of tests/data/hf with an adapter: 300 words, Llama's with a begin token, Qwen2's without.
model::multimodal reader(const char* name = "llama") {
  test::golden_model g(name);
  EXPECT_TRUE(g.net.attach(small_adapter()).ok());
  return std::move(g.net);
}

std::shared_ptr<labelled_sample> text_sample(std::vector<std::int32_t> prompt, std::vector<std::int32_t> answer) {
  auto s = std::make_shared<labelled_sample>();
  s->prompt = std::move(prompt);
  s->answer = std::move(answer);
  return s;
}

/// Mean cross entropy of one sample, from its tokens in one row as the reference reads them.
at::Tensor written_out(const model::multimodal& m, const labelled_sample& s) {
  std::vector<std::int64_t> ids(m.prefix().begin(), m.prefix().end());
  ids.insert(ids.end(), s.prompt.begin(), s.prompt.end());
  const auto first = static_cast<std::int64_t>(ids.size()) - 1;
  ids.insert(ids.end(), s.answer.begin(), s.answer.end());
  const auto row = model::read_prompt(m, {at::tensor(ids, at::kLong).unsqueeze(0), {}, {}, {}, {}}).value();
  const at::Tensor logits = m.logits(model::read_sequence(m.text_decoder(), row))[0];
  const auto answers = static_cast<std::int64_t>(s.answer.size());
  return at::cross_entropy_loss(logits.narrow(0, first, answers),
                                at::tensor(ids, at::kLong).narrow(0, first + 1, answers));
}

loss_weights labels_only() {
  loss_weights w;
  w.logit_kd = 0;
  return w;
}

class text_only_reader : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(kind, text_only_reader, ::testing::Values("llama", "qwen2"), [](const auto& of) { return of.param; });

TEST_P(text_only_reader, has_the_loss_and_gradient_of_the_prompt_written_out) {
  const model::multimodal m = reader(GetParam());
  const auto trained = model::trainable_set::of(m.weights());
  // B of an adapter starts at zero, and then A has no gradient.
  rng draw(3);
  std::vector<float> values(trained.size());
  for (float& x : values) x = static_cast<float>(0.3 * draw.normal());
  ASSERT_TRUE(trained.write(host_tensor::of(values)).ok());
  for (const auto& t : trained.tensors()) t.value.set_requires_grad(true);
  // Rows of two lengths: the shorter one is padded.
  const std::vector<sample_handle> batch{text_sample({40, 41, 42}, {7, 8, 2}), text_sample({50}, {9, 2})};

  const part_loss got = loss_of(m, {}, labels_only(), batch, totals_of(batch, labels_only()));
  torch::autograd::backward({got.loss}, {});
  const host_tensor mine = trained.read_gradients();
  for (const auto& t : trained.tensors()) t.value.mutable_grad().reset();
  // Of five answer tokens three are the first one's.
  const at::Tensor expected = (3 * written_out(m, *batch[0]) + 2 * written_out(m, *batch[1])) / 5;
  torch::autograd::backward({expected}, {});
  const host_tensor reference = trained.read_gradients();

  EXPECT_NEAR(got.loss.item<double>(), expected.item<double>(), 1e-5);
  double norm = 0;
  double apart = 0;
  for (std::size_t i = 0; i < mine.items(); ++i) {
    const double r = static_cast<double>(reference.as<float>()[i]);
    norm += r * r;
    apart += std::pow(static_cast<double>(mine.as<float>()[i]) - r, 2);
  }
  EXPECT_GT(norm, 0);
  EXPECT_LT(std::sqrt(apart), 1e-5 * std::sqrt(norm));
}

TEST(text_only, samples_have_no_cells_and_others_have_some) {
  const model::multimodal m = reader();
  labelled_sample s = *text_sample({40, 41}, {7, 2});
  EXPECT_TRUE(check_sample(s, m.config(), 0).ok());
  s.teacher_hidden = host_tensor::of(std::vector<float>(6, 0.5F), {2, 3});
  EXPECT_TRUE(check_sample(s, m.config(), 3).ok());
  EXPECT_EQ(check_sample(s, tiny_config(), 3).err().code, errc::shape_mismatch) << "a student that looks at pictures";

  labelled_sample shown = s;
  shown.positions = {0};
  shown.patches = host_tensor::of(std::vector<std::uint8_t>(48, 1), {1, 48});
  const auto refused = check_sample(shown, m.config(), 3);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.err().context.find("reads text only"), std::string::npos) << refused.err().text();
  labelled_sample of_features = s;
  of_features.teacher_visual = host_tensor::of(std::vector<float>(3, 0.5F), {1, 3});
  EXPECT_FALSE(check_sample(of_features, m.config(), 3).ok());
}

/// The teacher's rule: a word for each of eight questions.
sample_handle by_rule(std::int32_t question, bool logits) {
  const std::int32_t word = 100 + 3 * question;
  auto s = text_sample({20, 30 + question, 21}, {word, 2});
  if (logits) {
    s->topk_ids = {word, 5, 2, 6};
    s->topk_log_probs = {std::log(0.9F), std::log(0.05F), std::log(0.95F), std::log(0.03F)};
    s->rest_mass = {0.05F, 0.02F};
    s->teacher_hidden = host_tensor::of(std::vector<float>(12, 0.1F), {2, 6});
  }
  return s;
}

TEST(text_only, a_learner_learns_answers_of_text_by_every_term_that_there_is) {
  learner_options o;
  o.hidden_qkd = 0.1;
  o.learning_rate = o.final_learning_rate = 3e-2;
  o.warm_up_steps = 2;
  o.batch = 16;
  o.mix = {0.25, 0.25};
  o.memory.recent = 16;
  o.anchor = anchor_kind::l2sp;
  o.anchor_weight = 1e-5;
  learner l(reader(), o, 6);
  // What it is held to: questions of another kind, with its own logits.
  l.set_source({text_sample({60, 61}, {62, 2}), text_sample({63}, {64, 2})}, 4);
  EXPECT_EQ(l.memory().source_size(), 2U);
  for (std::int32_t i = 0; i < 32; ++i) ASSERT_TRUE(l.add(by_rule(i % 8, i % 2 == 0)).has_value());
  EXPECT_EQ(l.refused(), 0U);
  EXPECT_EQ(l.memory().reservoir_size(), 16U);
  const auto rule = [&] {
    std::vector<sample_handle> all;
    for (std::int32_t q = 0; q < 8; ++q) all.push_back(by_rule(q, false));
    return loss_of(l.student(), {}, labels_only(), all, totals_of(all, labels_only())).agreed;
  };
  EXPECT_LT(rule(), 4);
  for (int i = 0; i < 120; ++i) EXPECT_FALSE(l.step().skipped) << i;
  EXPECT_EQ(rule(), 16) << "eight words and eight ends";
}

TEST(text_only, a_step_in_parts_is_the_step) {
  learner_options o;
  o.batch = 8;
  o.mix = {0, 0};
  const auto after = [&](std::size_t micro) {
    o.micro_batch = micro;
    learner l(reader(), o, 0);
    for (std::int32_t i = 0; i < 8; ++i) l.add(by_rule(i, true));
    l.step();
    return l.values();
  };
  const host_tensor whole = after(0);
  const host_tensor cut = after(3);
  for (std::size_t i = 0; i < whole.items(); ++i) EXPECT_NEAR(whole.as<float>()[i], cut.as<float>()[i], 1e-4);
}

}  // namespace
}  // namespace freshet::distill
