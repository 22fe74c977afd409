// A student that reads text only, as a device runs it: its answers are the model's to the prompt alone.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/scenes/skip_counter.hpp"
#include "tests/support/device_fixture.hpp"
#include "tests/support/text_batches.hpp"

namespace freshet::actors {
namespace text_student_test {

using test::text_questions;
using test::text_source;
using topology::observation_batch;

class text_student : public device_fixture {
 protected:
  text_student() : device_fixture(true) {}

  std::vector<prepared_question> asked() {
    std::vector<prepared_question> out;
    for (const std::string& q : text_questions()) out.push_back(*oracle_.prepare({}, q));
    return out;
  }
  device_options reading(std::uint64_t picture_at = scenes::endless) {
    device_options o = options(true);
    o.stream = [picture_at]() -> result<std::vector<stream_phase>> {
      return std::vector<stream_phase>{{"law", std::make_shared<text_source>(picture_at)}};
    };
    return o;
  }
};

TEST_F(text_student, answers_are_those_of_the_decoder_alone_and_bring_logits_only) {
  auto net = model::multimodal::load(tiny_.model());
  ASSERT_TRUE(net.ok()) << net.err().text();
  ASSERT_FALSE(net->config().vision.has_value());
  ASSERT_TRUE(net->attach(tiny_.lora).ok());
  const host_tensor values = drifted(oracle_.base_values(), 5);
  ASSERT_TRUE(oracle_.write(values).ok());
  ASSERT_TRUE(model::trainable_set::of(net->weights()).write(values).ok());
  const auto words = *model::load_tokenizer(tiny_.model());

  const answered_batch got = oracle_.answer(asked(), {});
  EXPECT_EQ(got.patches, host_tensor());
  EXPECT_EQ(got.features, host_tensor());
  EXPECT_EQ(got.relevance, host_tensor());
  ASSERT_EQ(got.logits.shape().size(), 3U);
  const auto row = static_cast<std::size_t>(got.logits.shape()[1] * got.logits.shape()[2]);
  model::generation_options options;
  options.max_new_tokens = 4;
  for (std::size_t i = 0; i < text_questions().size(); ++i) {
    const auto alone = model::generate(*net, net->no_picture(1), {}, {words->encode(text_questions()[i])}, options);
    EXPECT_EQ(got.answers[i], words->decode(alone.tokens[0]));
    EXPECT_EQ(got.lengths[i], alone.tokens[0].size());
    const at::Tensor logits = alone.logits.contiguous();
    for (std::int64_t k = 0; k < logits.numel(); ++k) {
      ASSERT_NEAR(got.logits.as<float>()[i * row + static_cast<std::size_t>(k)], logits.data_ptr<float>()[k], 1e-4) << i;
    }
  }
}

TEST_F(text_student, takes_no_picture_and_one_that_looks_at_pictures_takes_nothing_else) {
  const auto shown = oracle_.prepare(scenes::image(16, 16), "what ?");
  ASSERT_FALSE(shown.ok());
  EXPECT_EQ(scenes::kind_of(shown.err()), scenes::skip_kind::unread_picture) << shown.err().text();
  const test::tiny_student looking;
  const auto blind = student_runtime::load({looking.model(), looking.lora, 4})->prepare({}, "what ?");
  ASSERT_FALSE(blind.ok());
  EXPECT_EQ(scenes::kind_of(blind.err()), scenes::skip_kind::no_picture) << blind.err().text();
}

TEST_F(text_student, questions_are_as_long_as_positions_allow) {
  // 64 positions hold begin, 4 new tokens and 59 of the question.
  std::string words;
  for (int i = 0; i < 59; ++i) words += "red ";
  EXPECT_TRUE(oracle_.prepare({}, words).ok());
  const auto longer = oracle_.prepare({}, words + "red");
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(scenes::kind_of(longer.err()), scenes::skip_kind::oversized);
}

TEST_F(text_student, tests_itself_and_has_a_frozen_copy) {
  EXPECT_TRUE(oracle_.self_test().ok());
  const answered_batch before = oracle_.answer(asked(), {});
  ASSERT_TRUE(oracle_.write(drifted(oracle_.base_values(), 3)).ok());
  EXPECT_TRUE(oracle_.self_test().ok());
  EXPECT_NE(oracle_.answer(asked(), {}).logits, before.logits);
  EXPECT_EQ(oracle_.frozen_copy().answer(asked(), {}).logits, before.logits);
  std::vector<float> broken(oracle_.base_values().items(), 3e38F);
  ASSERT_TRUE(oracle_.write(host_tensor::of(std::move(broken))).ok());
  EXPECT_FALSE(oracle_.self_test().ok());
}

TEST_F(text_student, a_version_is_examined_by_questions_of_text) {
  std::vector<scenes::example> held(1);
  for (const std::string& q : text_questions()) {
    const std::string said = oracle_.answer({*oracle_.prepare({}, q)}, {false, false, false, false}).answers[0];
    held[0].questions.push_back({q, said, scenes::category::other});
  }
  ASSERT_TRUE(distill::save_rehearsal(tiny_.model(), held, std::nullopt).ok());
  self_check_options o;
  o.questions = 4;
  o.clock = [] { return time_point{}; };
  const auto check = self_check::load(tiny_.model(), o);
  ASSERT_TRUE(check.ok()) << check.err().text();
  ASSERT_EQ(check->questions(), 4U);
  EXPECT_TRUE(check->admit(oracle_, oracle_.base_values()).ok());
  std::vector<float> silent(oracle_.base_values().items(), 0.0F);
  EXPECT_FALSE(check->admit(oracle_, host_tensor::of(std::move(silent))).ok()) << "knows none of the answers";
}

TEST_F(text_student, a_device_answers_its_stream_and_shows_no_tokens) {
  auto core = make(reading());
  core->start(now_, out_);
  pace(*core, 1, 0, 6);
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& b : seen) {
    EXPECT_EQ(b.patches, host_tensor());
    EXPECT_EQ(b.features, host_tensor());
    EXPECT_EQ(b.token_relevance, host_tensor());
    EXPECT_EQ(b.answer_logits.shape()[0], static_cast<std::int64_t>(b.sequences.size()));
  }
  ASSERT_EQ(seen[0].answers.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(seen[0].questions[i], text_questions()[i]);
    EXPECT_EQ(seen[0].answers[i], oracle_.answer({*oracle_.prepare({}, text_questions()[i])}, {}).answers[0]);
    EXPECT_EQ(seen[0].domains[i], "law");
  }
}

TEST_F(text_student, a_device_skips_and_counts_a_line_with_a_picture) {
  auto core = make(reading(2));
  core->start(now_, out_);
  pace(*core, 1, 0, 4);
  work_off(*core);
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].sequences, (std::vector<sequence>{sequence{0}, sequence{1}, sequence{3}}));
  EXPECT_EQ(stats(*core)["skipped_kinds"], "1 unread_picture");
  EXPECT_TRUE(std::any_of(out_.logs.begin(), out_.logs.end(), [](const auto& line) {
    return line.second.find("a picture, and the student reads text only") != std::string::npos;
  }));
}

TEST_F(text_student, a_device_swaps_an_update_in) {
  auto core = make(reading());
  core->start(now_, out_);
  const host_tensor next = drifted(oracle_.base_values(), 9);
  update(*core, oracle_.base_values(), next, 0, 1);
  work_off(*core);
  reports();
  pace(*core, 1, 0, 4);
  work_off(*core);
  ASSERT_TRUE(oracle_.write(next).ok());
  const auto seen = out_.take<observation_batch>();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].student, version{1});
  EXPECT_EQ(seen[0].answer_logits, oracle_.answer(asked(), {}).logits);
}

}  // namespace text_student_test
}  // namespace freshet::actors
