#include "kernels/model/llava.hpp"

#include <ATen/ATen.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "kernels/model/checkpoint.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/tensor_bridge.hpp"

namespace freshet::model {
namespace {

constexpr const char* tower_prefix = "vision_tower.vision_model.";
constexpr const char* decoder_prefix = "language_model.model.";
constexpr const char* head_name = "language_model.lm_head";

/// The names of the base's tensors in files and hashes: a quantised matrix is two of them.
std::vector<std::string> base_names(const model_config& config, const parameters& weights) {
  std::vector<std::string> out;
  for (const auto& item : expected_parameters(config)) {
    const std::string layer = item.first.substr(0, item.first.rfind('.'));
    if (!weights.has(item.first) && weights.quantised(layer).defined()) {
      out.push_back(layer + levels_suffix);
      out.push_back(layer + scales_suffix);
    } else {
      out.push_back(item.first);
    }
  }
  return out;
}

}  // namespace

text_blocks pack_blocks(const std::vector<std::vector<std::vector<std::int32_t>>>& blocks) {
  std::size_t longest = 1;
  for (const auto& row : blocks) {
    std::size_t n = 0;
    for (const auto& b : row) n += b.size();
    longest = std::max(longest, n);
  }
  const auto rows = static_cast<std::int64_t>(blocks.size());
  const auto width = static_cast<std::int64_t>(longest);
  text_blocks out{at::zeros({rows, width}, at::kLong), at::full({rows, width}, -1, at::kLong),
                  at::zeros({rows, width}, at::kLong)};
  auto ids = out.ids.accessor<std::int64_t, 2>();
  auto block = out.block.accessor<std::int64_t, 2>();
  auto offset = out.offset.accessor<std::int64_t, 2>();
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t at = 0;
    std::int64_t number = 0;
    for (const auto& b : blocks[static_cast<std::size_t>(r)]) {
      std::int64_t within = 0;
      for (std::int32_t id : b) {
        ids[r][at] = id;
        block[r][at] = number;
        offset[r][at] = within++;
        ++at;
      }
      ++number;
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected_parameters(const model_config& config) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> out;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    out.emplace_back(name, std::move(shape));
  };
  const auto add_linear = [&](const std::string& name, std::int64_t to, std::int64_t from, bool bias) {
    add(name + ".weight", {to, from});
    if (bias) add(name + ".bias", {to});
  };
  const auto add_norm = [&](const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  };
  FRESHET_ENSURE(config.vision.has_value() && config.projector.has_value(), "llava needs a vision tower");
  const vision_config& v = *config.vision;
  const std::string tower = tower_prefix;
  std::int64_t channels = v.num_channels;
  for (std::size_t i = 0; i < v.patch_stem.size(); ++i) {
    const std::string name = tower + "embeddings.stem." + std::to_string(i);
    add(name + ".conv.weight", {v.patch_stem[i], channels, 3, 3});
    add(name + ".conv.bias", {v.patch_stem[i]});
    add_norm(name + ".norm", v.patch_stem[i]);
    channels = v.patch_stem[i];
  }
  const std::int64_t kernel = v.patch_stem.empty() ? v.patch_size : 1;
  add(tower + "embeddings.patch_embedding.weight", {v.hidden_size, channels, kernel, kernel});
  if (v.kind == vision_kind::siglip) add(tower + "embeddings.patch_embedding.bias", {v.hidden_size});
  add(tower + "embeddings.position_embedding.weight", {v.tokens(), v.hidden_size});
  if (v.class_token) {
    add(tower + "embeddings.class_embedding", {v.hidden_size});
    add_norm(tower + "pre_layrnorm", v.hidden_size);
  }
  for (std::int64_t i = 0; i < v.num_hidden_layers; ++i) {
    const std::string name = tower + "encoder.layers." + std::to_string(i) + ".";
    add_norm(name + "layer_norm1", v.hidden_size);
    for (const char* p : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      add_linear(name + "self_attn." + p, v.hidden_size, v.hidden_size, true);
    }
    add_norm(name + "layer_norm2", v.hidden_size);
    add_linear(name + "mlp.fc1", v.intermediate_size, v.hidden_size, true);
    add_linear(name + "mlp.fc2", v.hidden_size, v.intermediate_size, true);
  }
  const text_config& t = config.text;
  add_linear("multi_modal_projector.linear_1", t.hidden_size, v.hidden_size, config.projector->bias);
  add_linear("multi_modal_projector.linear_2", t.hidden_size, t.hidden_size, config.projector->bias);
  const std::string text = decoder_prefix;
  add(text + "embed_tokens.weight", {t.vocab_size, t.hidden_size});
  const std::int64_t q = t.num_attention_heads * t.head_dim;
  const std::int64_t kv = t.num_key_value_heads * t.head_dim;
  for (std::int64_t i = 0; i < t.num_hidden_layers; ++i) {
    const std::string name = text + "layers." + std::to_string(i) + ".";
    add(name + "input_layernorm.weight", {t.hidden_size});
    add_linear(name + "self_attn.q_proj", q, t.hidden_size, t.qkv_bias);
    add_linear(name + "self_attn.k_proj", kv, t.hidden_size, t.qkv_bias);
    add_linear(name + "self_attn.v_proj", kv, t.hidden_size, t.qkv_bias);
    add_linear(name + "self_attn.o_proj", t.hidden_size, q, t.output_bias);
    add(name + "post_attention_layernorm.weight", {t.hidden_size});
    add_linear(name + "mlp.gate_proj", t.intermediate_size, t.hidden_size, t.mlp_bias);
    add_linear(name + "mlp.up_proj", t.intermediate_size, t.hidden_size, t.mlp_bias);
    add_linear(name + "mlp.down_proj", t.hidden_size, t.intermediate_size, t.mlp_bias);
  }
  add(text + "norm.weight", {t.hidden_size});
  if (!t.tie_word_embeddings) add_linear(head_name, t.vocab_size, t.hidden_size, false);
  return out;
}

void llava::bind() {
  tower_ = vision_tower(*config_.vision, weights_, tower_prefix, lora_scale_);
  project1_ = linear::take(weights_, "multi_modal_projector.linear_1", lora_scale_);
  project2_ = linear::take(weights_, "multi_modal_projector.linear_2", lora_scale_);
  decoder_ = decoder(config_.text, weights_, decoder_prefix, head_name, lora_scale_);
}

result<llava> llava::load(const std::filesystem::path& folder) {
  llava m;
  FRESHET_TRY_ASSIGN(m.config_, load_model_config(folder));
  if (!m.config_.vision || !m.config_.projector) {
    return error{errc::unsupported, (folder / "config.json").string() + ": a bare decoder; a vision-language model is needed here"};
  }
  FRESHET_TRY_ASSIGN(const checkpoint files, checkpoint::open(folder));
  std::string problems;
  std::size_t used = 0;
  for (const auto& [name, shape] : expected_parameters(m.config_)) {
    if (m.config_.quantisation && shape.size() == 2 && is_quantised_in(files, name)) {
      FRESHET_TRY(take_quantised(files, name, shape, *m.config_.quantisation, m.weights_));
      ++used;
      continue;
    }
    if (!files.contains(name)) {
      problems += "\n  missing: " + name;
      continue;
    }
    FRESHET_TRY_ASSIGN(const host_tensor stored, files.get(name));
    ++used;
    if (stored.shape() != shape) {
      problems += "\n  wrong shape: " + name;
      continue;
    }
    m.weights_.set(name, to_torch(stored).to(at::kFloat, false, /*copy=*/true));
  }
  for (const std::string& name : files.names()) {
    // CLIP and SigLIP checkpoints carry a norm for their pooled output, which LLaVA does not read.
    const bool known = m.weights_.has(name) || problems.find(": " + name) != std::string::npos ||
                       name.rfind(std::string(tower_prefix) + "post_layernorm.", 0) == 0;
    if (!known) problems += "\n  unexpected: " + name;
  }
  if (!problems.empty()) {
    return error{errc::corrupt, folder.string() + ": tensors do not fit config.json (" + std::to_string(used) + " fit):" + problems};
  }
  m.bind();
  return m;
}

llava llava::random(const model_config& config, std::uint64_t seed) {
  llava m;
  m.config_ = config;
  const rng base(seed);
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(config.text.num_hidden_layers));
  for (const auto& [name, shape] : expected_parameters(config)) {
    const auto items = shape_items(shape);
    FRESHET_ENSURE(items.ok(), "llava::random: shape overflows");
    const auto has = [&, n = name](const char* part) { return n.find(part) != std::string::npos; };
    std::vector<float> values(*items, 0.0F);
    rng draw = base.split(name);
    if (shape.size() == 1 && has("norm") && has(".weight")) {
      std::fill(values.begin(), values.end(), 1.0F);
    } else if (shape.size() > 1 || has("class_embedding")) {
      // Matrices by fan-in, so that depth neither grows nor kills signals; embeddings of the same
      // order as what the first layers add to them, or small models take long to tell words apart.
      double fan_in = 1;
      for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
      double sigma = has("embed_tokens") || has("position_embedding") || has("class_embedding") || has("lm_head")
                         ? 0.25
                         : 1.0 / std::sqrt(fan_in);
      if (has(".stem.")) sigma *= std::sqrt(2.0);
      if (has("o_proj") || has("out_proj") || has("down_proj") || has("fc2")) sigma *= residual;
      for (float& x : values) x = static_cast<float>(draw.normal() * sigma);
    }
    m.weights_.set(name, to_torch(host_tensor::of(std::move(values), shape)).clone());
  }
  m.bind();
  return m;
}

