// Adapters in PEFT's layout against PEFT's own numbers (tests/data/hf/README.md), out and in again, and what is
// refused.
#include "kernels/model/peft.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "kernels/model/adapter_export.hpp"
#include "kernels/model/adapter_merge.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/model/whole_file.hpp"
#include "tests/support/golden_adapter.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::model {
namespace {

namespace fs = std::filesystem;

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : 1e9;
}

class peft : public ::testing::TestWithParam<test::golden_adapter_case> {
 protected:
  void SetUp() override {
    g_ = std::make_unique<test::golden_adapter>(GetParam());
    fs::create_directories(out_);
  }
  std::unique_ptr<test::golden_adapter> g_;
  const test::temporary_folder made_;
  const fs::path out_ = made_.path();
};

TEST_P(peft, logits_losses_and_merged_logits) {
  const at::NoGradGuard no_grad;
  for (const std::string name : {"single", "batch_right"}) {
    const at::Tensor mask = g_->base.given(name + ".attention_mask").unsqueeze(-1);
    EXPECT_LT(largest_difference(g_->base.logits(name) * mask, g_->wanted(name + ".logits") * mask), 5e-5) << name;
    EXPECT_NEAR(g_->base.loss(name).item<double>(), g_->wanted(name + ".loss").item<double>(), 1e-5) << name;
  }
  EXPECT_LT(largest_difference(g_->base.logits("single"), g_->wanted("single.logits_merged")), 5e-5);
  // The base alone gives other numbers, so the adapter is not overlooked.
  const at::Tensor with = g_->base.logits("single");
  g_->set.use_none(g_->base.net);
  EXPECT_GT(largest_difference(with, g_->base.logits("single")), 1e-2);
  EXPECT_LT(largest_difference(g_->base.logits("single"), g_->base.wanted("single.logits")), 5e-5);
}

TEST_P(peft, merged_into_a_model_of_its_own) {
  const fs::path base = fs::path(FRESHET_TEST_DATA) / "hf" / GetParam().base;
  const fs::path merged = out_ / "merged";
  const auto done = merge_adapter(base, g_->folder, merged);
  ASSERT_TRUE(done.ok()) << done.err().text();
  EXPECT_EQ(done->layers, g_->set.find("golden")->matrices.size() / 2);
  EXPECT_EQ(done->norms_and_biases, 0U);
  g_->base.net = multimodal::load(merged).value();
  const at::NoGradGuard no_grad;
  EXPECT_LT(largest_difference(g_->base.logits("single"), g_->wanted("single.logits_merged")), 5e-5);
  for (const auto& entry : fs::directory_iterator(base)) EXPECT_TRUE(fs::exists(merged / entry.path().filename())) << entry.path();
  // What lies beside the matrices comes along.
  const lora_adapter* adapter = g_->set.find("golden");
  const at::Tensor norm = adapter->norms_and_biases.front().second;
  norm.add_(0.25);
  ASSERT_TRUE(save_peft(out_ / "trained", *adapter, g_->base.net.config()).ok());
  const auto again = merge_adapter(base, out_ / "trained", out_ / "both");
  ASSERT_TRUE(again.ok()) << again.err().text();
  EXPECT_EQ(again->norms_and_biases, adapter->norms_and_biases.size());
  EXPECT_TRUE(at::equal(multimodal::load(out_ / "both")->weights().at(adapter->norms_and_biases.front().first), norm));

  EXPECT_EQ(merge_adapter(base, g_->folder, base).err().code, errc::invalid_argument) << "the base itself is not written over";
  EXPECT_FALSE(merge_adapter(base, out_ / "nothing", out_ / "none").ok());
  EXPECT_FALSE(fs::exists(out_ / "none"));
}

TEST_P(peft, greedy_answers) {
  generation_options options;
  options.max_new_tokens = 12;
  for (const std::string name : {"single_prompt", "batch_left_prompt"}) {
    const generated got = generate(g_->base.net, g_->base.read(name), options);
    const at::Tensor want = g_->wanted(name + ".generated");
    const at::Tensor logits = g_->wanted(name + ".generated_logits");
    for (std::int64_t row = 0; row < want.size(0); ++row) {
      std::vector<std::int32_t> tokens;
      for (std::int64_t step = 0; step < want.size(1); ++step) {
        tokens.push_back(static_cast<std::int32_t>(want[row][step].item<std::int64_t>()));
        EXPECT_LT(largest_difference(got.logits[row][step], logits[row][step]), 5e-5) << name << " step " << step;
        if (tokens.back() == 2) break;
      }
      EXPECT_EQ(got.tokens[static_cast<std::size_t>(row)], tokens) << name << " row " << row;
    }
  }
}

