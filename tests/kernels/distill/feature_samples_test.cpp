// Samples whose pictures came as features of the frozen vision tower, alone and among samples of pixels.
#include <cstring>

#include "kernels/distill/learner.hpp"
#include "kernels/distill/sample_batch.hpp"
#include "kernels/distill/sample_check.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/patches.hpp"
#include "tests/kernels/distill/varied_samples.hpp"

namespace freshet::distill {
namespace {

model::multimodal frozen_student() {
  model::multimodal m = model::multimodal::random(tiny_config(), 5);
  model::lora_spec spec;
  spec.rank = 2;
  spec.alpha = 4;
  spec.targets = {"q_proj", "v_proj", "linear_1", "down_proj"};
  spec.train_vision = false;
  EXPECT_TRUE(m.attach(spec).ok());
  return m;
}

/// The features [K, F] of a sample's cells, the tower seeing no others.
at::Tensor features_of(const model::multimodal& m, const labelled_sample& s) {
  const at::NoGradGuard no_grad;
  const auto k = static_cast<std::int64_t>(s.positions.size());
  at::Tensor bytes = at::empty({1, k, tiny_patch_bytes}, at::kByte);
  std::memcpy(bytes.data_ptr(), s.patches.data(), s.patches.bytes());
  model::visual_input in;
  in.patches = model::normalise_patches(bytes);
  in.positions = at::tensor(s.positions, at::kLong).unsqueeze(0);
  return m.cell_features(in)[0].contiguous();
}

/// The same sample as a device sends it in 8 bits.
sample_handle encoded(const model::multimodal& m, const labelled_sample& from) {
  const at::Tensor features = features_of(m, from);
  const at::Tensor scales = features.abs().amax(1) / 127;
  const at::Tensor levels = (features / scales.unsqueeze(1)).round().to(at::kChar).contiguous();
  auto out = std::make_shared<labelled_sample>(from);
  out->patches = {};
  out->features = host_tensor::copy_of(dtype::i8, features.sizes().vec(), levels.data_ptr<std::int8_t>());
  out->feature_scales.assign(scales.data_ptr<float>(), scales.data_ptr<float>() + scales.numel());
  return out;
}

TEST(feature_samples, are_read_beside_pixels_each_as_if_alone) {
  const at::NoGradGuard no_grad;
  const model::multimodal m = frozen_student();
  const auto plain = varied_samples(5);
  std::vector<sample_handle> mixed = plain;
  mixed[1] = encoded(m, *plain[1]);
  mixed[4] = encoded(m, *plain[4]);
  const at::Tensor pixels = visual_tokens(m, pack_samples(plain, m.config()));
  const qa_batch read = pack_samples(mixed, m.config());
  const at::Tensor tokens = visual_tokens(m, read);
  ASSERT_EQ(tokens.sizes(), pixels.sizes());
  for (std::int64_t i = 0; i < 5; ++i) {
    const labelled_sample& s = *mixed[static_cast<std::size_t>(i)];
    const auto k = static_cast<std::int64_t>(s.positions.size());
    const at::Tensor got = tokens[i].narrow(0, 0, k);
    if (s.features.empty()) {
      EXPECT_LT(largest_difference(got, pixels[i].narrow(0, 0, k)), 1e-5) << i;
      continue;
    }
    at::Tensor levels = at::empty(s.features.shape());
    for (std::size_t v = 0; v < s.features.items(); ++v) levels.view(-1)[static_cast<std::int64_t>(v)] = static_cast<int>(s.features.as<std::int8_t>()[v]);
    const at::Tensor exact = m.tokens_of((levels * at::tensor(s.feature_scales).unsqueeze(1)).unsqueeze(0))[0];
    EXPECT_LT(largest_difference(got, exact), 1e-6) << i;
    // Rounded to 8 bits, and no further away than that makes it.
    EXPECT_LT(largest_difference(got, pixels[i].narrow(0, 0, k)), 0.05) << i;
    EXPECT_GT(largest_difference(got, pixels[i].narrow(0, 0, k)), 0) << i;
  }
  // None of pixels, as in a fleet without rehearsal.
  const std::vector<sample_handle> only{mixed[1], mixed[4]};
  const at::Tensor alone = visual_tokens(m, pack_samples(only, m.config()));
  const auto k = static_cast<std::int64_t>(mixed[1]->positions.size());
  EXPECT_LT(largest_difference(alone[0].narrow(0, 0, k), tokens[1].narrow(0, 0, k)), 1e-6);
}

// The way back goes through the connector for all, and through the tower for none.
TEST(feature_samples, are_learned_from_and_the_frozen_tower_stays) {
  learner_options o;
  o.visual_qkd = 0.5;
  o.batch = 8;
  o.micro_batch = 3;   // parts of pixels, of features and of both
  o.learning_rate = o.final_learning_rate = 2e-2;
  o.mix = {0, 0};
  const model::multimodal before = frozen_student();
  learner l(frozen_student(), o, varied_teacher_width);
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(l.add(i < 4 ? encoded(before, *varied_sample(i)) : varied_sample(i)));
  const double first = l.step(0).loss;
  double last = 0;
  for (int step = 0; step < 100; ++step) {
    const step_report r = l.step(0);
    ASSERT_FALSE(r.skipped);
    last = r.loss;
  }
  EXPECT_LT(last, 0.7 * first);
  std::size_t moved = 0;
  for (const auto& [name, value] : l.student().weights().all()) {
    const bool same = largest_difference(value.detach(), before.weights().at(name).detach()) == 0;
    if (name.compare(0, model::tower_part.size(), model::tower_part) == 0) {
      EXPECT_TRUE(same) << name;
      EXPECT_FALSE(value.requires_grad()) << name;
    }
    moved += !same && name.compare(0, model::connector_part.size(), model::connector_part) == 0 ? 1 : 0;
  }
  EXPECT_GT(moved, 0U) << "the connector learns";
}

TEST(feature_samples, wrong_ones_are_refused_and_named) {
  const model::multimodal m = frozen_student();
  const auto good = std::make_shared<labelled_sample>(*encoded(m, *varied_sample(1)));
  ASSERT_TRUE(check_sample(*good, m.config(), varied_teacher_width).ok());
  const auto k = static_cast<std::int64_t>(good->positions.size());
  const auto wrong = [&](auto change) {
    labelled_sample s = *good;
    change(s);
    const auto checked = check_sample(s, m.config(), varied_teacher_width);
    return checked.ok() ? std::string() : checked.err().context;
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(wrong([&](auto& s) { s.patches = host_tensor::of(std::vector<std::uint8_t>(static_cast<std::size_t>(k * tiny_patch_bytes)), {k, tiny_patch_bytes}); }), "both"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.features = host_tensor::copy_of(dtype::u8, s.features.shape(), s.features.data()); }), "features must be i8"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.features = host_tensor::copy_of(dtype::i8, {k - 1, 16}, s.features.data()); }), "features must be i8"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.features = host_tensor::copy_of(dtype::i8, {k, 15}, s.features.data()); }), "features must be i8"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.feature_scales.pop_back(); }), "feature_scales"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.feature_scales[0] = NAN; }), "feature_scales"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.feature_scales[0] = -1; }), "feature_scales"));
  EXPECT_TRUE(has(wrong([&](auto& s) { s.positions[0] = s.positions[1]; }), "twice"));
}

}  // namespace
}  // namespace freshet::distill
