// A student in 8 and 4 bits: its layers, their gradients, its files, and what must be refused.
#include "kernels/model/quantised_weight.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/layers.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/quantise_model.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/quant/quantiser.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::model {
namespace {

using tensors = std::vector<at::Tensor>;

class quantised : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
  [[nodiscard]] static quantisation_config format() { return {GetParam(), GetParam() == 8 ? -1 : 32}; }
};

quantised_weight rounded(const at::Tensor& w, const quantisation_config& f) {
  const auto shape = quant::make_packed_shape(w.size(0), w.size(1), f.bits, f.group_size, "w").value();
  return to_torch(quant::quantise_nearest(w.data_ptr<float>(), shape, "w").value());
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().contiguous();
  const at::Tensor y = b.detach().contiguous();
  return x.sizes() == y.sizes() && std::memcmp(x.data_ptr(), y.data_ptr(), static_cast<std::size_t>(x.nbytes())) == 0;
}

model_config groups_fit_config(bool tied) {
  model_config c;
  c.vision.emplace();
  c.vision->kind = vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 32;
  c.vision->intermediate_size = 64;
  c.vision->num_hidden_layers = 2;
  c.vision->num_attention_heads = 2;
  c.vision->num_channels = 3;
  c.vision->image_size = 16;
  c.vision->patch_size = 4;
  c.vision->hidden_act = activation::gelu_tanh;
  c.vision->layer_norm_eps = 1e-6;
  c.projector.emplace();
  c.projector->vision_feature_layer = -1;
  c.projector->select = feature_select::all;
  c.text.vocab_size = 50;
  c.text.hidden_size = 32;
  c.text.intermediate_size = 64;
  c.text.num_hidden_layers = 2;
  c.text.num_attention_heads = 4;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 8;
  c.text.max_position_embeddings = 64;
  c.text.rms_norm_eps = 1e-5;
  c.text.tie_word_embeddings = tied;
  c.text.bos_token_id = 1;
  c.text.eos_token_ids = {2};
  c.projector->image_token_id = 3;
  return c;
}

lora_spec small_lora() {
  lora_spec spec;
  spec.rank = 3;
  spec.targets = {"q_proj", "v_proj", "fc1", "down_proj"};
  return spec;
}

struct question {
  visual_input visual;
  text_blocks text;
};

question some_questions(std::int64_t n) {
  at::manual_seed(5);
  question q;
  q.visual.patches = at::randn({n, 16, 48});
  std::vector<std::vector<std::vector<std::int32_t>>> blocks;
  for (std::int64_t i = 0; i < n; ++i) blocks.push_back({{4, static_cast<std::int32_t>(5 + i % 7), 9, 11}});
  q.text = pack_blocks(blocks);
  return q;
}

at::Tensor logits_of(const multimodal& m, const question& q) {
  return m.logits(m.text_hidden(m.visual_tokens(q.visual), {}, q.text));
}

multimodal made(const multimodal& dense, const quantisation_config& format, rounding method, int head_bits = 8) {
  const question q = some_questions(24);
  auto out = quantise_model(dense, {format, method, head_bits}, [&](const multimodal& m) { (void)logits_of(m, q); },
                            [](const std::string&, double) {});
  EXPECT_TRUE(out.ok()) << out.err().text();
  return std::move(out).value();
}

TEST_P(quantised, layer_is_close_to_the_dense_one_and_rows_do_not_feel_each_other) {
  at::manual_seed(1);
  const at::NoGradGuard no_grad;
  for (const auto& [out, in] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 32}, {70, 96}, {300, 896}}) {
    const at::Tensor w = at::randn({out, in});
    linear l;
    l.quantised = rounded(w, format());
    l.bias = at::randn({out});
    l.lora_a = at::randn({4, in}) * 0.1;
    l.lora_b = at::randn({out, 4});
    l.lora_scale = 2;
    const at::Tensor x = at::randn({3, 7, in});
    const at::Tensor y = l(x);
    const at::Tensor want = at::linear(x, dequantise(l.quantised) + 2 * at::mm(l.lora_b, l.lora_a), l.bias);
    EXPECT_LT(((y - want).norm() / want.norm()).item<double>(), 0.01);
    const at::Tensor flat = x.reshape({21, in});
    for (std::int64_t r : {0, 5, 20}) EXPECT_TRUE(same_bits(l(flat.narrow(0, r, 1)), y.reshape({21, out}).narrow(0, r, 1)));
    EXPECT_TRUE(same_bits(l(x.transpose(0, 1)), y.transpose(0, 1)));
    at::set_num_threads(2);
    EXPECT_TRUE(same_bits(l(x), y));
    at::set_num_threads(1);
  }
}

