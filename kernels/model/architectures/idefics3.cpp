// Idefics3 (arXiv 2408.12637) and SmolVLM (arXiv 2504.05299): a SigLIP tower that reads pictures of any
// proportion in a padded square, cells of patches shuffled into one token, a Llama decoder.
#include "kernels/model/architecture.hpp"
#include "kernels/model/config_text.hpp"

namespace freshet::model {

const architecture& idefics3_architecture();
const architecture& smolvlm_architecture();

namespace {

using nlohmann::json;

constexpr std::int32_t default_image_token = 128257;

vision_config read_vision(const section& in) {
  vision_config v;
  v.kind = vision_kind::idefics3;
  v.class_token = false;
  const std::string kind = in.word("model_type", "idefics3_vision");
  if (kind != "idefics3_vision" && kind != "smolvlm_vision" && kind != "idefics3" && kind != "smolvlm") {
    in.problem("model_type", kind, "must be idefics3_vision or smolvlm_vision");
  }
  v.hidden_size = in.integer("hidden_size", 1152);
  v.intermediate_size = in.integer("intermediate_size", 3072);
  v.num_hidden_layers = in.integer("num_hidden_layers", 12);
  v.num_attention_heads = in.integer("num_attention_heads", 16);
  v.num_channels = in.integer("num_channels", 3);
  v.image_size = in.integer("image_size", 224);
  v.patch_size = in.integer("patch_size", 32);
  v.hidden_act = in.act("hidden_act", activation::gelu_tanh);
  v.layer_norm_eps = in.real("layer_norm_eps", 1e-6);
  v.attention_dropout = in.real("attention_dropout", 0);
  return v;
}

void read(const section& top, model_config& out, readable_sections& readable) {
  const problem_list& problems = top.problems();
  std::size_t before = problems.size();
  out.vision = read_vision(top.inner("vision_config"));
  out.vision->merge = top.integer("scale_factor", 2);
  readable.vision = problems.size() == before;
  before = problems.size();
  const section text = top.inner("text_config");
  out.text = read_text(text, top, read_text_kind(text));
  // Its transformers class ties by the outer key, the newer ones by the decoder's.
  if (!text.has("tie_word_embeddings")) out.text.tie_word_embeddings = top.flag("tie_word_embeddings", false);
  readable.text = problems.size() == before;
  before = problems.size();
  out.projector.emplace();
  out.projector->kind = connector_kind::pixel_shuffle;
  out.projector->bias = false;
  out.projector->vision_feature_layer = -1;
  out.projector->select = feature_select::all;
  out.projector->image_token_id = read_image_token(top, default_image_token);
  readable.projector = problems.size() == before;
}

void write_as(const char* vision_type, const model_config& config, json& root) {
  root["scale_factor"] = config.vision->merge;
  put_image_token(root, config.projector->image_token_id, "image_token_id");
  json& vision = inner_object(root, "vision_config");
  if (!vision.contains("model_type")) vision["model_type"] = vision_type;
  put_vision_sizes(vision, *config.vision);
  json& text = inner_object(root, "text_config");
  text["model_type"] = config.text.kind == text_kind::llama ? "llama" : "qwen2";
  put_text(text, config.text);
  if (root.contains("tie_word_embeddings")) root["tie_word_embeddings"] = config.text.tie_word_embeddings;
}

const std::vector<part_spelling> spellings{
    {vision_model_part, {"model.vision_model.", "vision_model."}, "model.vision_model."},
    {connector_part, {"model.connector.", "connector."}, "model.connector."},
    {decoder_part, {"model.text_model.", "text_model."}, "model.text_model."},
    {head_part, {"lm_head.", "model.lm_head."}, "lm_head."}};

}  // namespace

const architecture& idefics3_architecture() {
  static const architecture it{
      "idefics3", "Idefics3ForConditionalGeneration", read,
      [](const model_config& config, json& root) { write_as("idefics3_vision", config, root); }, spellings};
  return it;
}

const architecture& smolvlm_architecture() {
  static const architecture it{
      "smolvlm", "SmolVLMForConditionalGeneration", read,
      [](const model_config& config, json& root) { write_as("smolvlm_vision", config, root); }, spellings};
  return it;
}

}  // namespace freshet::model
