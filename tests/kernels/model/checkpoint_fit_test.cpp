// Checkpoints as others write them: other names, dtypes and shards must give the same model; what does not
// fit must be said, all of it, with what would.
#include "kernels/model/checkpoint_fit.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "kernels/model/multimodal.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::model {
namespace {

namespace fs = std::filesystem;

class checkpoint_folder : public ::testing::Test {
 protected:
  static fs::path fixture(const std::string& name) { return fs::path(FRESHET_TEST_DATA) / "hf" / name; }

  /// The tensors of a fixture, to be changed; its config is copied.
  std::vector<named_tensor> take(const std::string& name) {
    fs::copy_file(fixture(name) / "config.json", folder_ / "config.json", fs::copy_options::overwrite_existing);
    const auto file = safetensors_file::open(fixture(name) / "model.safetensors").value();
    std::vector<named_tensor> out;
    for (const auto& t : file.tensors()) out.push_back({t.name, file.get(t.name).value()});
    return out;
  }
  void give(const std::vector<named_tensor>& tensors) {
    ASSERT_TRUE(write_safetensors(folder_ / "model.safetensors", tensors, {{"format", "pt"}}).ok());
  }
  std::string problems() {
    const auto loaded = multimodal::load(folder_);
    EXPECT_FALSE(loaded.ok());
    return loaded.ok() ? "" : loaded.err().context;
  }

  const test::temporary_folder made_;
  const fs::path folder_ = made_.path();
};

void rename(std::vector<named_tensor>& tensors, const std::string& from, const std::string& to) {
  for (auto& t : tensors) {
    if (t.name.compare(0, from.size(), from) == 0) t.name = to + t.name.substr(from.size());
  }
}

named_tensor& named(std::vector<named_tensor>& tensors, const std::string& name) {
  for (auto& t : tensors) {
    if (t.name == name) return t;
  }
  ADD_FAILURE() << name;
  return tensors.front();
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(checkpoint_folder, every_spelling_gives_the_same_model_and_is_kept) {
  struct spelling {
    const char* model;
    std::vector<std::pair<std::string, std::string>> renamed;
  };
  const std::vector<spelling> spellings{
      {"llava_clip_llama",
       {{"language_model.model.", "model.language_model."},
        {"language_model.lm_head.", "lm_head."},
        {"vision_tower.", "model.vision_tower."},
        {"multi_modal_projector.", "model.multi_modal_projector."}}},
      {"llava_clip_llama",
       {{"language_model.lm_head.", "lm_head."}, {"vision_tower.vision_model.", "model.vision_tower."}}},
      {"llava_siglip_qwen2", {{"language_model.model.", "model.language_model."}}},
      {"idefics3", {{"model.", ""}}},
      {"qwen2_vl", {{"model.", "model.language_model."}, {"visual.", "model.visual."}}},
      {"llama", {{"model.", "language_model.model."}, {"lm_head.", "language_model.lm_head."}}},
      {"qwen2", {{"model.", ""}}},
  };
  for (const spelling& s : spellings) {
    const multimodal plain = multimodal::load(fixture(s.model)).value();
    auto tensors = take(s.model);
    for (const auto& [from, to] : s.renamed) rename(tensors, from, to);
    give(tensors);
    const auto loaded = multimodal::load(folder_);
    ASSERT_TRUE(loaded.ok()) << s.model << ": " << loaded.err().text();
    EXPECT_EQ(loaded->base_hash(), plain.base_hash()) << s.model;
    const fs::path saved = folder_ / "saved";
    fs::create_directories(saved);
    ASSERT_TRUE(loaded->save(saved).ok());
    const auto file = safetensors_file::open(saved / "model.safetensors").value();
    EXPECT_EQ(file.tensors().size(), tensors.size());
    for (const auto& t : tensors) EXPECT_NE(file.find(t.name), nullptr) << s.model << " " << t.name;
  }
}

TEST_F(checkpoint_folder, half_precision_is_widened_exactly) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    auto tensors = take("llava_siglip_qwen2");
    for (auto& t : tensors) t.tensor = to_host(to_torch(t.tensor).to(type));
    give(tensors);
    const auto loaded = multimodal::load(folder_);
    ASSERT_TRUE(loaded.ok()) << loaded.err().text();
    for (const auto& t : tensors) {
      const std::string name = loaded->spelling().in_program(t.name);
      if (!loaded->weights().has(name)) continue;
      EXPECT_TRUE(loaded->weights().at(name).to(at::kFloat).equal(to_torch(t.tensor).to(at::kFloat))) << name;
    }
  }
}