TEST_P(quantised, gradients_are_those_of_the_dense_layer_over_the_same_weights) {
  at::manual_seed(2);
  const at::Tensor w = at::randn({48, 64});
  const quantised_weight q = rounded(w, format());
  const at::Tensor held = dequantise(q);
  const tensors inputs{at::randn({5, 3, 64}), at::randn({48}), at::randn({4, 64}) * 0.2, at::randn({48, 4})};
  const at::Tensor weight = at::randn({5, 3, 48});
  const auto gradients = [&](const std::function<at::Tensor(const tensors&)>& f) {
    tensors leaves;
    for (const at::Tensor& t : inputs) leaves.push_back(t.clone().set_requires_grad(true));
    torch::autograd::backward({(f(leaves) * weight).sum()}, {});
    tensors out;
    for (const at::Tensor& t : leaves) out.push_back(t.grad());
    return out;
  };
  const tensors got = gradients([&](const tensors& t) { return quantised_linear(t[0], q, t[1], t[2], t[3], 1.5); });
  const tensors want = gradients(
      [&](const tensors& t) { return at::linear(t[0], held, t[1]) + at::linear(at::linear(t[0], t[2]), t[3]) * 1.5; });
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(((got[i] - want[i]).norm() / want[i].norm()).item<double>(), 1e-5) << i;
  }
  // Without an adapter, and with an input that needs none.
  const at::Tensor bias = inputs[1].clone().set_requires_grad(true);
  torch::autograd::backward({(quantised_linear(inputs[0], q, bias, {}, {}, 0) * weight).sum()}, {});
  EXPECT_LT((bias.grad() - want[1]).abs().max().item<double>(), 1e-4);
}

TEST_P(quantised, gradients_of_what_is_trained_are_finite_differences) {
  // The rounding of x does not depend on these, so differences of the layer are those of a smooth function.
  at::manual_seed(3);
  const quantised_weight q = rounded(at::randn({48, 64}), format());
  const at::Tensor x = at::randn({6, 64});
  const at::Tensor weight = at::randn({6, 48});
  tensors point{at::randn({48}), at::randn({4, 64}) * 0.2, at::randn({48, 4})};
  const auto value = [&](const tensors& t) {
    return (quantised_linear(x, q, t[0], t[1], t[2], 1.5).to(at::kDouble) * weight).sum();
  };
  for (at::Tensor& t : point) t.set_requires_grad(true);
  torch::autograd::backward({value(point)}, {});
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const at::Tensor direction = at::randn_like(point[i]);
    const auto at_distance = [&](double h) {
      tensors moved = point;
      moved[i] = point[i] + direction * h;
      return value(moved).item<double>();
    };
    constexpr double h = 0.05;
    const double difference = (at_distance(h) - at_distance(-h)) / (2 * h);
    const double along = (point[i].grad() * direction).sum().item<double>();
    EXPECT_NEAR(along, difference, 2e-3 * (1 + std::abs(difference))) << i;
  }
}

TEST_P(quantised, whole_model_falls_along_its_gradient) {
  // Here rounding lies between what is trained and the loss: differences carry its noise, over a long step less.
  multimodal m = made(multimodal::random(groups_fit_config(true), 4), format(), rounding::nearest);
  ASSERT_TRUE(m.attach(small_lora()).ok());
  const question q = some_questions(16);
  const trainable_set trained = trainable_set::of(m.weights());
  at::manual_seed(6);
  for (const auto& t : trained.tensors()) {
    at::Tensor value = t.value;
    if (t.name.find("lora_B") != std::string::npos) value.normal_(0, 0.1);
    value.set_requires_grad(true);
  }
  const at::Tensor weight = at::randn({16, 4, 50}, at::kDouble);
  const auto loss = [&] { return (at::log_softmax(logits_of(m, q).to(at::kDouble), -1) * weight).mean() * 100; };
  torch::autograd::backward({loss()}, {});
  const host_tensor start = trained.read();
  const host_tensor gradient = trained.read_gradients();
  double squared = 0;
  for (std::size_t i = 0; i < gradient.items(); ++i) {
    squared += static_cast<double>(gradient.as<float>()[i]) * static_cast<double>(gradient.as<float>()[i]);
  }
  ASSERT_GT(squared, 0);
  const at::NoGradGuard no_grad;
  const auto at_distance = [&](double h) {
    std::vector<float> moved(start.as<float>(), start.as<float>() + start.items());
    for (std::size_t i = 0; i < moved.size(); ++i) {
      moved[i] += static_cast<float>(h / std::sqrt(squared)) * gradient.as<float>()[i];
    }
    EXPECT_TRUE(trained.write(host_tensor::of(std::move(moved))).ok());
    return loss().item<double>();
  };
  constexpr double h = 0.05;
  const double slope = (at_distance(h) - at_distance(-h)) / (2 * h);
  EXPECT_NEAR(slope / std::sqrt(squared), 1, 0.05);
}

