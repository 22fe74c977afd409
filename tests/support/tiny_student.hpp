// A random student of the smallest size in a folder of its own, and a stream that asks it: for
// tests of what runs a student. The folder lives as long as its tiny_student.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/rng.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/word_tokenizer.hpp"
#include "kernels/scenes/skip_counter.hpp"
#include "kernels/scenes/source.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::test {

/// 16 patches of 4 x 4 pixels, 16 wide, 270 words.
inline model::model_config tiny_student_config(std::int64_t words) {
  model::model_config c;
  c.vision.emplace();
  c.vision->kind = model::vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = 16;
  c.vision->intermediate_size = 16;
  c.vision->num_hidden_layers = 1;
  c.vision->num_attention_heads = 2;
  c.vision->num_channels = 3;
  c.vision->image_size = 16;
  c.vision->patch_size = 4;
  c.vision->layer_norm_eps = 1e-6;
  c.projector.emplace();
  c.projector->vision_feature_layer = -1;
  c.projector->select = model::feature_select::all;
  c.projector->image_token_id = model::word_tokenizer::image_id;
  c.text.vocab_size = words;
  c.text.hidden_size = 16;
  c.text.intermediate_size = 16;
  c.text.num_hidden_layers = 1;
  c.text.num_attention_heads = 4;
  c.text.num_key_value_heads = 2;
  c.text.head_dim = 4;
  c.text.max_position_embeddings = 64;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = model::word_tokenizer::bos_id;
  c.text.eos_token_ids = {model::word_tokenizer::eos_id};
  c.text.pad_token_id = model::word_tokenizer::pad_id;
  return c;
}

/// The same decoder alone.
inline model::model_config tiny_reader_config(std::int64_t words) {
  model::model_config c = tiny_student_config(words);
  c.vision.reset();
  c.projector.reset();
  return c;
}

class tiny_student {
 public:
  explicit tiny_student(std::uint64_t seed = 1, bool text_only = false) {
    std::filesystem::create_directories(model());
    auto words =
        model::word_tokenizer::make({"what", "color", "shape", "is", "it", "red", "blue", "round", "here", "the"});
    EXPECT_TRUE(words.ok());
    EXPECT_TRUE((*words)->save(model()).ok());
    const auto config = (text_only ? tiny_reader_config : tiny_student_config)((*words)->vocab_size());
    EXPECT_TRUE(model::multimodal::random(config, seed).save(model()).ok());
    lora.rank = 2;
    lora.targets = {"q_proj", "v_proj"};
  }
  [[nodiscard]] std::filesystem::path model() const { return folder_ / "model"; }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
  model::lora_spec lora;

 private:
  temporary_folder folder_;
};

/// Pictures of noise with one of a few questions, by index. Some indices may be bad; answers, if any,
/// come from `truth`.
class noise_source final : public scenes::sample_source {
 public:
  explicit noise_source(std::uint64_t seed, std::set<std::uint64_t> bad = {}) : seed_(seed), bad_(std::move(bad)) {}

  [[nodiscard]] result<scenes::sample> at(std::uint64_t index) const override {
    if (bad_.count(index) != 0) {
      return scenes::skip_error(scenes::skip_kind::missing_image, errc::not_found, std::to_string(index) + ".png");
    }
    static const std::vector<std::string> questions{"what color is it ?", "what shape is the red ?", "is it round ?",
                                                    "is it here ?", "what is it ?"};
    scenes::sample out;
    rng draw = rng(seed_).split(index);
    out.picture = scenes::image(16, 16);
    // Few pictures in many shades, so that answers differ among them.
    const auto shade = static_cast<std::uint8_t>(draw.below(256));
    for (auto& x : out.picture.rgb) x = static_cast<std::uint8_t>(shade / 2 + draw.below(128));
    out.question = questions[static_cast<std::size_t>(draw.below(questions.size()))];
    out.index = index;
    if (truth) out.answer = truth(out);
    return out;
  }
  [[nodiscard]] std::uint64_t size() const override { return scenes::endless; }

  std::function<std::string(const scenes::sample&)> truth;

 private:
  std::uint64_t seed_;
  std::set<std::uint64_t> bad_;
};

}  // namespace freshet::test
