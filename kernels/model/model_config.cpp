#include "kernels/model/model_config.hpp"

#include <limits>
#include <utility>

#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config_check.hpp"
#include "kernels/model/quantisation_section.hpp"
#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_config_bytes = std::size_t{4} << 20;
constexpr std::size_t most_stem_layers = 16;
constexpr std::size_t most_eos_ids = 256;

vision_config read_vision(const section& in, bool llava_default) {
  vision_config v;
  const std::string kind = in.word("model_type", "clip_vision_model");
  const bool siglip = kind == "siglip_vision_model";
  if (!siglip && kind != "clip_vision_model") {
    in.problem("model_type", kind, "must be clip_vision_model or siglip_vision_model");
  }
  v.kind = siglip ? vision_kind::siglip : vision_kind::clip;
  // A LLaVA configuration without vision_config means CLIP ViT-L/14 at 336 pixels.
  v.hidden_size = in.integer("hidden_size", llava_default ? 1024 : 768);
  v.intermediate_size = in.integer("intermediate_size", llava_default ? 4096 : 3072);
  v.num_hidden_layers = in.integer("num_hidden_layers", llava_default ? 24 : 12);
  v.num_attention_heads = in.integer("num_attention_heads", llava_default ? 16 : 12);
  v.num_channels = in.integer("num_channels", 3);
  v.image_size = in.integer("image_size", llava_default ? 336 : 224);
  v.patch_size = in.integer("patch_size", llava_default ? 14 : (siglip ? 16 : 32));
  v.hidden_act = in.act("hidden_act", siglip ? activation::gelu_tanh : activation::quick_gelu);
  v.layer_norm_eps = in.real("layer_norm_eps", siglip ? 1e-6 : 1e-5);
  v.attention_dropout = in.real("attention_dropout", 0);
  v.pooling_head = siglip && in.flag("vision_use_head", true);
  const bool no_class_token = in.flag("freshet_no_class_token", false);
  v.class_token = !siglip && !no_class_token;
  if (in.has("freshet_patch_stem")) {
    const section stem = in.inner("freshet_patch_stem");
    v.patch_stem = stem.integers("channels", {}, most_stem_layers);
    if (!stem.has("channels")) in.problems().missing(stem.path("channels"), "a stem needs one or more channel counts");
  }
  return v;
}

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
  if (kind == "linear" || kind == "llama3") {
    rope.kind = kind == "linear" ? rope_kind::linear : rope_kind::llama3;
    rope.factor = required("factor");
  } else if (kind != "default") {
    scaling.problem("rope_type", kind, "must be default, linear or llama3");
  }
  if (rope.kind == rope_kind::llama3) {
    rope.low_freq_factor = required("low_freq_factor");
    rope.high_freq_factor = required("high_freq_factor");
    require("original_max_position_embeddings");
    rope.original_max_position_embeddings = scaling.integer("original_max_position_embeddings", 1);
  }
  return rope;
}

text_config read_text(const section& in, const section& outer) {
  text_config t;
  const std::size_t problems_before = in.problems().size();
  const std::string kind = in.word("model_type", "llama");
  const bool qwen2 = kind == "qwen2";
  if (!qwen2 && kind != "llama") in.problem("model_type", kind, "must be llama or qwen2");
  t.kind = qwen2 ? text_kind::qwen2 : text_kind::llama;
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

projector_config read_projector(const section& in) {
  projector_config p;
  p.hidden_act = in.act("projector_hidden_act", activation::gelu);
  p.bias = in.flag("multimodal_projector_bias", true);
  p.vision_feature_layer = -2;
  const json* layer = in.find("vision_feature_layer");
  if (layer != nullptr && layer->is_array() && layer->size() != 1) {
    in.problem("vision_feature_layer", *layer, "must name exactly one layer");
  } else {
    for (const std::int64_t index : in.integers("vision_feature_layer", {-2}, 1)) p.vision_feature_layer = index;
  }
  const std::string select = in.word("vision_feature_select_strategy", "default");
  if (select != "default" && select != "full") {
    in.problem("vision_feature_select_strategy", select, "must be default or full");
  }
  p.select = select == "full" ? feature_select::all : feature_select::drop_class_token;
  const auto by_index = in.token("image_token_index", std::nullopt);
  const auto by_id = in.token("image_token_id", std::nullopt);
  if (by_index && by_id && *by_index != *by_id) {
    in.problem("image_token_id", *by_id, "must equal image_token_index (" + std::to_string(*by_index) + ")");
  }
  p.image_token_id = by_index ? *by_index : by_id.value_or(32000);
  return p;
}

}  // namespace

std::int64_t model_config::image_tokens() const noexcept {
  if (!vision || !projector) return 0;
  return vision->tokens() - (projector->select == feature_select::drop_class_token ? 1 : 0);
}

result<model_config> parse_model_config(std::string_view text, std::string_view origin) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin));
  if (!document.is_object()) return error{errc::config, std::string(origin) + ": must be a JSON object"};
  problem_list problems;
  const section top(document, "", problems);
  if (!top.has("model_type")) {
    problems.missing("model_type", "must be llava, llama or qwen2");
    FRESHET_TRY(problems.as_result(origin));
  }
  const json& kind = document["model_type"];
  if (kind != "llava" && kind != "llama" && kind != "qwen2") {
    return error{errc::unsupported,
                 std::string(origin) + ": model_type = " + shown(kind) + ": must be llava, llama or qwen2"};
  }
  model_config config;
  config.quantisation = read_quantisation(top);
  config.document = std::string(text);
  readable_sections readable;
  const auto clean_since = [&problems](std::size_t before) { return problems.size() == before; };
  if (kind == "llava") {
    std::size_t before = problems.size();
    config.vision = read_vision(top.inner("vision_config"), !top.has("vision_config"));
    readable.vision = clean_since(before);
    before = problems.size();
    config.text = read_text(top.inner("text_config"), top);
    readable.text = clean_since(before);
    before = problems.size();
    config.projector = read_projector(top);
    readable.projector = clean_since(before);
  } else {
    config.text = read_text(top, top);
    readable.text = problems.size() == 0;
  }
  check_model_config(config, readable, problems);
  FRESHET_TRY(problems.as_result(origin));
  return config;
}

result<model_config> load_model_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_config_bytes));
  return parse_model_config(text, path.string());
}

result<void> save_model_config(const model_config& config, const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  FRESHET_TRY(check_model_config(config, path.string()));
  return write_whole_file(path, to_json(config));
}

}  // namespace freshet::model
