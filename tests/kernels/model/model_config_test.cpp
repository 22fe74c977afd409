#include "kernels/model/model_config.hpp"
#include "tests/support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::model {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(FRESHET_TEST_DATA) / "hf" / name;
}

json document_of(const std::string& name) {
  std::ifstream in(fixture(name) / "config.json");
  return json::parse(in);
}

std::string problems_of(const std::string& text) {
  const auto parsed = parse_model_config(text, "a/config.json");
  EXPECT_FALSE(parsed.ok()) << text;
  return parsed.ok() ? "" : parsed.err().context;
}

// Every key of `before` still has its value in `after`, at any depth.
void expect_kept(const json& before, const json& after, const std::string& at) {
  for (const auto& [key, value] : before.items()) {
    ASSERT_TRUE(after.contains(key)) << at << key;
    if (value.is_object()) {
      expect_kept(value, after[key], at + key + ".");
    } else {
      EXPECT_EQ(value, after[key]) << at << key;
    }
  }
}

void expect_text_is(const text_config& t, const json& j) {
  EXPECT_EQ(t.kind == text_kind::qwen2 ? "qwen2" : "llama", j["model_type"]);
  EXPECT_EQ(t.vocab_size, j["vocab_size"]);
  EXPECT_EQ(t.hidden_size, j["hidden_size"]);
  EXPECT_EQ(t.intermediate_size, j["intermediate_size"]);
  EXPECT_EQ(t.num_hidden_layers, j["num_hidden_layers"]);
  EXPECT_EQ(t.num_attention_heads, j["num_attention_heads"]);
  EXPECT_EQ(t.num_key_value_heads, j["num_key_value_heads"]);
  EXPECT_EQ(t.max_position_embeddings, j["max_position_embeddings"]);
  EXPECT_EQ(name(t.hidden_act), j["hidden_act"]);
  EXPECT_EQ(t.rms_norm_eps, j["rms_norm_eps"]);
  EXPECT_EQ(t.rope.theta, j["rope_theta"]);
  EXPECT_EQ(t.pad_token_id, j["pad_token_id"].get<std::int32_t>());
}

class golden_config : public ::testing::TestWithParam<const char*> {};

TEST_P(golden_config, numbers_are_those_of_the_file) {
  const auto config = load_model_config(fixture(GetParam()));
  ASSERT_TRUE(config.ok()) << config.err().text();
  const json j = document_of(GetParam());
  ASSERT_EQ(config->vision.has_value(), j["model_type"] == "llava");
  expect_text_is(config->text, config->vision ? j["text_config"] : j);
  if (!config->vision) return;
  const vision_config& v = *config->vision;
  const json& jv = j["vision_config"];
  EXPECT_EQ(v.kind == vision_kind::siglip ? "siglip_vision_model" : "clip_vision_model", jv["model_type"]);
  EXPECT_EQ(v.hidden_size, jv["hidden_size"]);
  EXPECT_EQ(v.intermediate_size, jv["intermediate_size"]);
  EXPECT_EQ(v.num_hidden_layers, jv["num_hidden_layers"]);
  EXPECT_EQ(v.num_attention_heads, jv["num_attention_heads"]);
  EXPECT_EQ(v.num_channels, jv["num_channels"]);
  EXPECT_EQ(v.image_size, jv["image_size"]);
  EXPECT_EQ(v.patch_size, jv["patch_size"]);
  EXPECT_EQ(name(v.hidden_act), jv["hidden_act"]);
  EXPECT_EQ(v.layer_norm_eps, jv["layer_norm_eps"]);
  EXPECT_EQ(config->projector->vision_feature_layer, j["vision_feature_layer"]);
  EXPECT_EQ(config->projector->select == feature_select::all ? "full" : "default", j["vision_feature_select_strategy"]);
  EXPECT_EQ(config->projector->image_token_id, j["image_token_index"]);
  EXPECT_EQ(config->projector->bias, j["multimodal_projector_bias"]);
  EXPECT_EQ(name(config->projector->hidden_act), j["projector_hidden_act"]);
  EXPECT_EQ(config->image_tokens(), j["image_seq_length"]);
}

class written_config : public golden_config {};