TEST_P(peft, gradients) {
  const auto& matrices = g_->set.find("golden")->matrices;
  for (const auto& item : matrices) item.second.set_requires_grad(true);
  g_->base.loss("single").backward();
  std::size_t compared = 0;
  const std::string front = "single.grad.";
  for (const auto& entry : g_->numbers.tensors()) {
    if (entry.name.compare(0, front.size(), front) != 0) continue;
    const std::string name = g_->ours(entry.name.substr(front.size()));
    ASSERT_FALSE(name.empty()) << entry.name;
    const at::Tensor& gradient = g_->base.net.weights().at(name).grad();
    const at::Tensor want = g_->wanted(entry.name);
    // Layers that take no part have zeros there and nothing here.
    EXPECT_LT(largest_difference(gradient.defined() ? gradient : at::zeros_like(want), want), 1e-5) << name;
    ++compared;
  }
  EXPECT_EQ(compared, matrices.size());
}

// Saved and read again it is the same, and the file is PEFT's own, key by key, whichever names are asked for.
TEST_P(peft, out_and_in_again) {
  const lora_adapter& adapter = *g_->set.find("golden");
  lora_adapter bare = adapter;
  bare.norms_and_biases.clear();
  const auto& config = g_->base.net.config();
  ASSERT_TRUE(save_peft(out_, bare, config, GetParam().names).ok());
  const auto written = safetensors_file::open(out_ / peft_weights_file).value();
  EXPECT_EQ(written.tensors().size(), g_->file.tensors().size());
  for (const auto& entry : g_->file.tensors()) {
    ASSERT_NE(written.find(entry.name), nullptr) << entry.name;
    EXPECT_EQ(written.get(entry.name).value(), g_->file.get(entry.name).value()) << entry.name;
  }
  const auto document = nlohmann::json::parse(read_whole_file(out_ / peft_config_file, 1 << 20).value());
  const auto before = nlohmann::json::parse(read_whole_file(g_->folder + "/adapter_config.json", 1 << 20).value());
  for (const char* key : {"peft_type", "task_type", "r", "lora_alpha", "bias", "use_rslora", "use_dora", "fan_in_fan_out",
                          "modules_to_save", "rank_pattern", "alpha_pattern", "base_model_name_or_path"}) {
    EXPECT_EQ(document[key], before[key]) << key;
  }
  // Whole names of layers, each of which has its two matrices.
  EXPECT_EQ(document["target_modules"].size() * 2, written.tensors().size());
  g_->set.use_none(g_->base.net);
  const auto again = load_peft(out_, config, g_->base.net.weights());
  ASSERT_TRUE(again.ok()) << again.err().text();
  ASSERT_EQ(again->matrices.size(), adapter.matrices.size());
  EXPECT_EQ(again->scale, adapter.scale);
  for (std::size_t i = 0; i < adapter.matrices.size(); ++i) {
    EXPECT_EQ(again->matrices[i].first, adapter.matrices[i].first);
    EXPECT_TRUE(again->matrices[i].second.equal(adapter.matrices[i].second));
  }
}

INSTANTIATE_TEST_SUITE_P(golden, peft, ::testing::ValuesIn(test::golden_adapters),
                         [](const auto& p) { return std::string(p.param.name); });

class peft_folder : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    for (const char* name : {peft_config_file, peft_weights_file}) {
      fs::copy_file(golden_ / name, folder_ / name, fs::copy_options::overwrite_existing);
    }
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const nlohmann::json& config) { std::ofstream(folder_ / peft_config_file) << config.dump(); }
  [[nodiscard]] nlohmann::json config() const {
    return nlohmann::json::parse(read_whole_file(golden_ / peft_config_file, 1 << 20).value());
  }
  result<lora_adapter> load() { return load_peft(folder_, base_.net.config(), base_.net.weights()); }
  error problem() {
    const auto got = load();
    EXPECT_FALSE(got.ok());
    return got.ok() ? error{} : got.err();
  }
  [[nodiscard]] std::vector<named_tensor> tensors() const {
    std::vector<named_tensor> out;
    const auto file = safetensors_file::open(golden_ / peft_weights_file).value();
    for (const auto& entry : file.tensors()) out.push_back({entry.name, file.get(entry.name).value()});
    return out;
  }
  void put(const std::vector<named_tensor>& all) { ASSERT_TRUE(write_safetensors(folder_ / peft_weights_file, all).ok()); }

  fs::path golden_ = fs::path(FRESHET_TEST_DATA) / "hf" / "lora_llava_qv";
  const test::temporary_folder made_;
  const fs::path folder_ = made_.path();
  test::golden_model base_{"llava_clip_llama"};
};