result<void> llava::save(const std::filesystem::path& folder) const {
  FRESHET_TRY(save_model_config(config_, folder));
  std::vector<named_tensor> tensors;
  for (const std::string& name : base_names(config_, weights_)) tensors.push_back({name, to_host(weights_.at(name))});
  std::map<std::string, std::string> about{{"format", "pt"}};
  if (config_.quantisation) about.emplace("alignment", "64");  // used in place by whoever maps the file
  return write_safetensors(folder / "model.safetensors", tensors, about);
}

std::uint64_t llava::base_hash() const {
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  for (const std::string& name : base_names(config_, weights_)) {
    const host_tensor values = to_host(weights_.at(name));
    const std::vector<std::int64_t>& shape = values.shape();
    XXH3_64bits_update(state, name.data(), name.size());
    XXH3_64bits_update(state, shape.data(), shape.size() * sizeof(std::int64_t));
    XXH3_64bits_update(state, values.data(), values.bytes());
  }
  const std::uint64_t h = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return h;
}

result<void> llava::attach(const lora_spec& spec) {
  FRESHET_TRY_ASSIGN([[maybe_unused]] const std::int64_t layers, add_lora(weights_, spec));
  lora_scale_ = spec.scale();
  bind();
  return {};
}

llava llava::with_quantised(const std::map<std::string, quantised_weight>& layers,
                            const quantisation_config& config) const {
  llava m;
  m.config_ = config_;
  m.config_.quantisation = config;
  for (const auto& [name, value] : weights_.all()) {
    const auto found = layers.find(name.substr(0, name.rfind('.')));
    if (found != layers.end() && name == found->first + ".weight") {
      m.weights_.set_quantised(found->first, found->second);
    } else {
      m.weights_.set(name, value);
    }
  }
  m.bind();
  return m;
}