TEST_P(written_config, survives_writing_with_every_key_of_the_original) {
  const auto config = load_model_config(fixture(GetParam()));
  ASSERT_TRUE(config.ok()) << config.err().text();
  const std::string written = to_json(*config);
  expect_kept(document_of(GetParam()), json::parse(written), "");
  const auto again = parse_model_config(written, "again");
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(*again, *config);
  EXPECT_EQ(to_json(*again), written);
}

TEST_P(written_config, made_anew_without_its_document_means_the_same) {
  const auto config = load_model_config(fixture(GetParam()));
  ASSERT_TRUE(config.ok()) << config.err().text();
  model_config bare = *config;
  bare.document.clear();
  const auto again = parse_model_config(to_json(bare), "again");
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(*again, *config);
}

INSTANTIATE_TEST_SUITE_P(hugging_face, golden_config,
                         ::testing::Values("llava_clip_llama", "llava_siglip_qwen2", "llama", "llama3_rope", "qwen2"));
INSTANTIATE_TEST_SUITE_P(hugging_face, written_config,
                         ::testing::Values("llava_clip_llama", "llava_siglip_qwen2", "llama", "llama3_rope", "qwen2",
                                           "idefics3", "smolvlm", "qwen2_vl"));

TEST(model_config_test, cells_are_what_becomes_a_token) {
  const auto idefics3 = load_model_config(fixture("idefics3"));
  ASSERT_TRUE(idefics3.ok()) << idefics3.err().text();
  EXPECT_EQ(idefics3->vision->kind, vision_kind::idefics3);
  EXPECT_EQ(idefics3->projector->kind, connector_kind::pixel_shuffle);
  EXPECT_EQ(idefics3->vision->cell_size(), 16);
  EXPECT_EQ(idefics3->image_tokens(), 4);
  EXPECT_EQ(idefics3->projector->image_token_id, 298);
  const auto qwen2_vl = load_model_config(fixture("qwen2_vl"));
  ASSERT_TRUE(qwen2_vl.ok()) << qwen2_vl.err().text();
  EXPECT_EQ(qwen2_vl->vision->kind, vision_kind::qwen2_vl);
  EXPECT_EQ(qwen2_vl->vision->hidden_size, 32);
  EXPECT_EQ(qwen2_vl->vision->intermediate_size, 64);
  EXPECT_EQ(qwen2_vl->vision->image_size, 64);  // ours: eight tokens a side
  EXPECT_EQ(qwen2_vl->image_tokens(), 64);
  EXPECT_EQ(qwen2_vl->text.rope.mrope_section, (std::vector<std::int64_t>{2, 2, 2}));
  EXPECT_EQ(qwen2_vl->end_tokens(), std::vector<std::int32_t>{2});
}

TEST(model_config_test, keys_of_published_files_are_read) {
  // What the files of SmolVLM-256M-Instruct and Qwen2-VL-2B-Instruct say.
  const auto smolvlm = parse_model_config(
      R"({"architectures": ["Idefics3ForConditionalGeneration"], "image_token_id": 49190, "model_type": "idefics3",
          "scale_factor": 4, "text_config": {"head_dim": 64, "hidden_size": 576, "intermediate_size": 1536,
          "max_position_embeddings": 8192, "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
          "num_key_value_heads": 3, "pad_token_id": 2, "pixel_shuffle_factor": 4, "rms_norm_eps": 1e-05,
          "rope_theta": 100000, "vocab_size": 49280}, "tie_word_embeddings": false,
          "vision_config": {"hidden_size": 768, "image_size": 512, "max_image_size": {"longest_edge": 512},
          "model_type": "idefics3_vision", "num_attention_heads": 12, "patch_size": 16, "size": {"longest_edge": 2048}}})",
      "x");
  ASSERT_TRUE(smolvlm.ok()) << smolvlm.err().text();
  EXPECT_EQ(smolvlm->image_tokens(), 64);
  EXPECT_EQ(smolvlm->text.rope.theta, 100000.0);
  const auto qwen2_vl = parse_model_config(
      R"({"bos_token_id": 151643, "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 1536,
          "image_token_id": 151655, "intermediate_size": 8960, "max_position_embeddings": 32768, "model_type": "qwen2_vl",
          "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
          "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true, "use_sliding_window": false,
          "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "in_chans": 3,
          "hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14,
          "temporal_patch_size": 2}, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
          "vocab_size": 151936})",
      "x");
  ASSERT_TRUE(qwen2_vl.ok()) << qwen2_vl.err().text();
  EXPECT_EQ(qwen2_vl->vision->image_size, 224);
  EXPECT_TRUE(qwen2_vl->text.tie_word_embeddings);
}

