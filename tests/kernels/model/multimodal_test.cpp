// Against itself where two ways must agree: packed questions with single ones, cached generation with whole
// passes. The numbers of the reference implementation: golden_test.cpp.
#include "kernels/model/multimodal.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "kernels/model/generate.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/trainable_set.hpp"
#include "tests/support/largest_difference.hpp"

namespace freshet::model {
namespace {

using test::largest_difference;

model_config small_config(bool stem) {
  model_config c;
  c.vision.emplace();
  c.vision->kind = vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 16;
  c.vision->intermediate_size = 32;
  c.vision->num_hidden_layers = 2;
  c.vision->num_attention_heads = 2;
  c.vision->num_channels = 3;
  c.vision->image_size = 16;
  c.vision->patch_size = 4;
  c.vision->layer_norm_eps = 1e-6;
  if (stem) c.vision->patch_stem = {8, 16};
  c.projector.emplace();
  c.projector->vision_feature_layer = -1;
  c.projector->select = feature_select::all;
  c.text.vocab_size = 40;
  c.text.hidden_size = 16;
  c.text.intermediate_size = 32;
  c.text.num_hidden_layers = 2;
  c.text.num_attention_heads = 4;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 4;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = 1;
  c.text.eos_token_ids = {2};
  return c;
}

visual_input random_pictures(std::int64_t n) {
  visual_input in;
  in.patches = at::randn({n, 16, 48});
  return in;
}

text_blocks one_block(std::vector<std::int32_t> ids) {
  std::vector<std::vector<std::vector<std::int32_t>>> blocks(1);
  blocks[0].push_back(std::move(ids));
  return pack_blocks(blocks);
}

TEST(multimodal, packed_questions_equal_single_ones) {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  const multimodal m = multimodal::random(small_config(true), 5);
  const at::Tensor visual = m.visual_tokens(random_pictures(2));
  const std::vector<std::vector<std::vector<std::int32_t>>> blocks{{{5, 6, 7}, {8, 9}}, {{10, 11, 12, 13}}};
  const at::Tensor packed = m.text_hidden(visual, {}, pack_blocks(blocks));
  const at::Tensor second = m.text_hidden(visual.narrow(0, 0, 1), {}, one_block({8, 9}));
  EXPECT_LT(largest_difference(packed.narrow(0, 0, 1).narrow(1, 3, 2), second), 1e-5);
  const at::Tensor other = m.text_hidden(visual.narrow(0, 1, 1), {}, one_block({10, 11, 12, 13}));
  EXPECT_LT(largest_difference(packed.narrow(0, 1, 1).narrow(1, 0, 4), other), 1e-5);
}

TEST(multimodal, padded_visual_tokens_change_nothing) {
  const at::NoGradGuard no_grad;
  at::manual_seed(4);
  for (const bool stem : {false, true}) {
    const multimodal m = multimodal::random(small_config(stem), 5);
    visual_input exact;
    exact.patches = at::randn({1, 5, 48});
    exact.positions = at::tensor(std::vector<std::int64_t>{0, 3, 7, 8, 15}, at::kLong).unsqueeze(0);
    visual_input padded;
    padded.patches = at::cat({exact.patches, at::randn({1, 3, 48})}, 1);
    padded.positions = at::cat({exact.positions, at::zeros({1, 3}, at::kLong)}, 1);
    padded.valid = at::tensor(std::vector<std::int64_t>{1, 1, 1, 1, 1, 0, 0, 0}, at::kLong).ne(0).unsqueeze(0);
    const auto text = one_block({5, 6, 7});
    const at::Tensor a = m.text_hidden(m.visual_tokens(exact), {}, text);
    const at::Tensor b = m.text_hidden(m.visual_tokens(padded), padded.valid, text);
    EXPECT_LT(largest_difference(a, b), 1e-5) << "stem " << stem;
  }
}

TEST(generate, cached_greedy_equals_whole_passes) {
  const at::NoGradGuard no_grad;
  at::manual_seed(5);
  const multimodal m = multimodal::random(small_config(true), 11);
  const at::Tensor visual = m.visual_tokens(random_pictures(3));
  const std::vector<std::vector<std::int32_t>> prompts{{5, 6, 7}, {8}, {9, 10, 11, 12, 13}};
  generation_options options;
  options.max_new_tokens = 5;
  options.want_relevance = true;
  const generated out = generate(m, visual, {}, prompts, options);
  EXPECT_LE(out.relevance.sum(1).max().item<double>(), 1.0 + 1e-5);
  for (std::int64_t row = 0; row < 3; ++row) {
    std::vector<std::int32_t> so_far = prompts[static_cast<std::size_t>(row)];
    const auto& answer = out.tokens[static_cast<std::size_t>(row)];
    for (std::size_t step = 0; step < answer.size(); ++step) {
      const at::Tensor hidden = m.text_hidden(visual.narrow(0, row, 1), {}, one_block(so_far));
      const at::Tensor logits = m.logits(hidden[0][-1]);
      EXPECT_LT(largest_difference(logits, out.logits[row][static_cast<std::int64_t>(step)]), 1e-4);
      EXPECT_EQ(logits.argmax().item<std::int64_t>(), answer[step]);
      so_far.push_back(answer[step]);
    }
  }
}

TEST(generate, sampling_follows_the_distribution) {
  const at::NoGradGuard no_grad;
  at::manual_seed(6);
  const multimodal m = multimodal::random(small_config(false), 12);
  constexpr std::int64_t rows = 2000;
  const at::Tensor visual = m.visual_tokens(random_pictures(1)).expand({rows, 16, 16});
  generation_options options;
  options.max_new_tokens = 1;
  options.temperature = 0.7;
  rng draw(9);
  const generated out = generate(m, visual, {}, std::vector<std::vector<std::int32_t>>(rows, {5, 6}), options, &draw);
  const at::Tensor p = at::softmax(out.logits[0][0] / 0.7, 0);
  std::vector<double> seen(40, 0.0);
  for (const auto& t : out.tokens) seen[static_cast<std::size_t>(t.front())] += 1.0 / rows;
  for (std::int64_t i = 0; i < 40; ++i) {
    const double want = p[i].item<double>();
    EXPECT_NEAR(seen[static_cast<std::size_t>(i)], want, 5 * std::sqrt(want * (1 - want) / rows) + 1e-3);
  }
}

TEST(lora, zero_b_changes_nothing_and_write_is_read_back) {
  const at::NoGradGuard no_grad;
  at::manual_seed(7);
  multimodal m = multimodal::random(small_config(true), 13);
  const auto pictures = random_pictures(2);
  const at::Tensor before = m.visual_tokens(pictures);
  lora_spec spec;
  spec.targets = {"q_proj", "v_proj", "fc1"};
  ASSERT_TRUE(m.attach(spec).ok());
  EXPECT_EQ(largest_difference(before, m.visual_tokens(pictures)), 0);
  const trainable_set set = trainable_set::of(m.weights());
  const host_tensor start = set.read();
  std::vector<float> moved(start.as<float>(), start.as<float>() + start.items());
  for (float& x : moved) x += 0.125F;
  const host_tensor target = host_tensor::of(moved);
  ASSERT_TRUE(set.write(target).ok());
  EXPECT_EQ(set.read(), target);
  EXPECT_GT(largest_difference(before, m.visual_tokens(pictures)), 1e-3);
  EXPECT_FALSE(set.write(host_tensor::of(std::vector<float>(3))).ok());
  lora_spec none;
  none.targets = {"nowhere"};
  EXPECT_FALSE(m.attach(none).ok());
}

// What PEFT does for a convolution: y = conv(x, W) + scale · conv(conv(x, A), B).
TEST(lora, a_convolution_gets_the_adapter_of_two_convolutions) {
  const at::NoGradGuard no_grad;
  at::manual_seed(11);
  parameters p;
  p.set("stem.conv.weight", at::randn({6, 3, 3, 3}));
  lora_spec spec;
  spec.rank = 2;
  spec.alpha = 6;
  spec.targets = {"conv"};
  ASSERT_EQ(*add_lora(p, spec), 1);
  EXPECT_EQ(p.at("stem.conv.lora_A.weight").sizes().vec(), (std::vector<std::int64_t>{2, 3, 3, 3}));
  EXPECT_EQ(p.at("stem.conv.lora_B.weight").sizes().vec(), (std::vector<std::int64_t>{6, 2, 1, 1}));
  const at::Tensor x = at::randn({2, 3, 8, 8});
  EXPECT_EQ(largest_difference(adapted_weight::take(p, "stem.conv", spec.scale())(), p.at("stem.conv.weight")), 0);
  at::Tensor(p.at("stem.conv.lora_B.weight")).normal_();
  const at::Tensor got = at::conv2d(x, adapted_weight::take(p, "stem.conv", spec.scale())(), {}, 2, 1);
  const at::Tensor low = at::conv2d(x, p.at("stem.conv.lora_A.weight"), {}, 2, 1);
  const at::Tensor want = at::conv2d(x, p.at("stem.conv.weight"), {}, 2, 1) +
                          3 * at::conv2d(low, p.at("stem.conv.lora_B.weight"));
  EXPECT_LT(largest_difference(got, want), 1e-5);
}

TEST(patches, cut_equals_the_strided_convolution_order) {
  rng draw(3);
  std::vector<std::uint8_t> rgb(16 * 16 * 3);
  for (auto& x : rgb) x = static_cast<std::uint8_t>(draw.below(256));
  for (const std::int64_t patch : {4, 5, 16}) {  // 5: a pixel is left over
    const auto cut = cut_patches(rgb.data(), 16, patch);
    const at::Tensor hwc = at::from_blob(rgb.data(), {16, 16, 3}, at::kByte);
    const at::Tensor want = to_patches(hwc.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat), patch)[0];
    const at::Tensor got = at::tensor(cut).reshape(want.sizes()).to(at::kFloat);
    EXPECT_EQ(largest_difference(got, want), 0) << patch;
  }
}

}  // namespace
}  // namespace freshet::model