TEST_F(peft_folder, what_is_not_plain_lora_is_refused_by_name) {
  const std::pair<const char*, nlohmann::json> cases[] = {
      {"use_dora", true}, {"modules_to_save", {"lm_head"}}, {"bias", "all"}, {"peft_type", "IA3"}, {"fan_in_fan_out", true},
      {"layers_to_transform", {1}}, {"layer_replication", {{0, 1}}}, {"megatron_config", {{"a", 1}}},
      {"trainable_token_indices", {3}}, {"target_parameters", {"x"}}, {"lora_bias", true}, {"use_qalora", true},
      {"init_lora_weights", "pissa"}, {"something_new", 3}};
  for (const auto& [key, value] : cases) {
    nlohmann::json document = config();
    document[key] = value;
    put(document);
    EXPECT_EQ(problem().code, errc::unsupported) << key;
    EXPECT_NE(problem().text().find((folder_ / peft_config_file).string() + ": " + key + " = "), std::string::npos) << problem().text();
  }
  nlohmann::json document = config();
  document["something_new"] = nullptr;   // off is no matter
  document["init_lora_weights"] = "gaussian";
  put(document);
  EXPECT_TRUE(load().ok());
}

TEST_F(peft_folder, all_problems_of_the_settings_at_once) {
  nlohmann::json document = config();
  document["r"] = 0;
  document["lora_alpha"] = "8";
  document["target_modules"] = "(?=x)";
  document["rank_pattern"] = {{"(", 2}, {"q_proj", 0}};
  put(document);
  EXPECT_EQ(problem().code, errc::config);
  for (const char* part : {"r = 0", "lora_alpha = ", "target_modules = \"(?=x)\"", "RE2", "rank_pattern.\"(\"", "rank_pattern.\"q_proj\" = 0"}) {
    EXPECT_NE(problem().text().find(part), std::string::npos) << part << "\n" << problem().text();
  }
}

TEST_F(peft_folder, tensors_that_do_not_fit_are_all_listed) {
  auto all = tensors();
  const std::string first = all.front().name;
  all.erase(all.begin());
  all.front().tensor = host_tensor::of(std::vector<float>(8, 0.0F), {2, 4});
  put(all);
  EXPECT_EQ(problem().code, errc::corrupt);
  EXPECT_NE(problem().text().find("missing: " + first), std::string::npos) << problem().text();
  EXPECT_NE(problem().text().find("wrong shape: " + all.front().name), std::string::npos) << problem().text();
  nlohmann::json document = config();
  document["target_modules"] = {"v_proj"};
  put(document);
  EXPECT_NE(problem().text().find("not among target_modules: model.language_model.layers.0.self_attn.q_proj"), std::string::npos);
  put(config());
  all = tensors();
  all.push_back({"base_model.model.model.layers.7.q_proj.lora_A.weight", host_tensor::of(std::vector<float>(4), {1, 4})});
  put(all);
  EXPECT_NE(problem().text().find("no such layer: \"model.layers.7.q_proj\""), std::string::npos) << problem().text();
  all.back().name = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_magnitude_vector";
  put(all);
  EXPECT_EQ(problem().code, errc::unsupported);
  all.pop_back();
  std::vector<float> endless(4 * 48, 0.0F);
  endless[7] = std::numeric_limits<float>::infinity();
  for (auto& t : all) {
    if (t.tensor.items() == endless.size() && t.name.find("lora_A") != std::string::npos) t.tensor = host_tensor::of(endless, {4, 48});
  }
  put(all);
  EXPECT_NE(problem().text().find("not finite: "), std::string::npos) << problem().text();
}

