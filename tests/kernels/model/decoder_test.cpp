// The rotary embedding's kinds against their closed forms, and what they must mean; biases that only some
// decoders have. The numbers of whole decoders: golden_test.cpp.
#include "kernels/model/decoder.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/model/multimodal.hpp"
#include "tests/support/largest_difference.hpp"

namespace freshet::model {
namespace {

using test::largest_difference;

text_config small() {
  text_config t;
  t.vocab_size = 30;
  t.hidden_size = 16;
  t.intermediate_size = 24;
  t.num_hidden_layers = 2;
  t.num_attention_heads = 2;
  t.num_key_value_heads = 1;
  t.head_dim = 8;
  t.max_position_embeddings = 16;
  t.rms_norm_eps = 1e-5;
  return t;
}

/// A decoder alone with the same weights whatever its rope.
multimodal with(const text_config& t) {
  model_config c;
  c.text = t;
  return multimodal::random(c, 3);
}

at::Tensor states(const multimodal& m, std::int64_t length, std::int64_t stretch = 1) {
  const at::Tensor ids = at::arange(length, at::kLong).remainder(m.config().text.vocab_size).unsqueeze(0);
  return read_sequence(m.text_decoder(), {m.text_decoder().embed(ids), at::arange(length, at::kLong).unsqueeze(0) * stretch,
                                          at::ones({1, length}, at::kBool), {}});
}

TEST(rope, linear_divides_positions) {
  text_config linear = small();
  linear.rope.kind = rope_kind::linear;
  linear.rope.factor = 4;
  EXPECT_LT(largest_difference(states(with(linear), 12, 4), states(with(small()), 12)), 1e-5);
  EXPECT_GT(largest_difference(states(with(linear), 12), states(with(small()), 12)), 1e-3);
}

TEST(rope, dynamic_raises_the_base_with_the_length) {
  text_config dynamic = small();
  dynamic.rope.kind = rope_kind::dynamic;
  dynamic.rope.factor = 2;
  // Up to max_position_embeddings nothing changes.
  EXPECT_EQ(largest_difference(states(with(dynamic), 16), states(with(small()), 16)), 0);
  for (const std::int64_t length : {17, 24, 40}) {
    text_config raised = small();
    const double by = 2.0 * static_cast<double>(length) / 16.0 - 1.0;
    raised.rope.theta = 10000 * std::pow(by, 8.0 / 6.0);
    EXPECT_LT(largest_difference(states(with(dynamic), length), states(with(raised), length)), 1e-5) << length;
    EXPECT_GT(largest_difference(states(with(dynamic), length), states(with(small()), length)), 1e-3) << length;
  }
}

TEST(rope, llama3_keeps_short_waves_and_stretches_long_ones) {
  text_config llama3 = small();
  llama3.head_dim = 64;
  const at::Tensor plain = rope_frequencies(llama3, 0);
  llama3.rope.kind = rope_kind::llama3;
  llama3.rope.factor = 8;
  llama3.rope.low_freq_factor = 1;
  llama3.rope.high_freq_factor = 4;
  llama3.rope.original_max_position_embeddings = 64;
  const at::Tensor scaled = rope_frequencies(llama3, 0);
  for (std::int64_t i = 0; i < 32; ++i) {
    const double before = plain[i].item<double>();
    const double ratio = before / scaled[i].item<double>();
    const double wave = 2 * 3.14159265358979 / before;
    if (wave < 16) {
      EXPECT_NEAR(ratio, 1, 1e-6) << i;
    } else if (wave > 64) {
      EXPECT_NEAR(ratio, 8, 1e-5) << i;
    } else {
      EXPECT_GT(ratio, 1) << i;
      EXPECT_LT(ratio, 8) << i;
    }
  }
}

TEST(rope, three_equal_positions_are_one) {
  text_config grid = small();
  grid.rope.mrope_section = {1, 2, 1};
  const multimodal m = with(grid);
  const at::Tensor ids = at::arange(10, at::kLong).unsqueeze(0);
  const at::Tensor one = at::arange(10, at::kLong).unsqueeze(0);
  const at::Tensor valid = at::ones({1, 10}, at::kBool);
  const at::Tensor three = one.unsqueeze(0).expand({3, 1, 10}).clone();
  const auto read = [&](const at::Tensor& positions) {
    return read_sequence(m.text_decoder(), {m.text_decoder().embed(ids), positions, valid, {}});
  };
  EXPECT_EQ(largest_difference(read(one), read(three)), 0);
  for (std::int64_t dimension = 0; dimension < 3; ++dimension) {
    at::Tensor moved = three.clone();
    moved[dimension].select(1, 9).add_(3);
    EXPECT_GT(largest_difference(read(three), read(moved)), 1e-4) << dimension;
  }
}

TEST(decoder, biases_are_read_where_the_configuration_says_so) {
  text_config biased = small();
  biased.qkv_bias = biased.output_bias = biased.mlp_bias = true;
  const multimodal m = with(biased);
  const at::Tensor before = states(m, 6).clone();
  EXPECT_LT(largest_difference(before, states(with(small()), 6)), 1e-6);  // fresh biases are zero
  for (const char* name : {"self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
                           "mlp.down_proj"}) {
    at::Tensor bias = m.weights().at("language_model.model.layers.0." + std::string(name) + ".bias");
    bias.fill_(0.5);
    EXPECT_GT(largest_difference(before, states(m, 6)), 1e-4) << name;
    bias.zero_();
  }
}

}  // namespace
}  // namespace freshet::model
