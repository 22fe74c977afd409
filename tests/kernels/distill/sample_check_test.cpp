// A good sample, and each way in which one can be wrong.
#include "kernels/distill/sample_check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace freshet::distill {
namespace {

constexpr std::int64_t teacher_width = 3;

/// Four cells of 2 × 2 pixels, twenty words.
model::model_config student() {
  model::model_config c;
  c.vision.emplace();
  c.vision->num_channels = 3;
  c.vision->image_size = 4;
  c.vision->patch_size = 2;
  c.text.vocab_size = 20;
  return c;
}

/// Two tokens, two answer positions, two kept logits each.
labelled_sample good() {
  labelled_sample s;
  s.patches = host_tensor::of(std::vector<std::uint8_t>(24, 7), {2, 12});
  s.positions = {0, 3};
  s.prompt = {5, 6};
  s.answer = {7, 2};
  s.topk_ids = {7, 8, 2, 3};
  s.topk_log_probs = {-0.1F, -3, -0.2F, -4};
  s.rest_mass = {0.01F, 0};
  s.teacher_visual = host_tensor::of(std::vector<float>(6, 0.5F), {2, teacher_width});
  s.teacher_hidden = host_tensor::of(std::vector<float>(6, 0.5F), {2, teacher_width});
  return s;
}

TEST(sample_check, takes_good_ones) {
  EXPECT_TRUE(check_sample(good(), student(), teacher_width).ok());
  labelled_sample bare = good();
  bare.topk_ids.clear();
  bare.topk_log_probs.clear();
  bare.rest_mass.clear();
  bare.teacher_visual = {};
  bare.teacher_hidden = {};
  EXPECT_TRUE(check_sample(bare, student(), teacher_width).ok());
  // Features that nobody reads may have any form.
  labelled_sample odd = good();
  odd.teacher_visual = host_tensor::of(std::vector<float>(5, 0.5F));
  EXPECT_TRUE(check_sample(odd, student(), 0).ok());
  EXPECT_FALSE(check_sample(odd, student(), teacher_width).ok());
}

TEST(sample_check, refuses_each_kind_of_wrong_one_and_names_it) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<std::pair<const char*, std::function<void(labelled_sample&)>>> cases{
      {"patches", [](auto& s) { s.patches = host_tensor::of(std::vector<std::uint8_t>(24, 7), {24}); }},
      {"patches", [](auto& s) { s.patches = host_tensor::of(std::vector<std::uint8_t>(12, 7), {1, 12}); }},
      {"patches", [](auto& s) { s.patches = host_tensor::of(std::vector<std::uint8_t>(26, 7), {2, 13}); }},
      {"patches", [](auto& s) { s.patches = host_tensor::of(std::vector<float>(24, 7.0F), {2, 12}); }},
      {"no token", [](auto& s) {
         s.patches = host_tensor::of(std::vector<std::uint8_t>(), {0, 12});
         s.positions.clear();
       }},
      {"position 4", [](auto& s) { s.positions[1] = 4; }},
      {"position -1", [](auto& s) { s.positions[0] = -1; }},
      {"twice", [](auto& s) { s.positions[0] = 3; }},
      {"no question", [](auto& s) { s.prompt.clear(); }},
      {"no answer", [](auto& s) { s.answer.clear(); }},
      {"vocabulary", [](auto& s) { s.prompt[0] = 20; }},
      {"vocabulary", [](auto& s) { s.answer[1] = -1; }},
      {"weight", [](auto& s) { s.weight = -1; }},
      {"weight", [](auto& s) { s.weight = std::nanf(""); }},
      {"top-k", [](auto& s) { s.rest_mass.pop_back(); }},
      {"top-k", [](auto& s) { s.rest_mass.clear(); }},
      {"top-k", [](auto& s) { s.topk_ids.pop_back(); }},
      {"top-k", [](auto& s) { s.topk_log_probs.pop_back(); }},
      {"top-k id", [](auto& s) { s.topk_ids[2] = 20; }},
      {"finite", [=](auto& s) { s.topk_log_probs[0] = -infinity; }},
      {"finite", [](auto& s) { s.rest_mass[1] = 1.5F; }},
      {"finite", [](auto& s) { s.rest_mass[1] = std::nanf(""); }},
      {"teacher_visual", [](auto& s) { s.teacher_visual = host_tensor::of(std::vector<float>(3), {1, teacher_width}); }},
      {"teacher_hidden", [](auto& s) { s.teacher_hidden = host_tensor::of(std::vector<float>(8), {2, 4}); }},
      {"teacher_hidden", [=](auto& s) {
         s.teacher_hidden = host_tensor::of(std::vector<float>{0, 0, 0, 0, infinity, 0}, {2, teacher_width});
       }},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    labelled_sample s = good();
    cases[i].second(s);
    const auto checked = check_sample(s, student(), teacher_width);
    ASSERT_FALSE(checked.ok()) << i;
    EXPECT_NE(checked.err().context.find(cases[i].first), std::string::npos) << i << ": " << checked.err().text();
  }
}

}  // namespace
}  // namespace freshet::distill