TEST_F(checkpoint_folder, shards_give_the_same_model) {
  const auto tensors = take("qwen2");
  std::string map;
  for (int shard = 0; shard < 3; ++shard) {
    const std::string file = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    std::vector<named_tensor> part;
    for (std::size_t i = static_cast<std::size_t>(shard); i < tensors.size(); i += 3) {
      part.push_back(tensors[i]);
      map += (map.empty() ? "\"" : ", \"") + tensors[i].name + "\": \"" + file + "\"";
    }
    ASSERT_TRUE(write_safetensors(folder_ / file, part).ok());
  }
  std::ofstream(folder_ / "model.safetensors.index.json") << "{\"metadata\": {}, \"weight_map\": {" << map << "}}";
  const auto loaded = multimodal::load(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ(loaded->base_hash(), multimodal::load(fixture("qwen2")).value().base_hash());
}

TEST_F(checkpoint_folder, what_older_versions_wrote_besides_is_let_be) {
  auto tensors = take("qwen2");
  tensors.push_back({"lm_head.weight", named(tensors, "model.embed_tokens.weight").tensor});  // tied
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", host_tensor::of(std::vector<float>(6))});
  give(tensors);
  auto loaded = multimodal::load(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ(loaded->base_hash(), multimodal::load(fixture("qwen2")).value().base_hash());
  tensors = take("llava_clip_llama");
  tensors.push_back({"vision_tower.vision_model.embeddings.position_ids", host_tensor::of(std::vector<std::uint8_t>(17))});
  give(tensors);
  loaded = multimodal::load(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
}

TEST_F(checkpoint_folder, all_that_does_not_fit_is_said_at_once) {
  auto tensors = take("llava_clip_llama");
  named(tensors, "language_model.model.layers.1.mlp.up_proj.weight").name = "language_model.model.layers.1.mlp.up.weight";
  auto& norm = named(tensors, "language_model.model.norm.weight");
  norm.tensor = host_tensor::of(std::vector<float>(47));
  auto& bias = named(tensors, "multi_modal_projector.linear_1.bias");
  bias.tensor = host_tensor::of(std::vector<std::uint8_t>(48));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == "language_model.lm_head.weight") tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
  }
  tensors.push_back({"image_newline", host_tensor::of(std::vector<float>(48))});
  give(tensors);
  const std::string text = problems();
  EXPECT_TRUE(says(text, (folder_ / "model.safetensors").string() + ": 6 tensors do not fit config.json (74 of 78 fit):")) << text;
  EXPECT_TRUE(says(text, "missing: \"language_model.model.layers.1.mlp.up_proj.weight\" [96, 48]; nearest is "
                         "\"language_model.model.layers.1.mlp.up.weight\" [96, 48]"))
      << text;
  EXPECT_TRUE(says(text, "missing: \"language_model.lm_head.weight\" [300, 48]; where the head is the embedding, "
                         "tie_word_embeddings must be true"))
      << text;
  EXPECT_TRUE(says(text, "left over: \"language_model.model.layers.1.mlp.up.weight\" [96, 48]")) << text;
  EXPECT_TRUE(says(text, "left over: \"image_newline\" [48]: LlavaForConditionalGeneration has no such tensor")) << text;
  EXPECT_TRUE(says(text, "wrong shape: \"language_model.model.norm.weight\" is [47], config.json asks for [48]")) << text;
  EXPECT_TRUE(says(text, "wrong dtype: \"multi_modal_projector.linear_1.bias\" is U8, weights are F32, F16 or BF16")) << text;
}

TEST_F(checkpoint_folder, a_shard_is_named_where_its_tensor_is_wrong) {
  auto tensors = take("qwen2");
  named(tensors, "model.norm.weight").tensor = host_tensor::of(std::vector<float>(2));
  std::string map;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string file = tensors[i].name == "model.norm.weight" ? "b.safetensors" : "a.safetensors";
    map += (map.empty() ? "\"" : ", \"") + tensors[i].name + "\": \"" + file + "\"";
  }
  std::vector<named_tensor> a;
  std::vector<named_tensor> b;
  for (const auto& t : tensors) (t.name == "model.norm.weight" ? b : a).push_back(t);
  ASSERT_TRUE(write_safetensors(folder_ / "a.safetensors", a).ok());
  ASSERT_TRUE(write_safetensors(folder_ / "b.safetensors", b).ok());
  std::ofstream(folder_ / "model.safetensors.index.json") << "{\"weight_map\": {" << map << "}}";
  EXPECT_TRUE(says(problems(), "\n  b.safetensors: wrong shape: \"model.norm.weight\" is [2]")) << problems();
}

