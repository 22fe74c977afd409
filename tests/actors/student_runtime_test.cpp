// The student as a device runs it, against the model below it and against itself in other batches.
#include "actors/device/student_runtime.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/trainable_set.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace student_runtime_test {

using test::noise_source;
using test::tiny_student;

student_runtime load(const tiny_student& tiny) {
  auto made = student_runtime::load({tiny.model(), tiny.lora, 4});
  EXPECT_TRUE(made.ok()) << made.err().text();
  return std::move(made).value();
}

std::vector<prepared_question> questions(const student_runtime& student, std::uint64_t first, std::uint64_t count) {
  const noise_source source(7);
  std::vector<prepared_question> out;
  for (std::uint64_t i = first; i < first + count; ++i) {
    const auto s = source.at(i);
    auto q = student.prepare(s->picture, s->question);
    EXPECT_TRUE(q.ok());
    out.push_back(std::move(*q));
  }
  return out;
}

host_tensor moved(const host_tensor& values, double by, std::uint64_t seed) {
  std::vector<float> out(values.as<float>(), values.as<float>() + values.items());
  rng draw(seed);
  for (float& v : out) v += static_cast<float>(draw.normal() * by);
  return host_tensor::of(std::move(out));
}

float largest_gap(const float* a, const float* b, std::size_t n) {
  float gap = 0;
  for (std::size_t i = 0; i < n; ++i) gap = std::max(gap, std::fabs(a[i] - b[i]));
  return gap;
}

TEST(student_runtime, line_layout_and_base_are_those_of_the_model) {
  const tiny_student tiny;
  const student_runtime student = load(tiny);
  auto net = model::multimodal::load(tiny.model());
  ASSERT_TRUE(net.ok());
  ASSERT_TRUE(net->attach(tiny.lora).ok());
  EXPECT_EQ(student.line(), model::line_of(*net, tiny.lora));
  const auto set = model::trainable_set::of(net->weights());
  EXPECT_EQ(student.base_values(), set.read());
  EXPECT_EQ(student.values(), student.base_values());
  ASSERT_TRUE(student.layout().validate().ok());
  EXPECT_EQ(student.layout().total(), set.size());
  for (std::size_t i = 0; i < set.tensors().size(); ++i) {
    const auto& segment = student.layout().segments[i];
    const auto& tensor = set.tensors()[i];
    EXPECT_EQ(segment.name, tensor.name);
    EXPECT_EQ(segment.offset, tensor.offset);
    if (tensor.name.find("lora_B") != std::string::npos) {
      EXPECT_EQ(segment.cols, 2U);
    }
    if (tensor.name.find("lora_A") != std::string::npos) {
      EXPECT_EQ(segment.rows, 2U);
    }
    if (tensor.value.dim() == 1) {
      EXPECT_EQ(segment.rows, 1U);
    }
  }
}