TEST_P(quantised, files_give_back_the_same_model) {
  const test::temporary_folder folder;
  for (const bool tied : {false, true}) {
    const multimodal dense = multimodal::random(groups_fit_config(tied), 7);
    const multimodal m = made(dense, format(), rounding::searched);
    ASSERT_TRUE(m.save(folder.path()).ok());
    auto loaded = multimodal::load(folder.path());
    ASSERT_TRUE(loaded.ok()) << loaded.err().text();
    EXPECT_EQ(loaded->base_hash(), m.base_hash());
    EXPECT_NE(loaded->base_hash(), dense.base_hash());
    EXPECT_EQ(loaded->config().quantisation, std::optional<quantisation_config>(format()));
    EXPECT_EQ(loaded->weights().count_values(), dense.weights().count_values());
    const at::NoGradGuard no_grad;
    const question q = some_questions(3);
    EXPECT_TRUE(same_bits(logits_of(*loaded, q), logits_of(m, q)));
    // Again from what was loaded: the same bytes.
    const test::temporary_folder other;
    ASSERT_TRUE(loaded->save(other.path()).ok());
    const auto bytes = [](const std::filesystem::path& p) {
      std::ifstream in(p, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(in), {});
    };
    EXPECT_EQ(bytes(folder.path() / "model.safetensors"), bytes(other.path() / "model.safetensors"));
    EXPECT_EQ(bytes(folder.path() / "config.json"), bytes(other.path() / "config.json"));
  }
}

