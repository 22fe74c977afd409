#include "actors/distiller/labelled_samples.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/distill/sample_check.hpp"
#include "tests/support/patch_batches.hpp"
#include "tests/support/text_batches.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace distiller_labels_test {

using test::labelled;
using test::patches_of;
using topology::labelled_batch;

const test::kept_lists ragged{{0, 3, 15}, {7}, {1, 2, 3, 4}};

class read_labels_test : public ::testing::Test {
 protected:
  read_labels_test()
      : words_(*model::load_tokenizer(tiny_.model())), vision_(*test::tiny_student_config(words_->vocab_size()).vision) {}

  result<labelled_samples> read(const labelled_batch& batch) { return read_labels(batch, vision_, *words_, options_); }

  /// Labels with two logits a position and features of width 5, row r holding r.
  labelled_batch full(const test::patch_batch& from) {
    labelled_batch out = labelled(from, 1, "red round", *words_);
    std::size_t rows = 0;
    for (std::size_t i = 0; i < out.labels.size(); ++i) {
      auto& label = out.labels[i];
      rows += from.kept[i].size();
      for (std::size_t a = 0; a < label.answer_tokens.size(); ++a) {
        label.topk_ids.insert(label.topk_ids.end(), {label.answer_tokens[a], static_cast<std::int32_t>(i)});
        label.topk_logits.insert(label.topk_logits.end(), {-0.1F, -3.0F - static_cast<float>(i)});
        label.rest_mass.push_back(0.01F);
      }
    }
    const auto numbered = [](std::size_t n) {
      std::vector<float> v(n * 5);
      for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i / 5);
      return host_tensor::of(std::move(v), {static_cast<std::int64_t>(n), 5});
    };
    out.teacher_visual = numbered(rows);
    out.teacher_hidden = numbered(out.labels.size() * 3);
    return out;
  }

  test::tiny_student tiny_;
  std::shared_ptr<const model::tokenizer> words_;
  model::vision_config vision_;
  labelling_options options_;
};

TEST_F(read_labels_test, every_sample_gets_its_own_rows) {
  for (const std::uint64_t shades : {256U, 2U}) {
    const auto from = patches_of(ragged, 1, shades);
    EXPECT_EQ(from.batch.zstd, shades == 2);
    const auto got = read(full(from));
    ASSERT_TRUE(got.ok()) << got.err().text();
    ASSERT_EQ(got->samples.size(), 3U);
    EXPECT_EQ(got->unsure, 0U);
    EXPECT_NEAR(got->confidence_sum, 2.7, 1e-6);
    float row = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& s = *got->samples[i];
      const auto k = static_cast<std::int64_t>(ragged[i].size());
      EXPECT_EQ(s.patches, host_tensor::of(from.patches[i], {k, 48}));
      EXPECT_EQ(s.positions, std::vector<std::int64_t>(ragged[i].begin(), ragged[i].end()));
      EXPECT_EQ(s.prompt, words_->encode(from.batch.samples[i].question));
      EXPECT_EQ(words_->decode(s.answer), "red round");
      EXPECT_EQ(s.answer.back(), *words_->specials().eos);
      EXPECT_EQ(s.topk_log_probs[1], -3.0F - static_cast<float>(i));
      EXPECT_EQ(s.rest_mass, std::vector<float>(3, 0.01F));
      EXPECT_EQ(s.weight, 0.9F);
      ASSERT_EQ(s.teacher_visual.shape(), (std::vector<std::int64_t>{k, 5}));
      EXPECT_EQ(s.teacher_visual.as<float>()[0], row);
      ASSERT_EQ(s.teacher_hidden.shape(), (std::vector<std::int64_t>{3, 5}));
      EXPECT_EQ(s.teacher_hidden.as<float>()[0], 3.0F * static_cast<float>(i));
      row += static_cast<float>(k);
    }
  }
}

