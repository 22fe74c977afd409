// LLaVA (arXiv 2304.08485): a CLIP or SigLIP tower, an MLP, a Llama or Qwen2 decoder.

#include "kernels/model/architecture.hpp"
#include "kernels/model/config_text.hpp"

namespace freshet::model {

const architecture& llava_architecture();

namespace {

using nlohmann::json;

constexpr std::size_t most_stem_layers = 16;

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
  p.image_token_id = read_image_token(in, 32000);
  return p;
}

void put_vision(json& node, const vision_config& v) {
  const bool siglip = v.kind == vision_kind::siglip;
  node["model_type"] = siglip ? "siglip_vision_model" : "clip_vision_model";
  put_vision_sizes(node, v);
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
  put_image_token(node, p.image_token_id, "image_token_index");
}

void read(const section& top, model_config& out, readable_sections& readable) {
  const problem_list& problems = top.problems();
  std::size_t before = problems.size();
  out.vision = read_vision(top.inner("vision_config"), !top.has("vision_config"));
  readable.vision = problems.size() == before;
  before = problems.size();
  const section text = top.inner("text_config");
  out.text = read_text(text, top, read_text_kind(text));
  readable.text = problems.size() == before;
  before = problems.size();
  out.projector = read_projector(top);
  readable.projector = problems.size() == before;
}

void write(const model_config& config, json& root) {
  put_projector(root, *config.projector);
  put_vision(inner_object(root, "vision_config"), *config.vision);
  json& text = inner_object(root, "text_config");
  text["model_type"] = config.text.kind == text_kind::llama ? "llama" : "qwen2";
  put_text(text, config.text);
}

}  // namespace

const architecture& llava_architecture() {
  static const architecture it{
      "llava",
      "LlavaForConditionalGeneration",
      read,
      write,
      {{vision_model_part, {"vision_tower.vision_model.", "model.vision_tower.vision_model.", "model.vision_tower.", "vision_tower."},
        "model.vision_tower.vision_model."},
       {connector_part, {"multi_modal_projector.", "model.multi_modal_projector."}, "model.multi_modal_projector."},
       {decoder_part, {"language_model.model.", "model.language_model.", "model.language_model.model.", "language_model."},
        "model.language_model."},
       {head_part, {"language_model.lm_head.", "lm_head.", "model.language_model.lm_head.", "model.lm_head."}, "lm_head."}}};
  return it;
}

}  // namespace freshet::model
