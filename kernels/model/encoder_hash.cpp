#include "kernels/model/encoder_hash.hpp"

#include "kernels/model/part_names.hpp"
#include "kernels/model/tensor_bridge.hpp"

namespace freshet::model {

encoder_hasher::encoder_hasher(const model_config& config) : sees_(config.vision.has_value()) {
  if (!sees_) return;
  const vision_config& v = *config.vision;
  const projector_config& p = *config.projector;
  // Two ways to name one layer.
  const std::int64_t layer = p.vision_feature_layer < 0 ? v.num_hidden_layers + 1 + p.vision_feature_layer : p.vision_feature_layer;
  std::vector<double> read;
  for (const std::int64_t whole : {static_cast<std::int64_t>(v.kind), v.num_attention_heads, v.image_size, v.patch_size,
                                   static_cast<std::int64_t>(v.hidden_act), std::int64_t{v.class_token}, v.merge, v.temporal_patch,
                                   layer, static_cast<std::int64_t>(p.select)}) {
    read.push_back(static_cast<double>(whole));
  }
  read.push_back(v.layer_norm_eps);
  read.push_back(v.pixels.scale);
  read.insert(read.end(), v.pixels.mean.begin(), v.pixels.mean.end());
  read.insert(read.end(), v.pixels.deviation.begin(), v.pixels.deviation.end());
  hash_.add("read", {}, host_tensor::copy_of(dtype::f64, {static_cast<std::int64_t>(read.size())}, read.data()));
}

void encoder_hasher::add(const std::string& name, const std::vector<std::int64_t>& shape, const host_tensor& values) {
  if (name.compare(0, tower_part.size(), tower_part) == 0) hash_.add(name, shape, values);
}

content_hash encoder_hasher::digest() const { return sees_ ? content_hash(hash_.digest()) : content_hash(); }

content_hash encoder_hash(const multimodal& model) {
  encoder_hasher hash(model.config());
  for (const auto& [name, value] : model.weights().all()) hash.add(name, value.sizes().vec(), to_host(value));
  return hash.digest();
}

}  // namespace freshet::model