// Ranks and scales of their own for some layers: against the sum that is meant, W + alpha / r · B A.
TEST_F(peft_folder, patterns_of_rank_and_alpha) {
  const at::NoGradGuard no_grad;
  nlohmann::json document = config();
  document["target_modules"] = ".*language_model.*q_proj";
  document["rank_pattern"] = {{"layers.0.self_attn.q_proj", 2}};
  document["alpha_pattern"] = {{"layers\\.0\\..*", 6}};
  put(document);
  std::vector<named_tensor> all;
  for (auto& t : tensors()) {
    if (t.name.find("language_model") == std::string::npos || t.name.find("q_proj") == std::string::npos) continue;
    at::Tensor value = to_torch(t.tensor);
    if (t.name.find("layers.0") != std::string::npos) value = value.narrow(t.name.find("lora_A") != std::string::npos ? 0 : 1, 0, 2);
    all.push_back({t.name, to_host(value.contiguous())});
  }
  put(all);
  auto adapter = load();
  ASSERT_TRUE(adapter.ok()) << adapter.err().text();
  EXPECT_EQ(adapter->scale, 2.0);
  const std::string layer = "language_model.model.layers.0.self_attn.q_proj";
  at::Tensor a;
  at::Tensor b;
  for (const auto& [name, value] : adapter->matrices) {
    if (name == layer + ".lora_A.weight") a = value;
    if (name == layer + ".lora_B.weight") b = value;
  }
  ASSERT_EQ(a.size(0), 2);
  const auto file = safetensors_file::open(folder_ / peft_weights_file).value();
  const std::string key = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_";
  const at::Tensor meant = to_torch(file.get(key + "B.weight").value()).matmul(to_torch(file.get(key + "A.weight").value())) * 3;
  EXPECT_LT(largest_difference(b.matmul(a) * adapter->scale, meant), 1e-6);
  // And out again with patterns that say the same.
  ASSERT_TRUE(save_peft(folder_, *adapter, base_.net.config()).ok());
  const auto again = load();
  ASSERT_TRUE(again.ok()) << again.err().text();
  for (std::size_t i = 0; i < adapter->matrices.size(); ++i) {
    EXPECT_LT(largest_difference(again->matrices[i].second, adapter->matrices[i].second), 1e-6) << again->matrices[i].first;
  }
}

TEST_F(peft_folder, norms_and_biases_go_along_in_a_file_of_their_own) {
  const at::NoGradGuard no_grad;
  ASSERT_TRUE(base_.net.attach({2, 4, {"q_proj", "fc1"}, 3}).ok());
  const at::Tensor& bias = base_.net.weights().at("vision_tower.vision_model.encoder.layers.1.mlp.fc1.bias");
  bias.add_(0.25);
  for (const auto& item : base_.net.weights().all()) {
    if (item.first.find("lora_B") != std::string::npos) item.second.add_(0.125);
  }
  const at::Tensor logits = base_.net.logits(read_sequence(base_.net.text_decoder(), base_.read("single")));
  const auto learned = adapter_of(base_.net.config(), base_.net.weights(), {2, 4, {"q_proj", "fc1"}, 3}, "base");
  ASSERT_TRUE(save_peft(folder_, learned, base_.net.config()).ok());
  const auto others = safetensors_file::open(folder_ / norms_and_biases_file).value();
  ASSERT_NE(others.find("model.vision_tower.vision_model.encoder.layers.1.mlp.fc1.bias"), nullptr);
  ASSERT_NE(others.find("model.language_model.norm.weight"), nullptr);
  for (const auto& entry : others.tensors()) EXPECT_EQ(entry.name.find("lora_"), std::string::npos) << entry.name;
  // Onto a base that has learned nothing.
  test::golden_model fresh("llava_clip_llama");
  adapter_set set(fresh.net);
  auto loaded = load_peft(folder_, fresh.net.config(), fresh.net.weights());
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  ASSERT_TRUE(set.add("learned", std::move(loaded).value()).ok());
  ASSERT_TRUE(set.use("learned", fresh.net).ok());
  EXPECT_TRUE(fresh.logits("single").equal(logits));
  set.use_none(fresh.net);
  EXPECT_LT(largest_difference(fresh.logits("single"), fresh.wanted("single.logits")), 5e-5);
  // An adapter without them leaves no old file behind.
  lora_adapter bare = learned;
  bare.norms_and_biases.clear();
  ASSERT_TRUE(save_peft(folder_, bare, fresh.net.config()).ok());
  EXPECT_FALSE(fs::exists(folder_ / norms_and_biases_file));
}