TEST_F(read_labels_test, doubtful_labels_are_left_out_and_the_rows_behind_them_stay_right) {
  const auto from = patches_of(ragged, 2);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float doubtful : {0.0F, 0.49F, -1.0F, 2.0F, nan, inf, -inf}) {
    labelled_batch batch = full(from);
    batch.labels[1].confidence = doubtful;
    const auto got = read(batch);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->unsure, 1U) << doubtful;
    ASSERT_EQ(got->samples.size(), 2U) << doubtful;
    EXPECT_TRUE(std::isfinite(got->confidence_sum)) << doubtful;
    EXPECT_EQ(got->samples[1]->patches, host_tensor::of(from.patches[2], {4, 48}));
    EXPECT_EQ(got->samples[1]->teacher_visual.as<float>()[0], 4.0F);
    EXPECT_EQ(got->samples[1]->teacher_hidden.as<float>()[0], 6.0F);
  }
  labelled_batch batch = full(from);
  batch.labels[0].answer = "";
  batch.batch.samples[2].question = "";
  const auto got = read(batch);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->unsure, 2U);
  EXPECT_EQ(got->samples.size(), 1U);
}

TEST_F(read_labels_test, logits_count_only_where_they_fit_word_by_word) {
  const auto from = patches_of(ragged, 3);
  const auto with_logits = [&](const std::function<void(topology::teacher_label&)>& change) {
    labelled_batch batch = full(from);
    change(batch.labels[0]);
    auto got = read(batch);
    EXPECT_TRUE(got.ok());
    EXPECT_EQ(got->samples.size(), 3U);
    EXPECT_FALSE(got->samples[1]->topk_ids.empty() && options_.shared_vocabulary);
    return !got->samples[0]->topk_ids.empty();
  };
  EXPECT_TRUE(with_logits([](auto&) {}));
  EXPECT_FALSE(with_logits([](auto& l) { l.topk_ids.pop_back(); }));
  EXPECT_FALSE(with_logits([](auto& l) { l.rest_mass.pop_back(); }));
  EXPECT_FALSE(with_logits([](auto& l) { l.rest_mass.clear(); }));
  EXPECT_FALSE(with_logits([](auto& l) { l.topk_ids[0] = -1; }));
  EXPECT_FALSE(with_logits([this](auto& l) { l.topk_ids[0] = words_->vocab_size(); }));
  EXPECT_FALSE(with_logits([](auto& l) { l.answer_tokens[0] += 1; }));  // other tokens than the text gives
  options_.shared_vocabulary = false;
  EXPECT_FALSE(with_logits([](auto&) {}));
}

TEST_F(read_labels_test, features_of_a_wrong_form_are_left_out) {
  labelled_batch batch = full(patches_of(ragged, 4));
  batch.teacher_visual = host_tensor::of(std::vector<float>(7 * 5), {7, 5});
  batch.teacher_hidden = host_tensor::of(std::vector<float>(45));
  const auto got = read(batch);
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got->samples[0]->teacher_visual.empty());
  EXPECT_TRUE(got->samples[0]->teacher_hidden.empty());
}

TEST_F(read_labels_test, batches_that_contradict_themselves_are_refused) {
  const auto good = full(patches_of(ragged, 5, 2));
  ASSERT_TRUE(read(good).ok());
  const std::vector<std::pair<const char*, std::function<void(labelled_batch&)>>> breaks{
      {"a label too few", [](labelled_batch& b) { b.labels.pop_back(); }},
      {"labels without samples", [](labelled_batch& b) { b.batch.samples.clear(); }},
      {"token bytes", [](labelled_batch& b) { b.batch.token_bytes = 12; }},
      {"tokens a sample", [](labelled_batch& b) { b.batch.tokens_per_sample = 15; }},
      {"features", [](labelled_batch& b) { b.batch.format = topology::token_format::features_i8; }},
      {"raw instead of zstd", [](labelled_batch& b) { b.batch.zstd = false; }},
      {"no payload", [](labelled_batch& b) { b.batch.payload = {}; }},
      {"counts moved", [](labelled_batch& b) {
         ++b.batch.samples[0].kept_count;
         --b.batch.samples[2].kept_count;
       }},
      {"count too large", [](labelled_batch& b) { b.batch.samples[1].kept_count = 0xFFFFFFFF; }},
      {"bitmap too long", [](labelled_batch& b) { b.batch.samples[0].kept.push_back(0); }},
  };
  for (const auto& [what, breaking] : breaks) {
    labelled_batch bad = good;
    breaking(bad);
    EXPECT_FALSE(read(bad).ok()) << what;
  }
  for (std::size_t bytes = 0; bytes < good.batch.payload.bytes(); ++bytes) {
    labelled_batch cut = good;
    cut.batch.payload = host_tensor::of(
        std::vector<std::uint8_t>(good.batch.payload.data(), good.batch.payload.data() + bytes));
    EXPECT_FALSE(read(cut).ok()) << bytes;
  }
}