llava llava::with_float_matrices() const {
  llava m;
  m.config_ = config_;
  m.config_.quantisation.reset();
  for (const auto& [name, value] : weights_.all()) {
    const std::string layer = name.substr(0, name.rfind('.'));
    const quantised_weight w = weights_.quantised(layer);
    if (!w.defined()) {
      m.weights_.set(name, value);
    } else if (name == layer + levels_suffix) {
      m.weights_.set(layer + ".weight", dequantise(w));
    }
  }
  m.bind();
  return m;
}

llava llava::clone() const {
  llava copy;
  copy.config_ = config_;
  copy.weights_ = weights_.clone();
  copy.lora_scale_ = lora_scale_;
  copy.bind();
  return copy;
}

std::int32_t llava::begin_token() const {
  FRESHET_ENSURE(config_.text.bos_token_id.has_value(), "text_config has no bos_token_id");
  return *config_.text.bos_token_id;
}

at::Tensor llava::visual_tokens(const visual_input& in) const {
  at::Tensor x = tower_.hidden(in, config_.projector->vision_feature_layer);
  if (config_.vision->class_token && config_.projector->select == feature_select::drop_class_token) {
    x = x.narrow(1, 1, x.size(1) - 1);
  }
  return project2_(activate(config_.projector->hidden_act, project1_(x)));
}

at::Tensor llava::text_hidden(const at::Tensor& visual, const at::Tensor& valid, const text_blocks& text) const {
  const std::int64_t n = visual.size(0);
  const std::int64_t k = visual.size(1);
  const std::int64_t t = text.ids.size(1);
  const at::Tensor begin = decoder_.embed(at::full({n, 1}, begin_token(), at::kLong));
  const at::Tensor embeds = at::cat({begin, visual, decoder_.embed(text.ids)}, 1);

  // Positions: the picture's tokens are numbered as if the missing ones had never been there.
  const at::Tensor seen = valid.defined() ? valid : at::ones({n, k}, at::kBool);
  const at::Tensor rank = seen.to(at::kLong).cumsum(1);
  const at::Tensor prefix = at::cat({at::zeros({n, 1}, at::kLong), rank}, 1);
  const at::Tensor kept = rank.narrow(1, k - 1, 1);
  const at::Tensor positions = at::cat({prefix, text.offset + kept + 1}, 1);

  // Who may see whom: [N, 1+K+T, 1+K+T], causal; text only within its own block.
  const std::int64_t p = 1 + k;
  const at::Tensor prefix_valid = at::cat({at::ones({n, 1}, at::kBool), seen}, 1);
  const at::Tensor order = at::arange(p + t, at::kLong);
  const at::Tensor causal = order.unsqueeze(0).le(order.unsqueeze(1));
  const at::Tensor block = at::cat({at::full({n, p}, -2, at::kLong), text.block}, 1);
  const at::Tensor key_valid = at::cat({prefix_valid, text.block.ge(0)}, 1).unsqueeze(1);
  const at::Tensor same = block.unsqueeze(2).eq(block.unsqueeze(1)).logical_or(block.eq(-2).unsqueeze(1));
  // Every row keeps at least itself, so that the softmax of padding stays finite.
  const at::Tensor self = at::eye(p + t, at::kBool);
  const at::Tensor keep = causal.logical_and(same).logical_and(key_valid).logical_or(self);
  return decoder_.hidden(embeds, positions, additive_mask(keep).unsqueeze(1)).narrow(1, p, t);
}

}  // namespace freshet::model