// What a distiller keeps is a flat vector; exported it is the adapter that the model wore.
TEST_F(peft_folder, what_was_learned_becomes_a_folder) {
  const at::NoGradGuard no_grad;
  const fs::path folder = fs::path(FRESHET_TEST_DATA) / "hf" / "llava_clip_llama";
  const lora_spec spec{3, 6, {"q_proj", "fc1"}, 11};
  ASSERT_TRUE(base_.net.attach(spec).ok());
  const content_hash line = line_of(base_.net, spec);
  const auto trained = trainable_set::of(base_.net.weights());
  const host_tensor before = trained.read();
  std::vector<float> values(before.as<float>(), before.as<float>() + before.items());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.01F * static_cast<float>(i % 7);
  ASSERT_TRUE(trained.write(host_tensor::of(values)).ok());
  const at::Tensor logits = base_.logits("single");
  const auto done = export_adapter(folder, spec, line, host_tensor::of(values), folder_);
  ASSERT_TRUE(done.ok()) << done.err().text();
  EXPECT_EQ(done->layers, 2U + 3U + 3U);
  test::golden_model fresh("llava_clip_llama");
  adapter_set set(fresh.net);
  auto loaded = load_peft(folder_, fresh.net.config(), fresh.net.weights());
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ(done->norms_and_biases, loaded->norms_and_biases.size());
  ASSERT_TRUE(set.add("learned", std::move(loaded).value()).ok());
  ASSERT_TRUE(set.use("learned", fresh.net).ok());
  EXPECT_TRUE(fresh.logits("single").equal(logits));
  lora_spec other = spec;
  other.seed = 12;
  EXPECT_EQ(export_adapter(folder, other, line, host_tensor::of(values), folder_).err().code, errc::wrong_base);
  values.pop_back();
  EXPECT_EQ(export_adapter(folder, spec, line, host_tensor::of(values), folder_).err().code, errc::shape_mismatch);
}

TEST(adapter_set, changes_over_without_a_copy_of_the_base) {
  const at::NoGradGuard no_grad;
  test::golden_model g("llava_clip_llama");
  const std::string root = std::string(FRESHET_TEST_DATA) + "/hf/";
  adapter_set set(g.net);
  for (const char* name : {"lora_llava_qv", "lora_llava_text_qv"}) {
    ASSERT_TRUE(set.add(name, load_peft(root + name, g.net.config(), g.net.weights()).value()).ok());
  }
  std::map<std::string, const void*> places;
  for (const auto& item : g.net.weights().all()) {
    if (item.second.dim() > 1) places[item.first] = item.second.data_ptr();
  }
  std::set<const void*> adapters;
  const auto check = [&](const std::string& name, const at::Tensor& want) {
    EXPECT_LT(largest_difference(g.logits("single"), want), 5e-5) << name;
    EXPECT_EQ(set.in_use(), name);
    for (const auto& [base, place] : places) EXPECT_EQ(g.net.weights().at(base).data_ptr(), place) << base;
  };
  const auto wanted = [&](const std::string& name) {
    return test::golden_model::of(safetensors_file::open(root + name + "/expected.safetensors").value(), "single.logits");
  };
  for (int round = 0; round < 3; ++round) {
    for (const std::string name : {"lora_llava_qv", "lora_llava_text_qv"}) {
      ASSERT_TRUE(set.use(name, g.net).ok());
      check(name, wanted(name));
      for (const auto& [matrix, value] : set.find(name)->matrices) EXPECT_TRUE(g.net.weights().at(matrix).is_same(value));
    }
    set.use_none(g.net);
    check("", g.wanted("single.logits"));
    for (const auto& item : g.net.weights().all()) EXPECT_EQ(item.first.find("lora_"), std::string::npos);
  }
  EXPECT_EQ(set.names(), (std::vector<std::string>{"lora_llava_qv", "lora_llava_text_qv"}));
  EXPECT_EQ(set.use("none", g.net).err().code, errc::not_found);
  ASSERT_TRUE(set.use("lora_llava_qv", g.net).ok());
  EXPECT_EQ(set.remove("lora_llava_qv").err().code, errc::invalid_argument);
  EXPECT_TRUE(set.remove("lora_llava_text_qv").ok());
  EXPECT_EQ(set.add("lora_llava_qv", {}).err().code, errc::invalid_argument);
}

// Training with one adapter changes neither the base nor another.
TEST(adapter_set, norms_and_biases_are_each_adapters_own) {
  const at::NoGradGuard no_grad;
  test::golden_model g("llava_clip_llama");
  const std::string root = std::string(FRESHET_TEST_DATA) + "/hf/";
  adapter_set set(g.net);
  for (const char* name : {"lora_llava_qv", "lora_llava_text_qv"}) {
    ASSERT_TRUE(set.add(name, load_peft(root + name, g.net.config(), g.net.weights()).value()).ok());
  }
  ASSERT_TRUE(set.use("lora_llava_qv", g.net).ok());
  g.net.weights().at("language_model.model.norm.weight").mul_(2);
  ASSERT_TRUE(set.use("lora_llava_text_qv", g.net).ok());
  const auto numbers = safetensors_file::open(root + "lora_llava_text_qv/expected.safetensors").value();
  EXPECT_LT(largest_difference(g.logits("single"), test::golden_model::of(numbers, "single.logits")), 5e-5);
  set.use_none(g.net);
  EXPECT_LT(largest_difference(g.logits("single"), g.wanted("single.logits")), 5e-5);
}

}  // namespace
}  // namespace freshet::model
