#include "actors/teacher/teacher_core.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstring>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/patches.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/patch_batches.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace teacher_core_test {

using test::patches_of;
using topology::label_request;
using topology::labelled_batch;
using topology::uts_batch;

const topology::address intake{"cloud", "intake"};
const topology::address distiller{"cloud", "distiller"};
const time_point now{std::chrono::seconds(100)};
/// One of these reads whole pictures, one a single patch.
const test::kept_lists ragged{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {7}, {1, 5, 9, 15}, {0, 2}, {3, 4, 8}};

class teacher : public ::testing::Test {
 protected:
  teacher()
      : net_(std::make_shared<const model::multimodal>(std::move(*model::multimodal::load(tiny_.model())))),
        words_(*model::load_tokenizer(tiny_.model())) {
    options_.distiller = distiller;
    options_.intake = intake;
    options_.temperature = 0;
  }

  teacher_core make() { return {options_, net_, words_}; }

  labelled_batch ask(teacher_core& core, const uts_batch& batch, std::uint64_t lease = 1) {
    core.handle(intake, label_request{lease, batch}, now, out_);
    for (int slices = 0; core.work(now, out_); ++slices) EXPECT_LT(slices, 100);
    auto sent = out_.take<labelled_batch>();
    EXPECT_EQ(sent.size(), 1U);
    return sent.empty() ? labelled_batch{} : sent.front();
  }

  struct truth {
    std::vector<std::int32_t> tokens;
    at::Tensor log_probs;  ///< [A, V]
    at::Tensor visual;     ///< [K, D]
    at::Tensor hidden;     ///< [A, D]
  };
  /// The model itself on one sample alone: nothing but its kept patches in the sequence.
  truth alone(const test::patch_batch& from, std::size_t i) {
    const auto k = static_cast<std::int64_t>(from.kept[i].size());
    at::Tensor bytes = at::empty({1, k, test::bytes_a_patch}, at::kByte);
    std::memcpy(bytes.data_ptr(), from.patches[i].data(), from.patches[i].size());
    model::visual_input in;
    in.patches = model::normalise_patches(bytes);
    in.positions = at::tensor(std::vector<std::int64_t>(from.kept[i].begin(), from.kept[i].end()), at::kLong).unsqueeze(0);
    const at::NoGradGuard no_grad;
    const at::Tensor visual = net_->visual_tokens(in);
    model::generation_options greedy;
    greedy.max_new_tokens = options_.max_new_tokens;
    const auto said = model::generate(*net_, visual, at::Tensor(),
                                      {distill::prompt_tokens(*words_, from.batch.samples[i].question)}, greedy);
    return {said.tokens[0], at::log_softmax(said.logits[0], -1), visual[0], said.hidden[0]};
  }

  static nlohmann::json stats(const teacher_core& core) { return nlohmann::json::parse(core.stats_json()); }

  test::tiny_student tiny_;
  std::shared_ptr<const model::multimodal> net_;
  std::shared_ptr<const model::tokenizer> words_;
  teacher_options options_;
  test::fake_outbox out_;
};

TEST_F(teacher, says_what_the_model_says_about_the_kept_tokens_alone) {
  options_.top_k = 5;
  options_.send_features = true;
  const auto asked = patches_of(ragged, 1);
  auto core = make();
  const labelled_batch got = ask(core, asked.batch, 77);
  EXPECT_EQ(got.lease, 77U);
  EXPECT_EQ(got.batch, asked.batch);
  ASSERT_EQ(got.labels.size(), ragged.size());
  std::size_t row = 0;
  std::size_t state = 0;
  for (std::size_t i = 0; i < ragged.size(); ++i) {
    const truth expected = alone(asked, i);
    const auto& label = got.labels[i];
    ASSERT_EQ(label.answer_tokens, expected.tokens) << i;
    EXPECT_EQ(label.answer, words_->decode(expected.tokens));
    ASSERT_EQ(label.topk_ids.size(), 5 * expected.tokens.size());
    ASSERT_EQ(label.topk_logits.size(), label.topk_ids.size());
    ASSERT_EQ(label.rest_mass.size(), expected.tokens.size());
    double confidence = 1;
    for (std::size_t a = 0; a < expected.tokens.size(); ++a) {
      const at::Tensor step = expected.log_probs[static_cast<std::int64_t>(a)];
      double mass = label.rest_mass[a];
      for (std::size_t t = 0; t < 5; ++t) {
        const auto id = label.topk_ids[a * 5 + t];
        const float value = label.topk_logits[a * 5 + t];
        EXPECT_NEAR(value, step[id].item<float>(), 1e-4);
        EXPECT_TRUE(t == 0 || value <= label.topk_logits[a * 5 + t - 1]);
        mass += std::exp(static_cast<double>(value));
      }
      EXPECT_NEAR(mass, 1, 1e-5);
      confidence *= std::exp(step.max().item<double>());
    }
    EXPECT_NEAR(label.confidence, confidence, 1e-5);
    for (std::int64_t k = 0; k < expected.visual.size(0); ++k, ++row) {
      for (std::int64_t d = 0; d < 16; ++d) {
        EXPECT_NEAR(got.teacher_visual.as<float>()[row * 16 + static_cast<std::size_t>(d)],
                    expected.visual[k][d].item<float>(), 1e-4);
      }
    }
    for (std::size_t a = 0; a < expected.tokens.size(); ++a, ++state) {
      for (std::int64_t d = 0; d < 16; ++d) {
        EXPECT_NEAR(got.teacher_hidden.as<float>()[state * 16 + static_cast<std::size_t>(d)],
                    expected.hidden[static_cast<std::int64_t>(a)][d].item<float>(), 1e-4);
      }
    }
  }
  EXPECT_EQ(got.teacher_visual.shape(), (std::vector<std::int64_t>{static_cast<std::int64_t>(row), 16}));
  EXPECT_EQ(got.teacher_hidden.shape(), (std::vector<std::int64_t>{static_cast<std::int64_t>(state), 16}));
}

