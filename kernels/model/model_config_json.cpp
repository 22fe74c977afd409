#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/quantisation_section.hpp"

namespace freshet::model {
namespace {

using nlohmann::json;

// A name that already means the same (gelu_new for gelu_pytorch_tanh) stays as it was written.
void put(json& node, const char* key, activation kind) {
  const auto at = node.find(key);
  if (at == node.end() || activation_of(*at) != kind) node[key] = name(kind);
}

// Absence would mean Llama's default ids, so "none" is written as null.
void put_token(json& node, const char* key, std::optional<std::int32_t> id) {
  if (id) {
    node[key] = *id;
  } else if (!node.contains(key) || node[key] != -1) {
    node[key] = nullptr;
  }
}

void put_eos(json& node, const std::vector<std::int32_t>& ids) {
  const bool was_list = node.contains("eos_token_id") && node["eos_token_id"].is_array();
  if (ids.empty() && !was_list) {
    node["eos_token_id"] = nullptr;
  } else if (ids.size() == 1 && !was_list) {
    node["eos_token_id"] = ids[0];
  } else {
    node["eos_token_id"] = ids;
  }
}

void put_rope(json& node, const rope_config& rope) {
  const bool newer = node.contains("rope_parameters") && node["rope_parameters"].is_object();
  const char* key = newer ? "rope_parameters" : "rope_scaling";
  const bool inside = newer || (node.contains(key) && node[key].is_object() && node[key].contains("rope_theta"));
  if (!inside || node.contains("rope_theta")) node["rope_theta"] = rope.theta;
  if (rope.kind == rope_kind::standard && !newer) {
    const bool says_default = node.contains(key) && node[key].is_object() &&
                              (node[key].value("rope_type", node[key].value("type", "default")) == "default");
    if (!says_default) node[key] = nullptr;
    if (!says_default || !inside) return;
  }
  json& scaling = node[key];
  if (!scaling.is_object()) scaling = json::object();
  if (inside) scaling["rope_theta"] = rope.theta;
  const char* type = scaling.contains("type") && !scaling.contains("rope_type") ? "type" : "rope_type";
  scaling[type] = rope.kind == rope_kind::llama3 ? "llama3" : rope.kind == rope_kind::linear ? "linear" : "default";
  if (rope.kind != rope_kind::standard) scaling["factor"] = rope.factor;
  if (rope.kind != rope_kind::llama3) return;
  scaling["low_freq_factor"] = rope.low_freq_factor;
  scaling["high_freq_factor"] = rope.high_freq_factor;
  scaling["original_max_position_embeddings"] = rope.original_max_position_embeddings;
}

void put_text(json& node, const text_config& t) {
  const bool llama = t.kind == text_kind::llama;
  node["model_type"] = llama ? "llama" : "qwen2";
  node["vocab_size"] = t.vocab_size;
  node["hidden_size"] = t.hidden_size;
  node["intermediate_size"] = t.intermediate_size;
  node["num_hidden_layers"] = t.num_hidden_layers;
  node["num_attention_heads"] = t.num_attention_heads;
  node["num_key_value_heads"] = t.num_key_value_heads;
  node["head_dim"] = t.head_dim;
  node["max_position_embeddings"] = t.max_position_embeddings;
  put(node, "hidden_act", t.hidden_act);
  node["rms_norm_eps"] = t.rms_norm_eps;
  node["attention_dropout"] = t.attention_dropout;
  put_rope(node, t.rope);
  node["tie_word_embeddings"] = t.tie_word_embeddings;
  if (llama) {
    node["attention_bias"] = t.qkv_bias;
    node["mlp_bias"] = t.mlp_bias;
  }
  put_token(node, "bos_token_id", t.bos_token_id);
  put_eos(node, t.eos_token_ids);
  put_token(node, "pad_token_id", t.pad_token_id);
}

void put_vision(json& node, const vision_config& v) {
  const bool siglip = v.kind == vision_kind::siglip;
  node["model_type"] = siglip ? "siglip_vision_model" : "clip_vision_model";
  node["hidden_size"] = v.hidden_size;
  node["intermediate_size"] = v.intermediate_size;
  node["num_hidden_layers"] = v.num_hidden_layers;
  node["num_attention_heads"] = v.num_attention_heads;
  node["num_channels"] = v.num_channels;
  node["image_size"] = v.image_size;
  node["patch_size"] = v.patch_size;
  put(node, "hidden_act", v.hidden_act);
  node["layer_norm_eps"] = v.layer_norm_eps;
  node["attention_dropout"] = v.attention_dropout;
  if (siglip) node["vision_use_head"] = v.pooling_head;
  if (!siglip && !v.class_token) {
    node["freshet_no_class_token"] = true;
  } else {
    node.erase("freshet_no_class_token");
  }
  if (v.patch_stem.empty()) {
    node.erase("freshet_patch_stem");
  } else {
    node["freshet_patch_stem"]["channels"] = v.patch_stem;
  }
}

void put_projector(json& node, const projector_config& p) {
  put(node, "projector_hidden_act", p.hidden_act);
  node["multimodal_projector_bias"] = p.bias;
  if (!node.contains("vision_feature_layer") || node["vision_feature_layer"] != json::array({p.vision_feature_layer})) {
    node["vision_feature_layer"] = p.vision_feature_layer;
  }
  node["vision_feature_select_strategy"] = p.select == feature_select::all ? "full" : "default";
  // Either name is in use; both are kept where both stood.
  if (node.contains("image_token_id")) node["image_token_id"] = p.image_token_id;
  if (node.contains("image_token_index") || !node.contains("image_token_id")) {
    node["image_token_index"] = p.image_token_id;
  }
}

}  // namespace

std::string to_json(const model_config& config) {
  json root = json::parse(config.document, nullptr, false);
  if (!root.is_object()) root = json::object();  // no document: the configuration was made in code
  put_quantisation(root, config.quantisation);
  const bool llama = config.text.kind == text_kind::llama;
  if (config.vision && config.projector) {
    if (!root.contains("architectures")) root["architectures"] = json::array({"LlavaForConditionalGeneration"});
    root["model_type"] = "llava";
    put_projector(root, *config.projector);
    for (const char* key : {"vision_config", "text_config"}) {
      if (!root.contains(key) || !root[key].is_object()) root[key] = json::object();
    }
    put_vision(root["vision_config"], *config.vision);
    put_text(root["text_config"], config.text);
  } else {
    if (!root.contains("architectures"))
      root["architectures"] = json::array({llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM"});
    put_text(root, config.text);
  }
  return root.dump(2) + "\n";
}

}  // namespace freshet::model