TEST_F(read_labels_test, a_batch_that_only_ends_a_tick_holds_nothing) {
  labelled_batch only_end;
  only_end.batch.end_of_tick = true;
  const auto got = read(only_end);
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got->samples.empty());
  EXPECT_EQ(got->unsure, 0U);
}

/// Labels of text alone, row r of the hidden states holding r.
labelled_batch text_labels(const model::tokenizer& words) {
  labelled_batch out;
  out.batch = test::text_batch({1, 2, 3});
  for (std::size_t i = 0; i < 3; ++i) {
    topology::teacher_label label;
    label.answer = "red";
    label.answer_tokens = words.answer_ids("red");
    label.confidence = i == 1 ? 0.1F : 0.9F;
    label.topk_ids = {label.answer_tokens[0], label.answer_tokens[1]};
    label.topk_logits = {-0.1F, -0.2F};
    label.rest_mass = {0.1F, 0.2F};
    out.labels.push_back(std::move(label));
  }
  std::vector<float> hidden(6 * 5);
  for (std::size_t k = 0; k < hidden.size(); ++k) hidden[k] = static_cast<float>(k / 5);
  out.teacher_hidden = host_tensor::of(std::move(hidden), {6, 5});
  return out;
}

TEST_F(read_labels_test, of_text_alone_are_for_a_student_that_reads_text_only) {
  const labelled_batch batch = text_labels(*words_);
  const auto got = read_labels(batch, std::nullopt, *words_, options_);
  ASSERT_TRUE(got.ok()) << got.err().text();
  EXPECT_EQ(got->unsure, 1U);
  ASSERT_EQ(got->samples.size(), 2U);
  for (const auto& s : got->samples) {
    EXPECT_TRUE(s->patches.empty() && s->positions.empty() && s->teacher_visual.empty());
    EXPECT_TRUE(distill::check_sample(*s, test::tiny_reader_config(words_->vocab_size()), 5).ok());
    EXPECT_EQ(s->rest_mass.size(), 2U);
  }
  EXPECT_EQ(got->samples[0]->prompt, words_->question_ids(batch.batch.samples[0].question));
  EXPECT_EQ(got->samples[1]->teacher_hidden.as<float>()[0], 4) << "rows of the unsure one are passed over";
  EXPECT_EQ(read(batch).err().code, errc::shape_mismatch) << "the other student looks at pictures";
}

TEST_F(read_labels_test, of_pictures_are_not_for_a_student_that_reads_text_only) {
  EXPECT_EQ(read_labels(full(patches_of(ragged, 1)), std::nullopt, *words_, options_).err().code, errc::shape_mismatch);
  auto batch = text_labels(*words_);
  batch.batch.token_bytes = 48;
  EXPECT_FALSE(read_labels(batch, std::nullopt, *words_, options_).ok());
  batch = text_labels(*words_);
  batch.batch.payload = host_tensor::of(std::vector<std::uint8_t>(3, 1));
  EXPECT_FALSE(read_labels(batch, std::nullopt, *words_, options_).ok());
  batch = text_labels(*words_);
  batch.teacher_visual = host_tensor::of(std::vector<float>{}, {0, 5});
  ASSERT_TRUE(read_labels(batch, std::nullopt, *words_, options_).ok());
}

}  // namespace distiller_labels_test
}  // namespace freshet::actors