TEST_F(teacher, reads_cells_of_another_grid_as_the_picture_that_they_show) {
  // The same 16 x 16 pixels, cut into 64 cells of 2 x 2 by a student of a finer grid.
  test::kept_lists whole(1);
  for (std::uint32_t cell = 0; cell < 16; ++cell) whole[0].push_back(cell);
  const auto coarse = patches_of(whole, 3);
  const std::vector<std::uint8_t>& pixels = coarse.patches[0];   // [16, 3, 4, 4]
  std::vector<std::uint8_t> fine;
  for (std::size_t cell = 0; cell < 64; ++cell) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t y = cell / 8 * 2 + i / 2;
        const std::size_t x = cell % 8 * 2 + i % 2;
        fine.push_back(pixels[(y / 4 * 4 + x / 4) * 48 + c * 16 + y % 4 * 4 + x % 4]);
      }
    }
  }
  auto batch = coarse.batch;
  batch.tokens_per_sample = 64;
  batch.token_bytes = 12;
  batch.format = topology::token_format::patches_u8;
  batch.zstd = false;
  batch.samples[0].kept.assign(8, 0xff);
  batch.samples[0].kept_count = 64;
  batch.payload = host_tensor::of(fine);
  auto core = make();
  const labelled_batch got = ask(core, batch);
  ASSERT_EQ(got.labels.size(), 1U);
  EXPECT_EQ(got.labels[0].answer_tokens, alone(coarse, 0).tokens);
  EXPECT_EQ(stats(core)["refused"], 0);
}

TEST_F(teacher, makes_no_picture_of_any_size_that_a_device_names) {
  auto batch = patches_of({{2}}, 5).batch;
  batch.tokens_per_sample = 65536;   // 256 a side
  batch.token_bytes = 3 * 591 * 591;
  batch.samples[0].kept.assign(8192, 0);
  batch.samples[0].kept[0] = 1;
  batch.samples[0].kept_count = 1;
  batch.zstd = false;
  batch.payload = host_tensor::of(std::vector<std::uint8_t>(batch.token_bytes, 1));
  auto core = make();
  EXPECT_TRUE(ask(core, batch).labels.empty());
  EXPECT_EQ(stats(core)["refused"], 1);
  ASSERT_FALSE(out_.logs.empty());
  EXPECT_NE(out_.logs.back().second.find("pixels a side"), std::string::npos) << out_.logs.back().second;
}

TEST_F(teacher, refuses_to_compare_features_between_two_grids) {
  options_.send_features = true;
  auto batch = patches_of({{2, 9}}, 5).batch;
  batch.tokens_per_sample = 64;
  batch.token_bytes = 12;
  auto core = make();
  EXPECT_TRUE(ask(core, batch).labels.empty());
  EXPECT_EQ(stats(core)["refused"], 1);
}

TEST_F(teacher, another_place_of_the_same_patch_is_another_picture) {
  const auto here = patches_of({{2, 9}}, 5);
  auto there = here;
  there.batch.samples[0].kept = {0, 0};
  there.batch.samples[0].kept[0] = 1U << 3U;
  there.batch.samples[0].kept[1] = 1U << 7U;
  auto core = make();
  const auto a = ask(core, here.batch);
  const auto b = ask(core, there.batch);
  ASSERT_FALSE(a.labels.empty());
  ASSERT_FALSE(b.labels.empty());
  EXPECT_GT(std::abs(a.labels[0].topk_logits[0] - b.labels[0].topk_logits[0]), 1e-5);
}