// So that a teacher with the same tower reads what a device encodes.
TEST_P(quantised, a_tower_may_stay_in_float) {
  const test::temporary_folder folder;
  const multimodal dense = multimodal::random(groups_fit_config(false), 7);
  quantise_options options{format(), rounding::nearest, 8};
  options.float_vision = true;
  const auto m = quantise_model(dense, options, {}, [](const std::string&, double) {});
  ASSERT_TRUE(m.ok()) << m.err().text();
  ASSERT_TRUE(m->save(folder.path()).ok());
  const auto loaded = multimodal::load(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ(encoder_hash(*loaded), encoder_hash(dense));
  EXPECT_NE(encoder_hash(made(dense, format(), rounding::nearest)), encoder_hash(dense));
  EXPECT_FALSE(loaded->weights().all_quantised().empty());
  for (const auto& [layer, w] : loaded->weights().all_quantised()) {
    EXPECT_NE(layer.compare(0, tower_part.size(), tower_part), 0) << layer;
  }
  const at::NoGradGuard no_grad;
  const visual_input pictures = some_questions(3).visual;
  EXPECT_TRUE(same_bits(loaded->cell_features(pictures), dense.cell_features(pictures)));
}

// As the 4304 of SigLIP-so400m: no group divides them, and one layer must not keep a model from its 4 bits.
TEST(quantised_rows, that_no_group_divides_keep_8_bits) {
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  model_config config = groups_fit_config(true);
  config.vision->intermediate_size = 80;
  const multimodal dense = multimodal::random(config, 7);
  const multimodal m = made(dense, {4, 32}, rounding::gptq);
  const std::string block = "vision_tower.vision_model.encoder.layers.1.mlp.";
  EXPECT_EQ(m.weights().quantised(block + "fc2").shape.bits, 8);
  EXPECT_EQ(m.weights().quantised(block + "fc1").shape.bits, 4);
  const test::temporary_folder folder;
  ASSERT_TRUE(m.save(folder.path()).ok());
  const auto loaded = multimodal::load(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  const question q = some_questions(3);
  EXPECT_TRUE(same_bits(logits_of(*loaded, q), logits_of(m, q)));
  const at::Tensor wanted = logits_of(dense, q);
  EXPECT_LT((logits_of(m, q) - wanted).norm().item<double>(), 0.2 * wanted.norm().item<double>());
}

TEST_P(quantised, trains_what_the_dense_model_trains_on_a_line_of_its_own) {
  multimodal dense = multimodal::random(groups_fit_config(false), 8);
  multimodal m = made(dense, format(), rounding::nearest);
  multimodal other = made(multimodal::random(groups_fit_config(false), 9), format(), rounding::nearest);
  ASSERT_TRUE(dense.attach(small_lora()).ok());
  ASSERT_TRUE(m.attach(small_lora()).ok());
  ASSERT_TRUE(other.attach(small_lora()).ok());
  const trainable_set trained = trainable_set::of(m.weights());
  EXPECT_EQ(trained.signature(), trainable_set::of(dense.weights()).signature());
  EXPECT_EQ(trained.read(), trainable_set::of(dense.weights()).read());
  for (const auto& t : trained.tensors()) {
    EXPECT_EQ(t.value.scalar_type(), at::kFloat) << t.name;
    EXPECT_EQ(t.name.find("qweight"), std::string::npos);
  }
  EXPECT_NE(line_of(m, small_lora()), line_of(dense, small_lora()));
  EXPECT_NE(line_of(m, small_lora()), line_of(other, small_lora()));
  // A copy trains alone and shares what is frozen.
  const multimodal copy = m.clone();
  EXPECT_EQ(line_of(copy, small_lora()), line_of(m, small_lora()));
  const std::string block = "language_model.model.layers.0.";
  const auto place = [&](const multimodal& of, const char* name) { return of.weights().at(block + name).data_ptr(); };
  EXPECT_EQ(place(copy, "mlp.up_proj.qweight"), place(m, "mlp.up_proj.qweight"));
  EXPECT_NE(place(copy, "input_layernorm.weight"), place(m, "input_layernorm.weight"));
}

TEST_P(quantised, calibration_brings_logits_nearer) {
  const at::NoGradGuard no_grad;
  const multimodal dense = multimodal::random(groups_fit_config(false), 10);
  const question q = some_questions(24);
  const at::Tensor want = logits_of(dense, q);
  const auto off = [&](rounding method) {
    return ((logits_of(made(dense, format(), method, 0), q) - want).norm() / want.norm()).item<double>();
  };
  const double nearest = off(rounding::nearest);
  const double gptq = off(rounding::gptq);
  EXPECT_LT(nearest, GetParam() == 8 ? 0.03 : 0.4);
  EXPECT_LT(gptq, (GetParam() == 8 ? 1.0 : 0.8) * nearest);
}

INSTANTIATE_TEST_SUITE_P(bits, quantised, ::testing::Values(8, 4));

class refused : public ::testing::Test {
 protected:
  void SetUp() override {
    const multimodal m = made(multimodal::random(groups_fit_config(false), 11), {4, 32}, rounding::nearest);
    ASSERT_TRUE(m.save(folder_.path()).ok());
  }
  /// Rewrites the tensors as `change` says.
  void rewrite(const std::function<void(std::vector<named_tensor>&)>& change) {
    std::vector<named_tensor> all;
    {
      auto file = safetensors_file::open(file_path());
      ASSERT_TRUE(file.ok());
      for (const auto& t : file->tensors()) all.push_back({t.name, *file->get(t.name)});
      change(all);
      ASSERT_TRUE(write_safetensors(file_path(), all).ok());
    }
  }
  void expect(errc code, const std::string& what) {
    const auto loaded = multimodal::load(folder_.path());
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.err().code, code) << loaded.err().text();
    EXPECT_NE(loaded.err().context.find(what), std::string::npos) << loaded.err().text();
    EXPECT_NE(loaded.err().context.find(folder_.path().string()), std::string::npos) << loaded.err().text();
  }
  void edit_config(const std::string& from, const std::string& to) {
    std::ifstream in(folder_.path() / "config.json");
    std::string text(std::istreambuf_iterator<char>(in), {});
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    std::ofstream(folder_.path() / "config.json") << text;
  }
  [[nodiscard]] std::filesystem::path file_path() const { return folder_.path() / "model.safetensors"; }

  const std::string layer_ = "language_model.model.layers.1.mlp.up_proj";
  test::temporary_folder folder_;
};

TEST_F(refused, a_scale_that_is_not_finite) {
  rewrite([&](std::vector<named_tensor>& all) {
    for (auto& t : all) {
      if (t.name != layer_ + ".scales") continue;
      std::vector<std::uint8_t> bytes(t.tensor.data(), t.tensor.data() + t.tensor.bytes());
      bytes[0] = 0x80;  // bf16 infinity
      bytes[1] = 0x7F;
      t.tensor = host_tensor::copy_of(dtype::bf16, t.tensor.shape(), bytes.data());
    }
  });
  expect(errc::corrupt, layer_ + ": the scale of row 0, group 0 is not finite");
}

TEST_F(refused, levels_of_what_is_never_quantised) {
  const std::string norm = "language_model.model.norm";
  const std::string places = "vision_tower.vision_model.embeddings.position_embedding";
  rewrite([&](std::vector<named_tensor>& all) {
    for (auto& t : all) {
      for (const std::string& layer : {norm, places}) {
        if (t.name == layer + ".weight") t.name = layer + ".qweight";
      }
    }
  });
  expect(errc::corrupt, "missing: \"" + norm + ".weight\"");
  expect(errc::corrupt, "missing: \"" + places + ".weight\"");
}

TEST_F(refused, levels_without_scales) {
  rewrite([&](std::vector<named_tensor>& all) {
    all.erase(std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.name == layer_ + ".scales"; }));
  });
  expect(errc::corrupt, "missing: \"" + layer_ + ".scales\"");
}