TEST(student_runtime, answers_are_those_of_the_model_alone) {
  const tiny_student tiny;
  student_runtime student = load(tiny);
  auto net = model::multimodal::load(tiny.model());
  ASSERT_TRUE(net->attach(tiny.lora).ok());
  const host_tensor values = moved(student.base_values(), 0.3, 5);
  ASSERT_TRUE(student.write(values).ok());
  ASSERT_TRUE(model::trainable_set::of(net->weights()).write(values).ok());
  const auto words = model::load_tokenizer(tiny.model());

  const auto asked = questions(student, 0, 3);
  const answered_batch got = student.answer(asked, {});
  ASSERT_EQ(got.answers.size(), 3U);
  EXPECT_EQ(got.patches.shape(), (std::vector<std::int64_t>{3, 16, 48}));
  EXPECT_EQ(got.features.shape(), (std::vector<std::int64_t>{3, 16, 16}));
  EXPECT_EQ(got.relevance.shape(), (std::vector<std::int64_t>{3, 16}));
  ASSERT_EQ(got.logits.shape().size(), 3U);
  EXPECT_EQ(got.logits.shape()[0], 3);
  EXPECT_EQ(got.logits.shape()[2], 270);
  const noise_source source(7);
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto sample = source.at(i);
    const auto bytes = model::cut_patches(sample->picture.rgb.data(), 16, 4);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), got.patches.data() + i * bytes.size()));
    model::visual_input visual;
    visual.patches = model::normalise_patches(at::tensor(bytes).reshape({1, 16, 48}));
    const at::Tensor tokens = net->visual_tokens(visual);
    EXPECT_LT(largest_gap(tokens.contiguous().data_ptr<float>(), got.features.as<float>() + i * 256, 256), 1e-4F);
    model::generation_options options;
    options.max_new_tokens = 4;
    options.want_relevance = true;
    const auto alone = model::generate(*net, tokens, {}, {(*words)->encode(sample->question)}, options);
    EXPECT_EQ(got.answers[i], (*words)->decode(alone.tokens[0]));
    EXPECT_EQ(got.lengths[i], alone.tokens[0].size());
    const auto width = static_cast<std::size_t>(got.logits.shape()[1]) * 270;
    EXPECT_LT(largest_gap(alone.logits.contiguous().data_ptr<float>(), got.logits.as<float>() + i * width,
                          alone.tokens[0].size() * 270),
              1e-4F);
    EXPECT_LT(largest_gap(alone.relevance.data_ptr<float>(), got.relevance.as<float>() + i * 16, 16), 1e-5F);
  }
}

TEST(student_runtime, a_frozen_tower_gives_features_that_any_update_leaves_alone) {
  tiny_student tiny;
  EXPECT_EQ(load(tiny).encoder(), content_hash()) << "a tower that learns is nobody else's";
  tiny.lora.train_vision = false;
  student_runtime student = load(tiny);
  const auto net = model::multimodal::load(tiny.model());
  EXPECT_EQ(student.encoder(), model::encoder_hash(*net));
  EXPECT_EQ(student.frozen_copy().encoder(), student.encoder());
  const auto asked = questions(student, 0, 3);
  wanted_extras wanted;
  EXPECT_TRUE(student.answer(asked, wanted).encoded.empty());
  wanted.encoded = true;
  const answered_batch before = student.answer(asked, wanted);
  ASSERT_EQ(before.encoded.shape(), (std::vector<std::int64_t>{3, 16, 16}));
  ASSERT_TRUE(student.write(moved(student.base_values(), 0.3, 5)).ok());
  const answered_batch after = student.answer(asked, wanted);
  EXPECT_EQ(after.encoded, before.encoded);
  EXPECT_NE(after.features, before.features) << "the connector has learned";
  const at::NoGradGuard no_grad;
  model::visual_input visual;
  visual.patches = model::normalise_patches(at::tensor(asked[1].patches).reshape({1, 16, 48}));
  const at::Tensor alone = net->cell_features(visual).contiguous();
  EXPECT_LT(largest_gap(alone.data_ptr<float>(), before.encoded.as<float>() + 256, 256), 1e-5F);
}

TEST(student_runtime, the_same_question_gives_the_same_bytes_and_only_what_is_wanted) {
  const tiny_student tiny;
  const student_runtime student = load(tiny);
  const auto asked = questions(student, 10, 5);
  const answered_batch a = student.answer(asked, {});
  const answered_batch b = student.answer(asked, {});
  EXPECT_EQ(a.answers, b.answers);
  EXPECT_EQ(a.features, b.features);
  EXPECT_EQ(a.logits, b.logits);
  EXPECT_EQ(a.relevance, b.relevance);
  const answered_batch bare = student.answer(asked, {false, false, false, false});
  EXPECT_EQ(bare.answers, a.answers);
  EXPECT_TRUE(bare.patches.empty() && bare.features.empty() && bare.logits.empty() && bare.relevance.empty());
}

