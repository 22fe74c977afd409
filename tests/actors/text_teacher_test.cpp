// A teacher that is asked about text alone: it says what its model says to the prompt, whether it could look or not.
#include "actors/teacher/teacher_core.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/model/generate.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/patch_batches.hpp"
#include "tests/support/text_batches.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace text_teacher_test {

using test::text_batch;
using topology::labelled_batch;
using topology::uts_batch;

const topology::address intake{"cloud", "intake"};
constexpr time_point now{};

class text_teacher : public ::testing::TestWithParam<bool> {
 protected:
  text_teacher()
      : tiny_(4, GetParam()),
        net_(std::make_shared<const model::multimodal>(std::move(*model::multimodal::load(tiny_.model())))),
        words_(*model::load_tokenizer(tiny_.model())) {
    options_.distiller = {"cloud", "distiller"};
    options_.intake = intake;
    options_.temperature = 0;
  }
  labelled_batch ask(const uts_batch& batch) {
    teacher_core core(options_, net_, words_);
    core.handle(intake, topology::label_request{1, batch}, now, out_);
    while (core.work(now, out_)) {
    }
    refused_ = nlohmann::json::parse(core.stats_json())["refused"];
    auto sent = out_.take<labelled_batch>();
    EXPECT_EQ(sent.size(), 1U);
    return sent.empty() ? labelled_batch{} : sent.front();
  }

  test::tiny_student tiny_;
  std::shared_ptr<const model::multimodal> net_;
  std::shared_ptr<const model::tokenizer> words_;
  teacher_options options_;
  test::fake_outbox out_;
  std::uint64_t refused_ = 0;
};

TEST_P(text_teacher, says_what_the_model_says_to_the_prompt_alone) {
  options_.top_k = 3;
  options_.slice_samples = 3;
  options_.send_features = true;
  const uts_batch batch = text_batch({1, 2, 3, 4, 6});
  const labelled_batch got = ask(batch);
  ASSERT_EQ(got.labels.size(), 5U);
  EXPECT_EQ(got.batch, batch);
  EXPECT_EQ(got.teacher_visual, host_tensor()) << "there is nothing to see";
  model::generation_options greedy;
  greedy.max_new_tokens = options_.max_new_tokens;
  std::size_t state = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto alone =
        model::generate(*net_, net_->no_picture(1), {}, {words_->question_ids(batch.samples[i].question)}, greedy);
    const at::Tensor log_probs = at::log_softmax(alone.logits[0], -1);
    const auto& label = got.labels[i];
    ASSERT_EQ(label.answer_tokens, alone.tokens[0]) << i;
    ASSERT_EQ(label.topk_ids.size(), 3 * alone.tokens[0].size());
    double confidence = 1;
    for (std::size_t a = 0; a < alone.tokens[0].size(); ++a, ++state) {
      const auto step = static_cast<std::int64_t>(a);
      EXPECT_NEAR(label.topk_logits[3 * a], log_probs[step].max().item<float>(), 1e-4);
      confidence *= std::exp(log_probs[step].max().item<double>());
      for (std::int64_t d = 0; d < 16; ++d) {
        EXPECT_NEAR(got.teacher_hidden.as<float>()[state * 16 + static_cast<std::size_t>(d)],
                    alone.hidden[0][step][d].item<float>(), 1e-4);
      }
    }
    EXPECT_NEAR(label.confidence, confidence, 1e-5);
  }
  EXPECT_EQ(got.teacher_hidden.shape(), (std::vector<std::int64_t>{static_cast<std::int64_t>(state), 16}));
}

TEST_P(text_teacher, gives_up_a_batch_that_is_neither) {
  for (const auto& breaking : std::vector<std::function<void(uts_batch&)>>{
           [](uts_batch& b) { b.samples[1].question.clear(); }, [](uts_batch& b) { b.samples[0].kept = {1}; },
           [](uts_batch& b) { b.samples[0].kept_count = 1; }}) {
    uts_batch b = text_batch({1, 2});
    breaking(b);
    EXPECT_TRUE(ask(b).labels.empty());
    EXPECT_EQ(refused_, 1U);
  }
}

TEST_P(text_teacher, only_one_that_can_look_answers_about_pictures) {
  const labelled_batch got = ask(test::patches_of({{1, 2}, {3}}, 1).batch);
  if (!GetParam()) {
    EXPECT_EQ(got.labels.size(), 2U);
    return;
  }
  EXPECT_TRUE(got.labels.empty());
  EXPECT_EQ(refused_, 1U);
  ASSERT_FALSE(out_.logs.empty());
  EXPECT_NE(out_.logs.back().second.find("reads text only"), std::string::npos) << out_.logs.back().second;
}

INSTANTIATE_TEST_SUITE_P(kind, text_teacher, ::testing::Bool(),
                         [](const auto& of) { return of.param ? "decoder_alone" : "looks_at_pictures"; });

TEST(text_of_devices, is_its_own_label_where_the_teacher_is_self) {
  teacher_options o;
  o.distiller = {"cloud", "distiller"};
  o.kind = teacher_kind::self;
  teacher_core core(o, nullptr, nullptr);
  test::fake_outbox out;
  core.handle(intake, topology::label_request{1, text_batch({1, 2})}, now, out);
  while (core.work(now, out)) {
  }
  const auto got = out.take<labelled_batch>();
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].labels.size(), 2U);
  EXPECT_EQ(got[0].labels[0].answer, "blue");
}

}  // namespace text_teacher_test
}  // namespace freshet::actors
