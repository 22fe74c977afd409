#include "kernels/model/config_text.hpp"

#include <limits>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_eos_ids = 256;

rope_config read_rope(const section& in) {
  rope_config rope;
  // Since transformers 5 "rope_parameters" holds both the base and the scaling.
  const section scaling = in.inner(in.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
  rope.theta = scaling.real("rope_theta", in.real("rope_theta", 10000));
  const std::string kind = scaling.word(scaling.has("rope_type") ? "rope_type" : "type", "default");
  const auto require = [&](const char* key) {
    if (!scaling.has(key)) in.problems().missing(scaling.path(key), "rope scaling of type " + kind + " needs it");
  };
  const auto required = [&](const char* key) {
    require(key);
    return scaling.real(key, 1);
  };
  if (kind == "linear" || kind == "dynamic" || kind == "llama3") {
    rope.kind = kind == "linear" ? rope_kind::linear : kind == "dynamic" ? rope_kind::dynamic : rope_kind::llama3;
    rope.factor = required("factor");
  } else if (kind != "default" && kind != "mrope") {
    scaling.problem("rope_type", kind, "must be default, linear, dynamic, llama3 or mrope");
  }
  // Files say "mrope", newer ones "default" with sections: either way the sections are what matters.
  if (kind == "mrope") require("mrope_section");
  rope.mrope_section = scaling.integers("mrope_section", {}, 3);
  if (!rope.mrope_section.empty() && rope.mrope_section.size() != 3) {
    scaling.problem("mrope_section", rope.mrope_section, "must be three counts: for time, rows and columns");
  }
  if (rope.kind == rope_kind::llama3) {
    rope.low_freq_factor = required("low_freq_factor");
    rope.high_freq_factor = required("high_freq_factor");
    require("original_max_position_embeddings");
    rope.original_max_position_embeddings = scaling.integer("original_max_position_embeddings", 1);
  }
  return rope;
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

const char* rope_type(rope_kind kind) {
  switch (kind) {
    case rope_kind::standard: return "default";
    case rope_kind::linear: return "linear";
    case rope_kind::llama3: return "llama3";
    case rope_kind::dynamic: return "dynamic";
  }
  return "default";
}

void put_rope(json& node, const rope_config& rope) {
  const bool newer = node.contains("rope_parameters") && node["rope_parameters"].is_object();
  const char* key = newer ? "rope_parameters" : "rope_scaling";
  if (!rope.mrope_section.empty()) {  // what is there already says so
    json& scaling = inner_object(node, key);
    if (!scaling.contains("type") && !scaling.contains("rope_type")) scaling["type"] = "mrope";
    scaling["mrope_section"] = rope.mrope_section;
    (newer ? scaling : node)["rope_theta"] = rope.theta;
    return;
  }
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
  scaling[type] = rope_type(rope.kind);
  if (rope.kind != rope_kind::standard) scaling["factor"] = rope.factor;
  if (rope.kind != rope_kind::llama3) return;
  scaling["low_freq_factor"] = rope.low_freq_factor;
  scaling["high_freq_factor"] = rope.high_freq_factor;
  scaling["original_max_position_embeddings"] = rope.original_max_position_embeddings;
}

}  // namespace

text_kind read_text_kind(const section& in) {
  const std::string kind = in.word("model_type", "llama");
  if (kind != "qwen2" && kind != "llama") in.problem("model_type", kind, "must be llama or qwen2");
  return kind == "qwen2" ? text_kind::qwen2 : text_kind::llama;
}

text_config read_text(const section& in, const section& outer, text_kind kind) {
  text_config t;
  const std::size_t problems_before = in.problems().size();
  const bool qwen2 = kind == text_kind::qwen2;
  t.kind = kind;
  t.vocab_size = in.integer("vocab_size", qwen2 ? 151936 : 32000);
  t.hidden_size = in.integer("hidden_size", 4096);
  t.intermediate_size = in.integer("intermediate_size", qwen2 ? 22016 : 11008);
  t.num_hidden_layers = in.integer("num_hidden_layers", 32);
  t.num_attention_heads = in.integer("num_attention_heads", 32);
  t.num_key_value_heads = in.integer("num_key_value_heads", qwen2 ? 32 : t.num_attention_heads);
  if (!in.has("head_dim") && t.num_attention_heads > 0 && t.hidden_size % t.num_attention_heads != 0 &&
      in.problems().size() == problems_before) {
    in.problem("hidden_size", t.hidden_size,
               "must be a multiple of num_attention_heads (" + std::to_string(t.num_attention_heads) +
                   ") where head_dim is absent");
  }
  t.head_dim = in.integer("head_dim", t.num_attention_heads > 0 ? t.hidden_size / t.num_attention_heads : 0);
  t.max_position_embeddings = in.integer("max_position_embeddings", qwen2 ? 32768 : 2048);
  t.hidden_act = in.act("hidden_act", activation::silu);
  t.rms_norm_eps = in.real("rms_norm_eps", 1e-6);
  t.attention_dropout = in.real("attention_dropout", 0);
  t.rope = read_rope(in);
  t.tie_word_embeddings = in.flag("tie_word_embeddings", false);
  const bool attention_bias = in.flag("attention_bias", false);
  t.qkv_bias = qwen2 || attention_bias;
  t.output_bias = !qwen2 && attention_bias;
  t.mlp_bias = !qwen2 && in.flag("mlp_bias", false);
  if (in.flag("use_sliding_window", false)) {
    in.problem("use_sliding_window", true, "must be false: attention over a sliding window is not built in");
  }
  // Ids that text_config lacks may stand one level up; then come Llama's own 1 and 2.
  const auto id_section = [&](const char* key) -> const section& { return in.mentions(key) ? in : outer; };
  const auto llama_id = [&](std::int32_t id) { return qwen2 ? std::nullopt : std::optional<std::int32_t>(id); };
  t.bos_token_id = id_section("bos_token_id").token("bos_token_id", llama_id(1));
  t.pad_token_id = id_section("pad_token_id").token("pad_token_id", std::nullopt);
  const section& eos = id_section("eos_token_id");
  std::vector<std::int64_t> default_eos;
  if (!qwen2 && !eos.mentions("eos_token_id")) default_eos.push_back(2);
  for (const std::int64_t id : eos.integers("eos_token_id", default_eos, most_eos_ids)) {
    if (id >= 0 && id <= std::numeric_limits<std::int32_t>::max()) {
      t.eos_token_ids.push_back(static_cast<std::int32_t>(id));
    } else {
      eos.problem("eos_token_id", id, "must be a token id (0 or more)");
    }
  }
  return t;
}

// A name that already means the same (gelu_new for gelu_pytorch_tanh) stays as it was written.
void put(json& node, const char* key, activation kind) {
  const auto at = node.find(key);
  if (at == node.end() || activation_of(*at) != kind) node[key] = name(kind);
}

void put_vision_sizes(json& node, const vision_config& v) {
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
}

void put_text(json& node, const text_config& t) {
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
  if (t.kind == text_kind::llama) {
    node["attention_bias"] = t.qkv_bias;
    node["mlp_bias"] = t.mlp_bias;
  }
  put_token(node, "bos_token_id", t.bos_token_id);
  put_eos(node, t.eos_token_ids);
  put_token(node, "pad_token_id", t.pad_token_id);
}

std::int32_t read_image_token(const section& in, std::int32_t fallback) {
  const auto by_index = in.token("image_token_index", std::nullopt);
  const auto by_id = in.token("image_token_id", std::nullopt);
  if (by_index && by_id && *by_index != *by_id) {
    in.problem("image_token_id", *by_id, "must equal image_token_index (" + std::to_string(*by_index) + ")");
  }
  return by_index ? *by_index : by_id.value_or(fallback);
}

void put_image_token(json& node, std::int32_t id, const char* name_of_new_files) {
  // Either name is in use; both are kept where both stood.
  bool stood = false;
  for (const char* key : {"image_token_id", "image_token_index"}) {
    if (!node.contains(key)) continue;
    node[key] = id;
    stood = true;
  }
  if (!stood) node[name_of_new_files] = id;
}

json& inner_object(json& node, const char* key) {
  if (!node.contains(key) || !node[key].is_object()) node[key] = json::object();
  return node[key];
}

}  // namespace freshet::model
