// A picture as what the frozen vision tower makes of it, from the device to the memory of the learner: student and
// teacher have the same tower here, as they have the same weights.
#include "actors/device/student_runtime.hpp"
#include "actors/distiller/labelled_samples.hpp"
#include "actors/distiller/sample_bytes.hpp"
#include "actors/intake/batch_check.hpp"
#include "actors/kept_tokens.hpp"
#include "actors/teacher/teacher_core.hpp"
#include "actors/uplink_filter/uplink_filter_core.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/distill/qa_batch.hpp"
#include "kernels/distill/sample_check.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/uncertainty/token_codec.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/tiny_student.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::actors {
namespace feature_uplink_test {

using topology::labelled_batch;
using topology::observation_batch;
using topology::uts_batch;

const topology::address device{"edge-1", "device"};
const topology::address intake{"cloud", "intake"};
const topology::address distiller{"cloud", "distiller"};
constexpr time_point now{};
constexpr std::int64_t width = 16;   // features a cell of tiny_student

class feature_uplink : public ::testing::Test {
 protected:
  feature_uplink()
      : net_(std::make_shared<const model::multimodal>(std::move(*model::multimodal::load(tiny_.model())))),
        words_(*model::load_tokenizer(tiny_.model())),
        encoder_(model::encoder_hash(*net_)) {}

  /// What a device with a frozen tower saw.
  observation_batch seen(std::size_t count) {
    tiny_.lora.train_vision = false;
    const student_runtime student = std::move(*student_runtime::load({tiny_.model(), tiny_.lora, 4}));
    const test::noise_source source(7);
    observation_batch o;
    o.device = device_id{3};
    std::vector<prepared_question> asked;
    for (std::size_t i = 0; i < count; ++i) {
      const auto sample = source.at(i);
      o.sequences.emplace_back(i);
      o.questions.push_back(sample->question);
      asked.push_back(*student.prepare(sample->picture, sample->question));
    }
    answered_batch got = student.answer(asked, {true, true, true, true, true});
    o.answers = got.answers;
    o.answer_length = got.lengths;
    o.patches = got.patches;
    o.features = got.features;
    o.answer_logits = got.logits;
    o.token_relevance = got.relevance;
    o.encoded = got.encoded;
    o.encoder = student.encoder();
    return o;
  }

  /// What the filter sends of it over the wire.
  static uts_batch sent(const observation_batch& o, double token_share) {
    uplink_filter_options options;
    options.intake = intake;
    options.gate.name = "all";
    options.gate.probe_share = 0;
    options.format = token_choice::features;
    options.token_share = token_share;
    options.batch = o.sequences.size();
    auto filter = make_uplink_filter(options);
    EXPECT_TRUE(filter.ok());
    test::fake_outbox out;
    (*filter)->handle(device, o, now, out);
    while ((*filter)->work(now, out)) {
    }
    auto batches = out.take<uts_batch>();
    EXPECT_EQ(batches.size(), 1U);
    topology::parcel p;
    p.body = topology::any_message{batches.at(0)};
    const auto read = topology::decode(*topology::encode(p));
    EXPECT_TRUE(read.ok());
    EXPECT_EQ(std::get<uts_batch>(*read->body), batches[0]);
    EXPECT_TRUE(check_batch(batches[0], {}).ok());
    return batches[0];
  }

  labelled_batch labels_of(const uts_batch& batch, test::fake_outbox& out) {
    teacher_options options;
    options.distiller = distiller;
    options.intake = intake;
    options.temperature = 0;
    options.slice_samples = 2;
    options.send_features = true;
    teacher_core core(options, net_, words_);
    core.handle(intake, topology::label_request{1, batch}, now, out);
    while (core.work(now, out)) {
    }
    auto labels = out.take<labelled_batch>();
    EXPECT_EQ(labels.size(), 1U);
    return labels.at(0);
  }

  test::tiny_student tiny_;
  std::shared_ptr<const model::multimodal> net_;
  std::shared_ptr<const model::tokenizer> words_;
  content_hash encoder_;
};

TEST_F(feature_uplink, the_teacher_says_what_its_model_says_of_the_kept_features) {
  const at::NoGradGuard no_grad;
  const observation_batch o = seen(5);
  for (const double share : {1.0, 0.4}) {
    const uts_batch b = sent(o, share);
    EXPECT_EQ(b.format, topology::token_format::features_i8);
    EXPECT_EQ(b.encoder, encoder_);
    EXPECT_EQ(b.token_bytes, width);
    test::fake_outbox out;
    const labelled_batch got = labels_of(b, out);
    EXPECT_EQ(out.logged(log_level::warn), 0U);
    ASSERT_EQ(got.labels.size(), 5U);
    const auto values = uncertainty::unpack_features(b.payload.data(), b.payload.bytes(), b.zstd, b.scales.as<float>(),
                                                     b.scales.items(), kept_tokens_of(b), width);
    ASSERT_TRUE(values.ok());
    std::int64_t row = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const auto k = static_cast<std::int64_t>(b.samples[i].kept_count);
      EXPECT_EQ(k, share == 1.0 ? 16 : 6);
      const at::Tensor features = at::tensor(*values).reshape({1, -1, width}).narrow(1, row, k);
      const at::Tensor visual = net_->tokens_of(features);
      model::generation_options greedy;
      greedy.max_new_tokens = 4;
      const auto alone = model::generate(*net_, visual, {}, {distill::prompt_tokens(*words_, o.questions[i])}, greedy);
      EXPECT_EQ(got.labels[i].answer_tokens, alone.tokens[0]) << i;
      const at::Tensor best = at::log_softmax(alone.logits[0], -1).amax(-1);
      const std::size_t kept = got.labels[i].topk_logits.size() / alone.tokens[0].size();
      EXPECT_NEAR(got.labels[i].topk_logits[0], best[0].item<float>(), 1e-4) << i << ", " << kept << " a position";
      // For QKD: the teacher's visual tokens are of the same features.
      for (std::int64_t v = 0; v < k * width; ++v) {
        ASSERT_NEAR(got.teacher_visual.as<float>()[row * width + v], visual.contiguous().data_ptr<float>()[v], 1e-4F);
      }
      row += k;
    }
  }
}