TEST_F(checkpoint_folder, writing_into_a_model_leaves_its_file_alone) {
  give(take("llama"));
  const auto bytes = [&] {
    std::ifstream in(folder_ / "model.safetensors", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string before = bytes();
  const multimodal model = multimodal::load(folder_).value();
  const multimodal other = multimodal::load(folder_).value();
  for (const auto& item : model.weights().all()) at::Tensor(item.second).fill_(3);
  EXPECT_EQ(bytes(), before);
  EXPECT_NE(model.base_hash(), other.base_hash());
  EXPECT_EQ(other.base_hash(), multimodal::load(fixture("llama")).value().base_hash());
}

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t pages = 0;
  in >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(checkpoint_folder, fourteen_gigabytes_are_opened_without_being_read) {
  const std::int64_t words = std::int64_t{1} << 22;
  std::ofstream(folder_ / "config.json")
      << R"({"model_type": "llama", "hidden_size": 832, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": )" << words << R"(, "tie_word_embeddings": true})";
  const auto config = load_model_config(folder_);
  ASSERT_TRUE(config.ok()) << config.err().text();
  std::string header = "{";
  std::size_t at = 0;
  for (const auto& [name, shape] : expected_parameters(*config)) {
    std::size_t bytes = 4;
    std::string dims;
    for (const std::int64_t d : shape) {
      bytes *= static_cast<std::size_t>(d);
      dims += (dims.empty() ? "" : ", ") + std::to_string(d);
    }
    header += (at == 0 ? "\"" : ", \"") + key_spelling::standard(*config).in_file(name) + R"(": {"dtype": "F32", "shape": [)" + dims + R"(], "data_offsets": [)" +
              std::to_string(at) + ", " + std::to_string(at + bytes) + "]}";
    at += bytes;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  std::ofstream out(folder_ / "model.safetensors", std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), 8);
  out << header;
  out.close();
  ASSERT_GT(at, std::size_t{13'900'000'000});
  std::error_code failed;
  fs::resize_file(folder_ / "model.safetensors", 8 + header.size() + at, failed);  // all hole
  if (failed) GTEST_SKIP() << "no sparse files here: " << failed.message();
  const std::size_t before = resident_bytes();
  const auto files = checkpoint::open(folder_);
  ASSERT_TRUE(files.ok()) << files.err().text();
  EXPECT_TRUE(fit_checkpoint(*config, *files).ok());
  const auto loaded = multimodal::load(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ(loaded->text_decoder().embed(at::full({1}, words - 1, at::kLong)).sum().item<double>(), 0);
  EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20));
}

TEST(parameters_of_published_models, count_what_their_files_hold) {
  const auto count = [](const std::string& json) {
    const auto config = parse_model_config(json, "x");
    EXPECT_TRUE(config.ok()) << config.err().text();
    std::int64_t n = 0;
    for (const auto& item : expected_parameters(*config)) {
      std::int64_t values = 1;
      for (const std::int64_t d : item.second) values *= d;
      n += values;
    }
    return n;
  };
  // As the model hub counts them; llava-1.5-7b-hf's file has a norm besides that LLaVA does not use.
  EXPECT_EQ(count(R"({"model_type": "llava", "text_config": {"max_position_embeddings": 4096, "model_type": "llama",
                      "rms_norm_eps": 1e-05, "vocab_size": 32064}, "vision_config": {"hidden_size": 1024,
                      "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
                      "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}})"),
            7'063'427'072 - 2048);
  EXPECT_EQ(count(R"({"model_type": "idefics3", "scale_factor": 4, "image_token_id": 49190,
                      "text_config": {"head_dim": 64, "hidden_size": 576, "intermediate_size": 1536,
                      "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "vocab_size": 49280},
                      "vision_config": {"hidden_size": 768, "image_size": 512, "num_attention_heads": 12,
                      "patch_size": 16}})"),
            256'484'928);
  EXPECT_EQ(count(R"({"model_type": "qwen2_vl", "hidden_size": 1536, "intermediate_size": 8960,
                      "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2,
                      "tie_word_embeddings": true, "vocab_size": 151936, "vision_config": {"depth": 32,
                      "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "patch_size": 14},
                      "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}})"),
            2'208'985'600);
}

}  // namespace
}  // namespace freshet::model