TEST(model_config_test, generation_config_outranks_the_decoders_end_tokens) {
  const test::temporary_folder made;
  const auto& folder = made.path();
  std::ofstream(folder / "config.json") << R"({"model_type": "llama", "eos_token_id": 5})";
  EXPECT_EQ(load_model_config(folder)->end_tokens(), std::vector<std::int32_t>{5});
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": [7, 8]})";
  EXPECT_EQ(load_model_config(folder)->end_tokens(), (std::vector<std::int32_t>{7, 8}));
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": 99999})";
  const auto bad = load_model_config(folder);
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.err().context, HasSubstr("generation_config.json: eos_token_id = 99999"));
}

TEST(model_config_test, families_differ_where_hugging_face_says_so) {
  const auto clip_llama = load_model_config(fixture("llava_clip_llama"));
  const auto siglip_qwen2 = load_model_config(fixture("llava_siglip_qwen2"));
  ASSERT_TRUE(clip_llama.ok() && siglip_qwen2.ok());
  EXPECT_TRUE(clip_llama->vision->class_token);
  EXPECT_EQ(clip_llama->vision->tokens(), 17);
  EXPECT_FALSE(clip_llama->text.qkv_bias);
  EXPECT_FALSE(clip_llama->text.tie_word_embeddings);
  EXPECT_EQ(clip_llama->text.bos_token_id, 1);  // Llama's default
  EXPECT_EQ(clip_llama->text.eos_token_ids, std::vector<std::int32_t>{2});
  EXPECT_FALSE(siglip_qwen2->vision->class_token);
  EXPECT_EQ(siglip_qwen2->vision->tokens(), 16);
  EXPECT_FALSE(siglip_qwen2->vision->pooling_head);
  EXPECT_TRUE(siglip_qwen2->text.qkv_bias);
  EXPECT_FALSE(siglip_qwen2->text.output_bias);
  EXPECT_TRUE(siglip_qwen2->text.tie_word_embeddings);
  EXPECT_EQ(siglip_qwen2->text.head_dim, 12);
  EXPECT_NE(*clip_llama, *siglip_qwen2);
}

TEST(model_config_test, rope_scaling_of_llama3_is_read) {
  const auto config = load_model_config(fixture("llama3_rope"));
  ASSERT_TRUE(config.ok()) << config.err().text();
  EXPECT_EQ(config->text.rope, (rope_config{rope_kind::llama3, 500000.0, 8.0, 1.0, 4.0, 64}));
  EXPECT_EQ(config->text.head_dim, 16);  // given, and not hidden_size / heads
}