TEST_F(teacher, answers_in_slices_and_says_the_same) {
  const auto asked = patches_of(ragged, 2);
  auto whole = make();
  const labelled_batch at_once = ask(whole, asked.batch);
  options_.slice_samples = 2;
  auto core = make();
  core.handle(intake, label_request{1, asked.batch}, now, out_);
  for (int slice = 0; slice < 2; ++slice) {
    EXPECT_TRUE(core.work(now, out_));
    EXPECT_TRUE(out_.messages.empty());
    EXPECT_EQ(stats(core)["queued"], 1);
    EXPECT_EQ(stats(core)["answered"], 0);
  }
  EXPECT_FALSE(core.work(now, out_));
  const auto sent = out_.take<labelled_batch>();
  ASSERT_EQ(sent.size(), 1U);
  ASSERT_EQ(sent[0].labels.size(), ragged.size());
  double confidence = 0;
  for (std::size_t i = 0; i < ragged.size(); ++i) {
    EXPECT_EQ(sent[0].labels[i].answer_tokens, at_once.labels[i].answer_tokens);
    EXPECT_NEAR(sent[0].labels[i].confidence, at_once.labels[i].confidence, 1e-5);
    confidence += sent[0].labels[i].confidence / static_cast<double>(ragged.size());
  }
  EXPECT_EQ(stats(core)["answered"], ragged.size());
  EXPECT_EQ(stats(core)["queued"], 0);
  EXPECT_NEAR(stats(core)["mean_confidence"].get<double>(), confidence, 1e-6);
}

TEST_F(teacher, sampled_answers_depend_on_the_seed_alone) {
  options_.temperature = 3;
  options_.top_p = 1;
  const auto asked = patches_of(ragged, 3);
  auto first = make();
  auto second = make();
  const auto a = ask(first, asked.batch);
  EXPECT_EQ(a, ask(second, asked.batch));
  options_.seed = 2;
  auto other = make();
  EXPECT_FALSE(a == ask(other, asked.batch));
}

TEST_F(teacher, compressed_tokens_read_the_same) {
  const auto asked = patches_of(ragged, 4, 2);
  ASSERT_TRUE(asked.batch.zstd);
  auto core = make();
  const auto got = ask(core, asked.batch);
  for (std::size_t i = 0; i < got.labels.size(); ++i) EXPECT_EQ(got.labels[i].answer_tokens, alone(asked, i).tokens);
}

TEST_F(teacher, without_top_k_there_are_no_logits_but_a_confidence) {
  options_.top_k = 0;
  auto core = make();
  const auto got = ask(core, patches_of({{1, 2}}, 6).batch);
  ASSERT_EQ(got.labels.size(), 1U);
  EXPECT_TRUE(got.labels[0].topk_ids.empty());
  EXPECT_TRUE(got.labels[0].rest_mass.empty());
  EXPECT_GT(got.labels[0].confidence, 0);
}

TEST_F(teacher, an_empty_batch_that_only_ends_a_tick_passes_on) {
  uts_batch only_end;
  only_end.device = device_id{4};
  only_end.tick = 9;
  only_end.end_of_tick = true;
  auto core = make();
  const auto got = ask(core, only_end, 5);
  EXPECT_EQ(got.lease, 5U);
  EXPECT_EQ(got.batch, only_end);
  EXPECT_TRUE(got.labels.empty());
  EXPECT_EQ(stats(core)["refused"], 0);
}

TEST_F(teacher, self_says_what_the_device_said) {
  options_.kind = teacher_kind::self;
  teacher_core core(options_, nullptr, nullptr);
  auto asked = patches_of(ragged, 7);
  asked.batch.samples[1].device_answer = "round";
  const auto got = ask(core, asked.batch);
  ASSERT_EQ(got.labels.size(), ragged.size());
  EXPECT_EQ(got.labels[0].answer, "blue");
  EXPECT_EQ(got.labels[1].answer, "round");
  for (const auto& label : got.labels) {
    EXPECT_EQ(label.confidence, 1);
    EXPECT_TRUE(label.answer_tokens.empty());
    EXPECT_TRUE(label.topk_ids.empty());
  }
  EXPECT_EQ(stats(core)["mean_confidence"], 1.0);
}