// With all tokens kept, 8 bits are all that stands between the teacher and the device's own picture.
TEST_F(feature_uplink, the_learner_gets_the_devices_features_up_to_their_rounding) {
  const observation_batch o = seen(4);
  const uts_batch b = sent(o, 1.0);
  test::fake_outbox out;
  const labelled_batch labels = labels_of(b, out);
  labelling_options options;
  options.confidence_floor = 0;
  options.encoder = encoder_;
  const auto read = read_labels(labels, net_->config().vision, *words_, options);
  ASSERT_TRUE(read.ok()) << read.err().text();
  ASSERT_EQ(read->samples.size() + read->unsure, 4U);
  ASSERT_FALSE(read->samples.empty());
  for (const auto& s : read->samples) {
    EXPECT_TRUE(s->patches.empty());
    ASSERT_TRUE(distill::check_sample(*s, net_->config(), width).ok());
    std::size_t i = 0;
    while (i < 4 && s->feature_scales[0] != b.scales.as<float>()[i * 16]) ++i;
    ASSERT_LT(i, 4U);
    EXPECT_EQ(words_->question_ids(o.questions[i]), s->prompt);
    for (std::size_t k = 0; k < 16; ++k) {
      for (std::size_t f = 0; f < width; ++f) {
        const float got = static_cast<float>(s->features.as<std::int8_t>()[k * width + f]) * s->feature_scales[k];
        EXPECT_NEAR(got, o.encoded.as<float>()[(i * 16 + k) * width + f], s->feature_scales[k] / 2 + 1e-6F);
      }
    }
    // On the disk and back.
    const auto bytes = bytes_of(*s);
    ASSERT_TRUE(bytes.ok());
    const auto again = sample_of(*bytes, "here");
    ASSERT_TRUE(again.ok()) << again.err().text();
    EXPECT_EQ((*again)->features, s->features);
    EXPECT_EQ((*again)->feature_scales, s->feature_scales);
    EXPECT_TRUE((*again)->patches.empty());
    EXPECT_EQ((*again)->positions, s->positions);
  }
}

TEST_F(feature_uplink, features_of_another_tower_are_read_by_nobody) {
  const uts_batch good = sent(seen(4), 1.0);
  const auto scaled = [](uts_batch& b, float scale) {
    std::vector<float> all(b.scales.as<float>(), b.scales.as<float>() + b.scales.items());
    all[5] = scale;
    b.scales = host_tensor::of(std::move(all));
  };
  const std::vector<std::pair<const char*, std::function<void(uts_batch&)>>> breaks{
      {"another tower", [](uts_batch& b) { ++b.encoder.value; }},
      {"nobody's", [](uts_batch& b) { b.encoder = {}; }},
      {"scales", [](uts_batch& b) { b.scales = {}; }},
      {"scales of bytes", [](uts_batch& b) { b.scales = host_tensor::of(std::vector<std::uint8_t>(64, 1)); }},
      {"a scale without end", [scaled](uts_batch& b) { scaled(b, INFINITY); }},
      {"a scale just beyond half precision", [scaled](uts_batch& b) { scaled(b, 516); }},
      {"a scale beyond all numbers", [scaled](uts_batch& b) { scaled(b, 3e38F); }},
      {"a negative scale", [scaled](uts_batch& b) { scaled(b, -0.5F); }},
      {"no number for a scale", [scaled](uts_batch& b) { scaled(b, NAN); }},
      {"width", [](uts_batch& b) { b.token_bytes = 8; }},
      {"cells", [](uts_batch& b) { b.tokens_per_sample = 15; }},
      {"payload", [](uts_batch& b) { b.payload = host_tensor::of(std::vector<std::uint8_t>(5, 1)); }},
  };
  labelling_options options;
  options.encoder = encoder_;
  for (const auto& [what, breaking] : breaks) {
    uts_batch bad = good;
    breaking(bad);
    EXPECT_EQ(check_batch(bad, {}).ok(), std::string(what) == "another tower") << what;
    test::fake_outbox out;
    EXPECT_TRUE(labels_of(bad, out).labels.empty()) << what;
    EXPECT_EQ(out.logged(log_level::warn), 1U) << what;
    labelled_batch labels = labels_of(good, out);
    labels.batch = bad;
    EXPECT_FALSE(read_labels(labels, net_->config().vision, *words_, options).ok()) << what;
  }
  uts_batch largest = good;
  scaled(largest, 515);
  EXPECT_TRUE(check_batch(largest, {}).ok());
  test::fake_outbox out;
  const labelled_batch labels = labels_of(good, out);
  EXPECT_TRUE(read_labels(labels, net_->config().vision, *words_, options).ok());
  const auto learning_tower = read_labels(labels, net_->config().vision, *words_, {});
  ASSERT_FALSE(learning_tower.ok());
  EXPECT_EQ(learning_tower.err().code, errc::unsupported);
}

}  // namespace feature_uplink_test
}  // namespace freshet::actors
