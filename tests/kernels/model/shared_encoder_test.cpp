// A vision tower that student and teacher share: its part of a picture's way, its hash, and what freezing it leaves to
// be trained.
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/inspection.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/trainable_set.hpp"
#include "tests/support/golden_model.hpp"
#include "tests/support/largest_difference.hpp"

namespace freshet::model {
namespace {

using test::golden_model;
using test::largest_difference;

const std::vector<std::string> seeing{"llava_clip_llama", "llava_siglip_qwen2", "idefics3", "smolvlm", "qwen2_vl"};

multimodal golden(const std::string& name) { return multimodal::load(golden_model(name).folder).value(); }

bool of_the_tower(const std::string& name) { return name.compare(0, tower_part.size(), tower_part) == 0; }

std::vector<std::string> trained_names(const multimodal& m) {
  std::vector<std::string> out;
  const trainable_set set = trainable_set::of(m.weights());
  for (const trainable_tensor& t : set.tensors()) out.push_back(t.name);
  return out;
}

lora_spec spec_with(std::vector<std::string> targets, bool train_vision) {
  lora_spec spec;
  spec.rank = 2;
  spec.targets = std::move(targets);
  spec.train_vision = train_vision;
  return spec;
}

// What travels is some cells of a picture that the tower saw as a whole: the connector must read each by itself.
TEST(shared_encoder, connectors_make_of_some_cells_what_they_make_of_them_among_all) {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  for (const std::string& name : seeing) {
    const multimodal m = golden(name);
    const vision_config& v = *m.config().vision;
    visual_input whole;
    whole.patches = at::randn({2, v.cells(), v.cell_values()});
    const at::Tensor features = m.cell_features(whole);
    EXPECT_EQ(features.size(2), v.cell_features()) << name;
    const at::Tensor all = m.visual_tokens(whole);
    EXPECT_EQ(largest_difference(m.tokens_of(features), all), 0) << name;
    const at::Tensor some = at::tensor(std::vector<std::int64_t>{v.cells() - 1, 0}, at::kLong);
    EXPECT_LT(largest_difference(m.tokens_of(features.index_select(1, some)), all.index_select(1, some)), 1e-5) << name;
  }
}

TEST(shared_encoder, its_hash_is_that_of_the_tower_and_of_nothing_else) {
  for (const std::string& name : seeing) {
    const golden_model from(name);
    multimodal m = multimodal::load(from.folder).value();
    const content_hash own = encoder_hash(m);
    EXPECT_NE(own.value, 0U);
    EXPECT_EQ(hash_model(from.folder, spec_with({"q_proj", "qkv"}, true))->encoder, own) << name << ": read from the file";
    EXPECT_EQ(*hash_encoder(from.folder), own) << name << ": of the tower only";
    for (const auto& [parameter, value] : m.weights().all()) {
      const at::Tensor first = value.view(-1).narrow(0, 0, 1);
      const at::Tensor before = first.clone();
      first.add_(1);
      EXPECT_EQ(encoder_hash(m) == own, !of_the_tower(parameter)) << name << " " << parameter;
      first.copy_(before);
    }
  }
  EXPECT_EQ(encoder_hash(golden("llama")), content_hash());
  EXPECT_EQ(*hash_encoder(golden_model("llama").folder), content_hash());
}

TEST(shared_encoder, its_hash_says_how_a_picture_is_read) {
  const multimodal m = golden("llava_clip_llama");
  const content_hash own = encoder_hash(m);
  const auto other = [&](auto change) {
    model_config c = m.config();
    change(c);
    encoder_hasher hash(c);
    for (const auto& [name, value] : m.weights().all()) hash.add(name, value.sizes().vec(), to_host(value));
    return hash.digest();
  };
  EXPECT_EQ(other([](auto&) {}), own);
  EXPECT_EQ(other([](auto& c) { c.text.rms_norm_eps *= 2; }), own);
  const std::int64_t layers = m.config().vision->num_hidden_layers + 1;
  EXPECT_EQ(other([&](auto& c) { c.projector->vision_feature_layer += layers; }), own) << "the same layer by its other name";
  EXPECT_NE(other([](auto& c) { c.projector->vision_feature_layer -= 1; }), own);
  EXPECT_NE(other([](auto& c) { c.projector->select = feature_select::all; }), own);
  EXPECT_NE(other([](auto& c) { c.vision->pixels.mean[1] += 0.01; }), own);
  EXPECT_NE(other([](auto& c) { c.vision->hidden_act = activation::gelu; }), own);
  EXPECT_NE(other([](auto& c) { c.vision->layer_norm_eps *= 2; }), own);
}

TEST(shared_encoder, a_frozen_tower_leaves_its_norms_biases_and_layers_alone) {
  for (const std::string& name : seeing) {
    const std::vector<std::string> targets{"q_proj", "qkv", "fc1", "up_proj"};
    multimodal trained = golden(name);
    multimodal frozen = golden(name);
    ASSERT_TRUE(trained.attach(spec_with(targets, true)).ok());
    ASSERT_TRUE(frozen.attach(spec_with(targets, false)).ok());
    std::vector<std::string> wanted;
    for (const std::string& t : trained_names(trained)) {
      if (!of_the_tower(t)) wanted.push_back(t);
    }
    for (const multimodal& m : {frozen.clone(), frozen.on_the_same_base()}) {
      EXPECT_EQ(trained_names(m), wanted) << name;
    }
    EXPECT_NE(trainable_set::of(trained.weights()).size(), trainable_set::of(frozen.weights()).size()) << name;
    EXPECT_NE(line_of(trained, spec_with(targets, true)), line_of(frozen, spec_with(targets, false))) << name;
    EXPECT_EQ(encoder_hash(frozen), encoder_hash(golden(name))) << name;
    const auto figures = inspect_model(golden_model(name).folder, spec_with(targets, false));
    ASSERT_TRUE(figures.ok());
    EXPECT_EQ(static_cast<std::uint64_t>(figures->trainable.values), trainable_set::of(frozen.weights()).size()) << name;
  }
}

TEST(shared_encoder, targets_in_a_frozen_tower_alone_are_none) {
  multimodal m = golden("llava_clip_llama");
  const auto attached = m.attach(spec_with({"fc1"}, false));
  ASSERT_FALSE(attached.ok());
  EXPECT_EQ(attached.err().code, errc::not_found);
  EXPECT_NE(attached.err().context.find("frozen vision tower"), std::string::npos) << attached.err().text();
  EXPECT_TRUE(golden("llava_clip_llama").attach(spec_with({"fc1"}, true)).ok());
}

}  // namespace
}  // namespace freshet::model
