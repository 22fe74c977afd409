// The line changes with everything that changes the meaning of an update, and with nothing else.
#include "kernels/model/line.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "kernels/model/trainable_set.hpp"

namespace freshet::model {
namespace {

model_config config_of_line() {
  model_config c;
  c.vision.emplace();
  c.vision->kind = vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 8;
  c.vision->intermediate_size = 16;
  c.vision->num_hidden_layers = 1;
  c.vision->num_attention_heads = 2;
  c.vision->num_channels = 3;
  c.vision->image_size = 8;
  c.vision->patch_size = 4;
  c.vision->layer_norm_eps = 1e-6;
  c.projector.emplace();
  c.projector->vision_feature_layer = -1;
  c.projector->select = feature_select::all;
  c.text.vocab_size = 10;
  c.text.hidden_size = 8;
  c.text.intermediate_size = 16;
  c.text.num_hidden_layers = 1;
  c.text.num_attention_heads = 2;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 4;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = 1;
  c.text.eos_token_ids = {2};
  return c;
}

lora_spec spec_of_line() {
  lora_spec spec;
  spec.targets = {"q_proj", "v_proj"};
  return spec;
}

content_hash line(std::uint64_t seed, const lora_spec& spec) {
  multimodal m = multimodal::random(config_of_line(), seed);
  EXPECT_TRUE(m.attach(spec).ok());
  return line_of(m, spec);
}

TEST(line, same_model_and_spec_give_the_same_line) {
  EXPECT_EQ(line(1, spec_of_line()), line(1, spec_of_line()));
  multimodal m = multimodal::random(config_of_line(), 1);
  ASSERT_TRUE(m.attach(spec_of_line()).ok());
  EXPECT_EQ(line_of(m.clone(), spec_of_line()), line(1, spec_of_line()));
}

TEST(line, adapter_values_are_not_part_of_it) {
  multimodal m = multimodal::random(config_of_line(), 1);
  ASSERT_TRUE(m.attach(spec_of_line()).ok());
  for (const auto& [name, value] : m.weights().all()) {
    if (name.find("lora_B") != std::string::npos) at::Tensor(value).fill_(0.5);
  }
  EXPECT_EQ(line_of(m, spec_of_line()), line(1, spec_of_line()));
}

TEST(line, everything_else_is) {
  std::set<std::uint64_t> seen{line(1, spec_of_line()).value};
  EXPECT_TRUE(seen.insert(line(2, spec_of_line()).value).second) << "weights";
  lora_spec other = spec_of_line();
  other.rank = 2;
  other.alpha = 4;  // the same scale
  EXPECT_TRUE(seen.insert(line(1, other).value).second) << "rank";
  other = spec_of_line();
  other.alpha = 9;
  EXPECT_TRUE(seen.insert(line(1, other).value).second) << "alpha";
  other = spec_of_line();
  other.seed = 2;
  EXPECT_TRUE(seen.insert(line(1, other).value).second) << "seed";
  other = spec_of_line();
  other.targets = {"q_proj", "k_proj"};
  EXPECT_TRUE(seen.insert(line(1, other).value).second) << "targets";
}

}  // namespace
}  // namespace freshet::model
