#include "kernels/model/multimodal.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/model/base_hash.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/checkpoint_fit.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::model {
namespace {

/// f32 weights stay where they are mapped: the mapping is this model's alone, so that training may write into it.
at::Tensor weight_of(const host_tensor& stored) { return to_torch(stored).to(at::kFloat); }

/// Cells as the patches that they are made of, row by row: patches [N, K · merge², channels · patch²], positions in
/// the grid of patches.
visual_input patches_of(const visual_input& cells, const vision_config& v) {
  const std::int64_t n = cells.patches.size(0);
  const std::int64_t k = cells.patches.size(1);
  const std::int64_t m = v.merge;
  const std::int64_t p = v.patch_size;
  visual_input out;
  out.patches = cells.patches.reshape({n, k, v.num_channels, m, p, m, p})
                    .permute({0, 1, 3, 5, 2, 4, 6})
                    .reshape({n, k * m * m, v.num_channels * p * p});
  FRESHET_ENSURE(cells.positions.defined() || k == v.cells(), "visual_tokens: some cells without their positions");
  const at::Tensor cell = cells.positions.defined() ? cells.positions : at::arange(k, at::kLong).unsqueeze(0);
  const at::Tensor row = cell.div(v.cell_grid(), "floor").mul(m).unsqueeze(-1);
  const at::Tensor column = cell.remainder(v.cell_grid()).mul(m).unsqueeze(-1);
  const at::Tensor within = at::arange(m * m, at::kLong);
  const at::Tensor ids = (row + within.div(m, "floor")) * v.grid() + column + within.remainder(m);
  out.positions = ids.reshape({cell.size(0), k * m * m}).expand({n, k * m * m});
  if (cells.valid.defined()) out.valid = cells.valid.repeat_interleave(m * m, 1);
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

at::Tensor join_positions(const at::Tensor& first, const at::Tensor& then) {
  if (first.dim() == 2) return at::cat({first, then}, 1);
  return at::cat({first, then.unsqueeze(0).expand({first.size(0), then.size(0), then.size(1)})}, 2);
}

at::Tensor read_sequence(const decoder& by, const sequence& s, std::vector<at::Tensor>* states) {
  return by.hidden(s.embeds, s.positions, additive_mask(causal(s.valid)).unsqueeze(1), nullptr, nullptr, states);
}

multimodal::multimodal(model_config config) : config_(std::move(config)), spelling_(key_spelling::standard(config_)) {
  if (config_.text.bos_token_id) prefix_.push_back(*config_.text.bos_token_id);
}

void multimodal::bind() {
  if (config_.vision) {
    const vision_config& v = *config_.vision;
    if (v.kind == vision_kind::qwen2_vl) {
      grid_tower_ = grid_tower(v, weights_, lora_scale_);
    } else {
      tower_ = vision_tower(v, weights_, lora_scale_);
    }
    connector_ = connector(*config_.projector, v, weights_, lora_scale_);
  }
  decoder_ = decoder(config_.text, weights_, lora_scale_);
  recompute_layers(recomputes_);
}

void multimodal::recompute_layers(bool on) {
  recomputes_ = on;
  tower_.recompute_layers(on);
  grid_tower_.recompute_layers(on);
  decoder_.recompute_layers(on);
}

result<multimodal> multimodal::load(const std::filesystem::path& folder) {
  FRESHET_TRY_ASSIGN(model_config config, load_model_config(folder));
  FRESHET_TRY_ASSIGN(const checkpoint files, checkpoint::open(folder, "model", mapping::copy_on_write));
  FRESHET_TRY_ASSIGN(checkpoint_fit fit, fit_checkpoint(config, files));
  multimodal m(std::move(config));
  for (const auto& item : fit.expected) {
    if (fit.quantised.count(item.first) != 0) {
      FRESHET_TRY(take_quantised(files, fit.spelling, item.first, item.second, *m.config_.quantisation, m.weights_));
      continue;
    }
    FRESHET_TRY_ASSIGN(const host_tensor stored, files.get(fit.spelling.in_file(item.first)));
    m.weights_.set(item.first, weight_of(stored));
  }
  for (const std::string& name : fit.carried) {
    FRESHET_TRY_ASSIGN(host_tensor stored, files.get(name));
    m.carried_.push_back({name, std::move(stored)});
  }
  m.spelling_ = std::move(fit.spelling);
  m.bind();
  return m;
}

multimodal multimodal::random(const model_config& config, std::uint64_t seed) {
  multimodal m(config);
  const rng base(seed);
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(config.text.num_hidden_layers));
  for (const auto& [name, shape] : expected_parameters(config)) {
    const auto items = shape_items(shape);
    FRESHET_ENSURE(items.ok(), "multimodal::random: shape overflows");
    const auto has = [&, n = name](const char* part) { return n.find(part) != std::string::npos; };
    std::vector<float> values(*items, 0.0F);
    rng draw = base.split(name);
    if (shape.size() == 1 && (has("norm") || has("ln_q")) && has(".weight")) {
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

std::vector<std::pair<std::string, host_tensor>> multimodal::base_tensors() const {
  std::vector<std::pair<std::string, host_tensor>> out;
  const auto add = [&](const std::string& name) { out.emplace_back(name, to_host(weights_.at(name))); };
  for (const auto& item : expected_parameters(config_)) {
    const std::string layer = item.first.substr(0, item.first.rfind('.'));
    if (!weights_.has(item.first) && weights_.quantised(layer).defined()) {
      add(layer + levels_suffix);
      add(layer + scales_suffix);
    } else {
      add(item.first);
    }
  }
  return out;
}

result<void> multimodal::save(const std::filesystem::path& folder) const {
  FRESHET_TRY(save_model_config(config_, folder));
  std::vector<named_tensor> tensors;
  for (const auto& [name, tensor] : base_tensors()) tensors.push_back({spelling_.in_file(name), tensor});
  tensors.insert(tensors.end(), carried_.begin(), carried_.end());
  std::map<std::string, std::string> about{{"format", "pt"}};
  if (config_.quantisation) about.emplace("alignment", "64");  // used in place by whoever maps the file
  return write_safetensors(folder / "model.safetensors", tensors, about);
}

std::uint64_t multimodal::base_hash() const {
  base_hasher hash;
  for (const auto& [name, tensor] : base_tensors()) hash.add(name, tensor.shape(), tensor);
  return hash.digest();
}

result<void> multimodal::attach(const lora_spec& spec) {
  FRESHET_TRY_ASSIGN([[maybe_unused]] const std::int64_t layers, add_lora(weights_, spec));
  lora_scale_ = spec.scale();
  bind();
  return {};
}

void multimodal::exchange(const std::vector<std::pair<std::string, at::Tensor>>& taken, const std::vector<std::string>& gone,
                          double lora_scale) {
  for (const std::string& name : gone) weights_.erase(name);
  for (const auto& [name, value] : taken) weights_.set(name, value);
  lora_scale_ = lora_scale;
  bind();
}

multimodal multimodal::without_weights() const {
  multimodal m(config_);
  m.spelling_ = spelling_;
  m.carried_ = carried_;
  m.prefix_ = prefix_;
  m.recomputes_ = recomputes_;
  return m;
}

multimodal multimodal::with_quantised(const std::map<std::string, quantised_weight>& layers,
                                      const quantisation_config& config) const {
  multimodal m = without_weights();
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

multimodal multimodal::with_float_matrices() const {
  multimodal m = without_weights();
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

multimodal multimodal::clone() const {
  multimodal copy = without_weights();
  copy.weights_ = weights_.clone();
  copy.lora_scale_ = lora_scale_;
  copy.bind();
  return copy;
}

multimodal multimodal::on_the_same_base() const {
  multimodal copy = without_weights();
  copy.weights_ = weights_;
  const trainable_set own = trainable_set::of(weights_);
  for (const trainable_tensor& t : own.tensors()) copy.weights_.set(t.name, t.value.detach().clone());
  copy.lora_scale_ = lora_scale_;
  copy.bind();
  return copy;
}

void multimodal::set_prefix(std::vector<std::int32_t> ids) {
  for (const std::int32_t id : ids) {
    FRESHET_ENSURE(id >= 0 && id < config_.text.vocab_size, "set_prefix: no such token");
  }
  prefix_ = std::move(ids);
}

result<void> multimodal::take_frame(const tokenizer& words) {
  FRESHET_TRY(check_frame(words, config_.text.vocab_size));
  if (const auto end = words.answer_end()) {
    auto ends = config_.end_tokens();
    if (std::find(ends.begin(), ends.end(), *end) == ends.end()) ends.push_back(*end);
    config_.generation_ends = std::move(ends);
  }
  if (auto before = words.before_picture()) set_prefix(std::move(*before));
  return {};
}

at::Tensor multimodal::no_picture(std::int64_t rows) const { return at::zeros({rows, 0, config_.text.hidden_size}); }

at::Tensor multimodal::cell_features(const visual_input& cells) const {
  FRESHET_ENSURE(config_.vision.has_value(), "cell_features: a decoder alone sees no pictures");
  const vision_config& v = *config_.vision;
  const auto by_cell = [&](const at::Tensor& x) { return x.reshape({x.size(0), x.size(1) / (v.merge * v.merge), v.cell_features()}); };
  if (v.kind == vision_kind::qwen2_vl) {
    const visual_input in = patches_of(cells, v);
    grid_patches grid;
    // A picture stands still: its frames are the same.
    const std::int64_t n = in.patches.size(0);
    const std::int64_t k = in.patches.size(1);
    grid.patches = in.patches.reshape({n, k, v.num_channels, 1, v.patch_size * v.patch_size})
                       .expand({n, k, v.num_channels, v.temporal_patch, v.patch_size * v.patch_size})
                       .reshape({n, k, in.patches.size(2) * v.temporal_patch});
    grid.rows = in.positions.div(v.grid(), "floor");
    grid.columns = in.positions.remainder(v.grid());
    grid.valid = in.valid;
    return by_cell(grid_tower_.features(grid));
  }
  const std::int64_t layer = config_.projector->vision_feature_layer;
  at::Tensor x = tower_.features(v.merge > 1 ? patches_of(cells, v) : cells, layer);
  if (v.class_token && config_.projector->select == feature_select::drop_class_token) {
    x = x.narrow(1, 1, x.size(1) - 1);
  }
  return by_cell(x);
}

at::Tensor multimodal::tokens_of(const at::Tensor& features) const {
  FRESHET_ENSURE(config_.vision.has_value(), "tokens_of: a decoder alone sees no pictures");
  const vision_config& v = *config_.vision;
  return connector_(features.reshape({features.size(0), features.size(1) * v.merge * v.merge, v.hidden_size}));
}

sequence multimodal::before_text(const at::Tensor& visual, const at::Tensor& valid, const at::Tensor& cells) const {
  const std::int64_t n = visual.size(0);
  const std::int64_t k = visual.size(1);
  const auto p = static_cast<std::int64_t>(prefix_.size());
  const std::vector<std::int64_t> ids(prefix_.begin(), prefix_.end());
  const at::Tensor begin = at::tensor(ids, at::kLong).unsqueeze(0).expand({n, p});
  const at::Tensor counted = at::arange(p, at::kLong).unsqueeze(0).expand({n, p});
  const at::Tensor seen = valid.defined() ? valid : at::ones({n, k}, at::kBool);
  sequence out;
  out.embeds = at::cat({decoder_.embed(begin), visual}, 1);
  out.valid = at::cat({at::ones({n, p}, at::kBool), seen}, 1);
  if (config_.text.rope.mrope_section.empty() || k == 0) {
    // The picture's tokens are numbered as if the missing ones had never been there.
    const at::Tensor rank = seen.to(at::kLong).cumsum(1);
    out.positions = at::cat({counted, rank + (p - 1)}, 1);
    out.next = k == 0 ? at::full({n, 1}, p, at::kLong) : rank.narrow(1, k - 1, 1) + p;
    return out;
  }
  // Each stands where it is in the picture; text goes on behind the longer edge (arXiv 2409.12191, figure 3).
  const std::int64_t grid = config_.vision->cell_grid();
  FRESHET_ENSURE(cells.defined() || k == config_.vision->cells(), "before_text: some cells without their positions");
  const at::Tensor cell = (cells.defined() ? cells : at::arange(k, at::kLong).unsqueeze(0)).expand({n, k});
  const auto with = [&](const at::Tensor& along) { return at::cat({counted, along + p}, 1); };
  out.positions = at::stack({with(at::zeros_like(cell)), with(cell.div(grid, "floor")), with(cell.remainder(grid))}, 0);
  out.next = at::full({n, 1}, p + grid, at::kLong);
  return out;
}

at::Tensor multimodal::text_hidden(const at::Tensor& visual, const at::Tensor& valid, const text_blocks& text,
                                   const at::Tensor& cells) const {
  const sequence before = before_text(visual, valid, cells);
  const std::int64_t n = visual.size(0);
  const std::int64_t p = before.embeds.size(1);
  const std::int64_t t = text.ids.size(1);
  const at::Tensor embeds = at::cat({before.embeds, decoder_.embed(text.ids)}, 1);
  const at::Tensor positions = join_positions(before.positions, text.offset + before.next);
  // Text sees its own block only.
  const at::Tensor block = at::cat({at::full({n, p}, -2, at::kLong), text.block}, 1);
  const at::Tensor same = block.unsqueeze(2).eq(block.unsqueeze(1)).logical_or(block.eq(-2).unsqueeze(1));
  const at::Tensor keep = causal(at::cat({before.valid, text.block.ge(0)}, 1)).logical_and(same);
  return decoder_.hidden(embeds, positions, additive_mask(keep).unsqueeze(1)).narrow(1, p, t);
}

}  // namespace freshet::model
