// Qwen2-VL (arXiv 2409.12191): a tower for pictures of any size with rotary positions in two
// dimensions, squares of patches merged into one token, a Qwen2 decoder whose positions have three
// dimensions.
//
// One key of our own in vision_config: "freshet_image_size", the edge in pixels of the square pictures
// that the engine feeds it; without it eight tokens a side.
#include <cmath>

#include "kernels/model/architecture.hpp"
#include "kernels/model/config_text.hpp"

namespace freshet::model {

const architecture& qwen2_vl_architecture();

namespace {

using nlohmann::json;

constexpr std::int32_t default_image_token = 151655;
constexpr std::int64_t default_cells_a_side = 8;

vision_config read_vision(const section& in) {
  vision_config v;
  v.kind = vision_kind::qwen2_vl;
  v.class_token = false;
  v.hidden_size = in.integer("embed_dim", 1280);
  const double ratio = in.real("mlp_ratio", 4);
  v.intermediate_size = static_cast<std::int64_t>(std::llround(static_cast<double>(v.hidden_size) * ratio));
  v.num_hidden_layers = in.integer("depth", 32);
  v.num_attention_heads = in.integer("num_heads", 16);
  // Files have in_chans, the class reads in_channels.
  v.num_channels = in.integer("in_channels", in.integer("in_chans", 3));
  v.patch_size = in.integer("patch_size", 14);
  v.merge = in.integer("spatial_merge_size", 2);
  v.temporal_patch = in.integer("temporal_patch_size", 2);
  v.hidden_act = in.act("hidden_act", activation::quick_gelu);
  v.layer_norm_eps = 1e-6;  // stands in its code
  v.image_size = in.integer("freshet_image_size", v.patch_size * v.merge * default_cells_a_side);
  return v;
}

void put_vision(json& node, const vision_config& v) {
  node["model_type"] = "qwen2_vl";
  node["embed_dim"] = v.hidden_size;
  const double ratio = static_cast<double>(v.intermediate_size) / static_cast<double>(v.hidden_size);
  if (!node.contains("mlp_ratio") || node["mlp_ratio"] != ratio) node["mlp_ratio"] = ratio;
  node["depth"] = v.num_hidden_layers;
  node["num_heads"] = v.num_attention_heads;
  node["in_channels"] = v.num_channels;
  node["patch_size"] = v.patch_size;
  node["spatial_merge_size"] = v.merge;
  node["temporal_patch_size"] = v.temporal_patch;
  put(node, "hidden_act", v.hidden_act);
  const bool standard = v.image_size == v.patch_size * v.merge * default_cells_a_side;
  if (!standard || node.contains("freshet_image_size")) node["freshet_image_size"] = v.image_size;
}

void read(const section& top, model_config& out, readable_sections& readable) {
  const problem_list& problems = top.problems();
  std::size_t before = problems.size();
  const section vision = top.inner("vision_config");
  out.vision = read_vision(vision);
  readable.vision = problems.size() == before;
  before = problems.size();
  // Published files hold the decoder's keys at the top, newer ones in text_config.
  const section text = top.inner("text_config");
  out.text = top.has("text_config") ? read_text(text, top, text_kind::qwen2) : read_text(top, top, text_kind::qwen2);
  if (!text.has("tie_word_embeddings")) out.text.tie_word_embeddings = top.flag("tie_word_embeddings", false);
  if (out.text.rope.mrope_section.empty()) {
    top.problems().missing("rope_scaling.mrope_section", "the decoder's positions have three dimensions");
  }
  readable.text = problems.size() == before;
  before = problems.size();
  out.projector.emplace();
  out.projector->kind = connector_kind::patch_merger;
  out.projector->vision_feature_layer = -1;
  out.projector->select = feature_select::all;
  out.projector->image_token_id = read_image_token(top, default_image_token);
  readable.projector = problems.size() == before;
}

void write(const model_config& config, json& root) {
  put_image_token(root, config.projector->image_token_id, "image_token_id");
  json& vision = inner_object(root, "vision_config");
  put_vision(vision, *config.vision);
  vision["hidden_size"] = config.text.hidden_size;  // here the width of what comes out
  put_text(root.contains("text_config") ? inner_object(root, "text_config") : root, config.text);
}

}  // namespace

const architecture& qwen2_vl_architecture() {
  static const architecture it{"qwen2_vl",
                               "Qwen2VLForConditionalGeneration",
                               read,
                               write,
                               {{connector_part, {"visual.merger.", "model.visual.merger."}, "model.visual.merger."},
                                {tower_part, {"visual.", "model.visual."}, "model.visual."},
                                {decoder_part, {"model.", "model.language_model."}, "model.language_model."},
                                {head_part, {"lm_head.", "model.lm_head."}, "lm_head."}}};
  return it;
}

}  // namespace freshet::model