TEST(model_config_test, absent_keys_take_the_defaults_of_hugging_face) {
  const auto llava = parse_model_config(R"({"model_type": "llava"})", "x");
  ASSERT_TRUE(llava.ok()) << llava.err().text();
  EXPECT_EQ(llava->vision->hidden_size, 1024);  // ViT-L/14 at 336 pixels
  EXPECT_EQ(llava->vision->patch_size, 14);
  EXPECT_EQ(llava->image_tokens(), 576);
  EXPECT_EQ(llava->projector->image_token_id, 32000);
  EXPECT_EQ(llava->projector->vision_feature_layer, -2);
  EXPECT_EQ(llava->text.intermediate_size, 11008);
  EXPECT_EQ(llava->text.num_key_value_heads, 32);
  EXPECT_EQ(llava->text.head_dim, 128);

  const auto bare = parse_model_config(R"({"model_type": "llava", "vision_config": {}})", "x");
  ASSERT_TRUE(bare.ok()) << bare.err().text();
  EXPECT_EQ(bare->vision->hidden_size, 768);  // CLIP's own defaults once the object is there
  EXPECT_EQ(bare->vision->patch_size, 32);

  const auto siglip = parse_model_config(
      R"({"model_type": "llava", "vision_config": {"model_type": "siglip_vision_model"},
          "vision_feature_select_strategy": "full"})",
      "x");
  ASSERT_TRUE(siglip.ok()) << siglip.err().text();
  EXPECT_EQ(siglip->vision->patch_size, 16);
  EXPECT_EQ(siglip->vision->hidden_act, activation::gelu_tanh);
  EXPECT_EQ(siglip->vision->layer_norm_eps, 1e-6);
  EXPECT_TRUE(siglip->vision->pooling_head);

  const auto qwen2 = parse_model_config(R"({"model_type": "qwen2"})", "x");
  ASSERT_TRUE(qwen2.ok()) << qwen2.err().text();
  EXPECT_EQ(qwen2->text.vocab_size, 151936);
  EXPECT_EQ(qwen2->text.bos_token_id, std::nullopt);
  EXPECT_TRUE(qwen2->text.eos_token_ids.empty());
}

TEST(model_config_test, our_own_keys_round_trip) {
  const std::string text =
      R"({"model_type": "llava", "vision_feature_select_strategy": "full", "vision_feature_layer": -1,
    "vision_config": {"freshet_patch_stem": {"channels": [16, 32], "note": "kept"}, "freshet_no_class_token": true,
                      "image_size": 48, "patch_size": 8}})";
  const auto config = parse_model_config(text, "x");
  ASSERT_TRUE(config.ok()) << config.err().text();
  EXPECT_EQ(config->vision->patch_stem, (std::vector<std::int64_t>{16, 32}));
  EXPECT_FALSE(config->vision->class_token);
  EXPECT_EQ(config->image_tokens(), 36);
  const auto again = parse_model_config(to_json(*config), "again");
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(*again, *config);
  EXPECT_EQ(json::parse(to_json(*config))["vision_config"]["freshet_patch_stem"]["note"], "kept");
}

TEST(model_config_test, a_configuration_made_in_code_is_written_whole) {
  auto made = load_model_config(fixture("llava_clip_llama"));
  ASSERT_TRUE(made.ok());
  model_config config = *made;
  config.document.clear();
  config.text.bos_token_id = std::nullopt;
  config.text.eos_token_ids = {};
  config.text.pad_token_id = std::nullopt;
  config.text.rope = rope_config{rope_kind::linear, 5000, 2, 1, 1, 0};
  config.vision->hidden_act = activation::relu;
  config.projector->select = feature_select::all;
  config.projector->image_token_id = 7;
  const auto again = parse_model_config(to_json(config), "again");
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(*again, config);
  config.text.eos_token_ids = {2, 3};
  const auto two = parse_model_config(to_json(config), "again");
  ASSERT_TRUE(two.ok()) << two.err().text();
  EXPECT_EQ(two->text.eos_token_ids, (std::vector<std::int32_t>{2, 3}));
}

TEST(model_config_test, newer_spellings_are_understood) {
  const auto config = parse_model_config(
      R"({"model_type": "llama", "num_attention_heads": 4, "hidden_size": 32, "bos_token_id": null, "pad_token_id": -1,
          "eos_token_id": [5, 6], "hidden_act": "swish",
          "rope_parameters": {"rope_type": "default", "rope_theta": 12345.0}})",
      "x");
  ASSERT_TRUE(config.ok()) << config.err().text();
  EXPECT_EQ(config->text.rope.theta, 12345.0);
  EXPECT_EQ(config->text.bos_token_id, std::nullopt);
  EXPECT_EQ(config->text.pad_token_id, std::nullopt);
  EXPECT_EQ(config->text.eos_token_ids, (std::vector<std::int32_t>{5, 6}));
  const json written = json::parse(to_json(*config));
  EXPECT_EQ(written["rope_parameters"]["rope_theta"], 12345.0);
  EXPECT_EQ(written["hidden_act"], "swish");
  EXPECT_EQ(written["pad_token_id"], -1);
  const auto by_id = parse_model_config(R"({"model_type": "llava", "image_token_id": 9})", "x");
  ASSERT_TRUE(by_id.ok()) << by_id.err().text();
  EXPECT_EQ(by_id->projector->image_token_id, 9);
  EXPECT_FALSE(json::parse(to_json(*by_id)).contains("image_token_index"));
}