TEST_F(refused, levels_of_another_shape) {
  rewrite([&](std::vector<named_tensor>& all) {
    for (auto& t : all) {
      if (t.name == layer_ + ".qweight") t.tensor = host_tensor::copy_of(dtype::u8, {2, 8, 16, 4}, t.tensor.data());
    }
  });
  expect(errc::shape_mismatch, layer_ + ": levels [2, 8, 16, 4] of a matrix [64, 32]");
}

TEST_F(refused, bits_that_the_configuration_does_not_say) {
  edit_config("\"group_size\": 32", "\"group_size\": 64");
  expect(errc::unsupported, "4 bits in groups of 32, quantization_config says 4 in groups of 64");
}

TEST_F(refused, bits_methods_and_groups_that_do_not_exist) {
  edit_config("\"bits\": 4", "\"bits\": 3");
  expect(errc::config, "quantization_config.bits = 3: must be 8 or 4");
  edit_config("\"bits\": 3", "\"bits\": 8");
  expect(errc::config, "must be -1 with 8 bits");
  edit_config("\"quant_method\": \"freshet\"", "\"quant_method\": \"gptq\"");
  expect(errc::config, "must be freshet");
}

TEST_F(refused, a_file_that_ends_too_early) {
  std::filesystem::resize_file(file_path(), std::filesystem::file_size(file_path()) - 100);
  const auto loaded = multimodal::load(folder_.path());
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.err().context.find("model.safetensors"), std::string::npos) << loaded.err().text();
}

TEST_F(refused, a_configuration_that_does_not_speak_of_it) {
  edit_config("\"quantization_config\"", "\"something_else\"");
  expect(errc::corrupt, "config.json has no quantization_config");
}

TEST_F(refused, groups_that_do_not_divide_a_layer_are_all_named) {
  const auto none = [](const multimodal&) {};
  const auto quiet = [](const std::string&, double) {};
  const auto dense = multimodal::random(groups_fit_config(false), 12);
  const auto big = quantise_model(dense, {{4, 64}, rounding::nearest, 8}, none, quiet);
  ASSERT_FALSE(big.ok());
  EXPECT_EQ(big.err().code, errc::invalid_argument);
  for (const char* layer : {"layers.0.self_attn.q_proj", "linear_1", "encoder.layers.1.mlp.fc1"}) {
    EXPECT_NE(big.err().context.find(std::string(layer) + ": a group of 64 does not divide its 32 columns"), std::string::npos)
        << big.err().text();
  }
  EXPECT_EQ(big.err().context.find("down_proj"), std::string::npos);  // 64 columns
  const auto twice = quantise_model(made(dense, {4, 32}, rounding::nearest), {{4, 32}, rounding::nearest, 8}, none, quiet);
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.err().context.find("quantised already"), std::string::npos);
}

}  // namespace
}  // namespace freshet::model