TEST(student_runtime, a_frozen_copy_stays_what_it_was) {
  const tiny_student tiny;
  student_runtime student = load(tiny);
  const auto asked = questions(student, 0, 4);
  const answered_batch before = student.answer(asked, {});
  EXPECT_TRUE(student.at_base());
  ASSERT_TRUE(student.write(moved(student.base_values(), 0.5, 3)).ok());
  EXPECT_FALSE(student.at_base());
  const student_runtime frozen = student.frozen_copy();
  ASSERT_TRUE(student.write(moved(student.base_values(), 0.5, 4)).ok());
  EXPECT_EQ(frozen.answer(asked, {}).logits, before.logits);
  EXPECT_NE(student.answer(asked, {}).logits, before.logits);
  const host_tensor base = student.base_values();
  ASSERT_TRUE(student.write(base).ok());
  EXPECT_TRUE(student.at_base());
  EXPECT_EQ(student.answer(asked, {}).logits, before.logits);
}

TEST(student_runtime, self_test_finds_what_is_not_finite) {
  const tiny_student tiny;
  student_runtime student = load(tiny);
  EXPECT_TRUE(student.self_test().ok());
  std::vector<float> values(student.base_values().as<float>(),
                            student.base_values().as<float>() + student.base_values().items());
  values.back() = std::nanf("");
  ASSERT_TRUE(student.write(host_tensor::of(values)).ok());
  EXPECT_FALSE(student.self_test().ok());
  // Finite values whose products are not.
  for (float& v : values) v = 3e38F;
  ASSERT_TRUE(student.write(host_tensor::of(values)).ok());
  EXPECT_FALSE(student.self_test().ok());
  EXPECT_FALSE(student.write(host_tensor::of(std::vector<float>(3))).ok());
}

TEST(student_runtime, what_cannot_be_read_is_an_error_of_its_kind) {
  const tiny_student tiny;
  const student_runtime student = load(tiny);
  const scenes::image good(16, 16);
  const auto kind = [&](const scenes::image& picture, const std::string& question) {
    const auto got = student.prepare(picture, question);
    EXPECT_FALSE(got.ok());
    return scenes::kind_of(got.err());
  };
  EXPECT_EQ(kind(good, " \t "), scenes::skip_kind::empty_question);
  EXPECT_EQ(kind(scenes::image(), "what ?"), scenes::skip_kind::no_picture);
  EXPECT_EQ(kind(good, std::string(5000, 'a')), scenes::skip_kind::oversized);
  // 64 positions hold begin, 16 patches, 4 new tokens and 43 of the question.
  std::string words;
  for (int i = 0; i < 43; ++i) words += "red ";
  EXPECT_TRUE(student.prepare(good, words).ok());
  EXPECT_EQ(kind(good, words + "red"), scenes::skip_kind::oversized);
  const auto larger = student.prepare(scenes::image(40, 25), "what ?");
  ASSERT_TRUE(larger.ok());
  EXPECT_EQ(larger->patches.size(), 16U * 48U);
}

TEST(student_runtime, a_folder_that_does_not_fit_is_refused) {
  const tiny_student tiny;
  EXPECT_FALSE(student_runtime::load({tiny.folder() / "nowhere", tiny.lora, 4}).ok());
  EXPECT_FALSE(student_runtime::load({tiny.model(), tiny.lora, 0}).ok());
  model::lora_spec none = tiny.lora;
  none.targets = {"nowhere"};
  EXPECT_FALSE(student_runtime::load({tiny.model(), none, 4}).ok());
  auto words = model::word_tokenizer::make({"one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
                                            "ten", "eleven"});
  ASSERT_TRUE((*words)->save(tiny.model()).ok());
  const auto more_words = student_runtime::load({tiny.model(), tiny.lora, 4});
  ASSERT_FALSE(more_words.ok());
  EXPECT_NE(more_words.err().context.find("271"), std::string::npos);
}

}  // namespace student_runtime_test
}  // namespace freshet::actors