TEST(model_config_test, all_problems_come_at_once) {
  const std::string text = problems_of(
      R"({"model_type": "llava", "vision_feature_layer": 99, "projector_hidden_act": "tanhh",
          "text_config": {"hidden_size": "big", "num_hidden_layers": 0, "rms_norm_eps": 7},
          "vision_config": {"hidden_size": 50, "num_attention_heads": 4, "patch_size": 500}})");
  EXPECT_THAT(text, HasSubstr("a/config.json: 6 problems"));
  EXPECT_THAT(text, HasSubstr("text_config.hidden_size = \"big\": must be an integer"));
  EXPECT_THAT(text, HasSubstr("text_config.num_hidden_layers = 0: must lie in 1 to 1024"));
  EXPECT_THAT(text, HasSubstr("text_config.rms_norm_eps = 7.0: must lie in"));
  EXPECT_THAT(text, HasSubstr("vision_config.hidden_size = 50: must be a multiple of num_attention_heads (4)"));
  EXPECT_THAT(text, HasSubstr("vision_config.patch_size = 500: must be at most image_size (224)"));
  EXPECT_THAT(text, HasSubstr("projector_hidden_act = \"tanhh\": must be one of gelu"));
}

TEST(model_config_test, each_bad_value_is_named) {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {R"({})", "model_type is missing"},
      {R"({"model_type": "mamba"})", "model_type = \"mamba\": must be one of llava, idefics3, smolvlm, qwen2_vl, llama, qwen2"},
      {R"({"model_type": 3})", "model_type = 3"},
      {R"([1])", "must be a JSON object"},
      {R"({"model_type": "llama", "hidden_size": 50, "num_attention_heads": 4})",
       "hidden_size = 50: must be a multiple"},
      {R"({"model_type": "llama", "hidden_size": 48.0})", "hidden_size = 48.0: must be an integer"},
      {R"({"model_type": "llama", "hidden_size": 18446744073709551615})", "must be an integer"},
      {R"({"model_type": "llama", "hidden_size": -4096})", "hidden_size = -4096: must lie in 1 to 65536"},
      {R"({"model_type": "llama", "num_attention_heads": 0})", "num_attention_heads = 0: must lie in"},
      {R"({"model_type": "llama", "num_key_value_heads": 5})", "num_key_value_heads = 5: must divide"},
      {R"({"model_type": "llama", "head_dim": 7})", "head_dim = 7: must be even"},
      {R"({"model_type": "llama", "bos_token_id": 32000})", "bos_token_id = 32000: must be below vocab_size (32000)"},
      {R"({"model_type": "llama", "eos_token_id": [2, "x"]})", "eos_token_id = a list of 2"},
      {R"({"model_type": "llama", "eos_token_id": -2})", "eos_token_id = -2"},
      {R"({"model_type": "llama", "tie_word_embeddings": 1})", "tie_word_embeddings = 1: must be true or false"},
      {R"({"model_type": "llama", "rope_theta": "x"})", "rope_theta = \"x\": must be a number"},
      {R"({"model_type": "llama", "rope_scaling": {"type": "yarn"}})", "rope_type = \"yarn\""},
      {R"({"model_type": "llama", "rope_scaling": {"type": "dynamic"}})", "rope_scaling.factor is missing"},
      {R"({"model_type": "llama", "rope_scaling": {"type": "mrope"}})", "rope_scaling.mrope_section is missing"},
      {R"({"model_type": "llama", "rope_scaling": {"type": "mrope", "mrope_section": [1, 2]}})", "must be three counts"},
      {R"({"model_type": "llama", "rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 3]}})", "must sum to half"},
      {R"({"model_type": "qwen2_vl"})", "rope_scaling.mrope_section is missing"},
      {R"({"model_type": "idefics3", "scale_factor": 2})", "gives 7 patches a side, must give a multiple of 2"},
      {R"({"model_type": "smolvlm", "scale_factor": 0})", "scale_factor = 0: must lie in"},
      {R"({"model_type": "smolvlm", "vision_config": {"model_type": "vit"}})", "must be idefics3_vision or smolvlm_vision"},
      {R"({"model_type": "llama", "rope_scaling": {"type": "llama3", "factor": 8}})", "low_freq_factor is missing"},
      {R"({"model_type": "llama", "rope_scaling": 4})", "rope_scaling = 4: must be an object"},
      {R"({"model_type": "qwen2", "use_sliding_window": true})", "use_sliding_window = true"},
      {R"({"model_type": "llava", "vision_config": [], "text_config": 7})", "text_config = 7: must be an object"},
      {R"({"model_type": "llava", "vision_config": {"model_type": "vit"}})", "vision_config.model_type = \"vit\""},
      {R"({"model_type": "llava", "vision_feature_layer": [1, 2]})", "must name exactly one layer"},
      {R"({"model_type": "llava", "vision_feature_layer": 25})", "vision_feature_layer = 25: must lie in -25 to 24"},
      {R"({"model_type": "llava", "image_token_id": 1, "image_token_index": 2})", "image_token_id = 1: must equal"},
      {R"({"model_type": "llava", "vision_config": {"freshet_patch_stem": {}}})",
       "freshet_patch_stem.channels is missing"},
      {R"({"model_type": "llava", "vision_config": {"freshet_patch_stem": {"channels": [0]}}})",
       "freshet_patch_stem.channels = 0"},
      {R"({"model_type": "llava", "vision_config": {"freshet_no_class_token": true}})", "must be \"full\""},
      {R"({"model_type": "llava", "vision_config": {"patch_size": 1, "image_size": 8192}})", "patches"},
      {R"({"model_type": "llama", "model_type": "qwen2"})", "the key \"model_type\" appears twice"},
  };
  for (const auto& c : cases) EXPECT_THAT(problems_of(c.text), HasSubstr(c.expected)) << c.text;
  EXPECT_EQ(parse_model_config(R"({"model_type": "mamba"})", "x").err().code, errc::unsupported);
}