TEST_F(teacher, what_cannot_be_read_is_given_up_and_the_next_one_answered) {
  const auto good = patches_of(ragged, 8, 2);
  ASSERT_TRUE(good.batch.zstd);
  const std::vector<std::pair<const char*, std::function<void(uts_batch&)>>> breaks{
      {"zstd", [](uts_batch& b) { b.payload = host_tensor::of(std::vector<std::uint8_t>(b.payload.bytes(), 7)); }},
      {"cut", [](uts_batch& b) {
         b.payload = host_tensor::of(std::vector<std::uint8_t>(b.payload.data(), b.payload.data() + b.payload.bytes() - 1));
       }},
      {"raw instead of zstd", [](uts_batch& b) { b.zstd = false; }},
      {"counts moved between samples", [](uts_batch& b) {
         ++b.samples[3].kept_count;
         --b.samples[2].kept_count;
       }},
      {"count too large", [](uts_batch& b) { b.samples[0].kept_count = 0xFFFFFFFF; }},
      {"bitmap too short", [](uts_batch& b) { b.samples[4].kept.pop_back(); }},
      {"token bytes", [](uts_batch& b) { --b.token_bytes; }},
      {"tokens a sample", [](uts_batch& b) { ++b.tokens_per_sample; }},
      {"features", [](uts_batch& b) { b.format = topology::token_format::features_i8; }},
      {"no question", [](uts_batch& b) { b.samples[4].question.clear(); }},
  };
  options_.slice_samples = 2;  // some break only after the first slice was answered
  auto core = make();
  std::uint64_t lease = 1;
  for (const auto& [what, breaking] : breaks) {
    uts_batch bad = good.batch;
    bad.tick = 40 + lease;
    bad.end_of_tick = true;
    breaking(bad);
    const auto got = ask(core, bad, lease);
    EXPECT_EQ(got.lease, lease) << what;
    EXPECT_TRUE(got.labels.empty()) << what;
    EXPECT_TRUE(got.batch.samples.empty()) << what;
    EXPECT_EQ(got.batch.device, bad.device) << what;
    EXPECT_EQ(got.batch.tick, bad.tick) << what;
    EXPECT_TRUE(got.batch.end_of_tick) << what;
    EXPECT_TRUE(got.teacher_visual.empty()) << what;
    EXPECT_EQ(stats(core)["refused"], lease) << what;
    ++lease;
  }
  EXPECT_EQ(out_.logged(log_level::warn), breaks.size());
  EXPECT_EQ(ask(core, good.batch).labels.size(), ragged.size());
}

TEST_F(teacher, waits_for_room_with_the_answer_in_hand) {
  auto core = make();
  out_.set_room(distiller, 0);
  core.handle(intake, label_request{3, patches_of({{1}}, 9).batch}, now, out_);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(core.work(now, out_));
  EXPECT_TRUE(out_.messages.empty());
  EXPECT_TRUE(out_.wake.has_value());
  EXPECT_EQ(stats(core)["queued"], 1);
  out_.set_room(distiller, 1);
  EXPECT_FALSE(core.work(now, out_));
  EXPECT_EQ(out_.take<labelled_batch>().size(), 1U);
  EXPECT_EQ(stats(core)["answered"], 1);
}

TEST_F(teacher, grants_what_its_queue_still_takes) {
  options_.queue = 2;
  auto core = make();
  const auto asked = patches_of({{1}}, 10);
  EXPECT_EQ(core.capacity(intake), 2U);
  core.handle(intake, label_request{1, asked.batch}, now, out_);
  EXPECT_EQ(core.capacity(intake), 1U);
  core.handle(intake, label_request{2, asked.batch}, now, out_);
  EXPECT_EQ(core.capacity(intake), 0U);
  core.handle(intake, label_request{3, asked.batch}, now, out_);
  EXPECT_EQ(core.capacity(intake), 0U);
  EXPECT_TRUE(core.work(now, out_));
  EXPECT_TRUE(core.work(now, out_));
  EXPECT_EQ(core.capacity(intake), 1U);
  EXPECT_FALSE(core.work(now, out_));
  const auto sent = out_.take<labelled_batch>();
  ASSERT_EQ(sent.size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(sent[i].lease, i + 1);
}

TEST_F(teacher, refuses_other_messages_by_name) {
  auto core = make();
  core.handle(intake, topology::pace{}, now, out_);
  const auto refused = out_.take<topology::error_reply>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_NE(refused[0].context.find("pace"), std::string::npos);
  core.handle(intake, topology::stop_request{}, now, out_);
  core.handle(intake, topology::error_reply{}, now, out_);
  EXPECT_TRUE(out_.messages.empty());
}

}  // namespace teacher_core_test
}  // namespace freshet::actors