TEST(model_config_test, a_wrong_type_is_not_blamed_on_its_neighbours) {
  const std::string text =
      problems_of(R"({"model_type": "llama", "hidden_size": 48, "num_attention_heads": "four", "head_dim": 12})");
  EXPECT_THAT(text, HasSubstr("num_attention_heads = \"four\""));
  EXPECT_THAT(text, Not(HasSubstr("problems")));
}

TEST(model_config_test, broken_json_says_where) {
  EXPECT_THAT(problems_of("{\n  \"model_type\": \"llama\",\n  oops\n}"), HasSubstr("invalid JSON at line 3, column 3"));
  EXPECT_THAT(problems_of(std::string(100, '[')), HasSubstr("nested deeper than 32"));
  EXPECT_THAT(problems_of("{\"model_type\": \"\xff\"}"), HasSubstr("invalid JSON"));
}

TEST(model_config_test, truncation_at_every_byte_is_an_error) {
  std::ifstream in(fixture("llava_clip_llama") / "config.json");
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  const std::size_t end = text.rfind('}');
  for (std::size_t n = 0; n <= end; ++n) {
    const auto parsed = parse_model_config(std::string_view(text).substr(0, n), "x");
    ASSERT_FALSE(parsed.ok()) << n;
    EXPECT_EQ(parsed.err().code, errc::truncated) << n << ": " << parsed.err().text();
  }
}

TEST(model_config_test, a_folder_is_written_and_read) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "freshet_model_config";
  std::filesystem::remove_all(folder);
  EXPECT_EQ(load_model_config(folder).err().code, errc::not_found);
  std::filesystem::create_directories(folder);
  auto config = load_model_config(fixture("llava_siglip_qwen2"));
  ASSERT_TRUE(config.ok());
  ASSERT_TRUE(save_model_config(*config, folder).ok());
  const auto again = load_model_config(folder);
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(*again, *config);
  config->text.num_key_value_heads = 3;
  EXPECT_EQ(save_model_config(*config, folder).err().code, errc::config);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace freshet::model
