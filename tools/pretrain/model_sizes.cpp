#include "tools/pretrain/model_sizes.hpp"

namespace freshet::tools {

model::model_config tiny_config(pair_role role, int side, const model::word_tokenizer& words) {
  const bool teacher = role == pair_role::teacher;
  const std::int64_t width = teacher ? 128 : 64;
  constexpr std::int64_t heads = 4;
  model::model_config c;
  c.vision.emplace();
  c.vision->kind = model::vision_kind::siglip;
  c.vision->class_token = false;
  c.vision->hidden_size = width;
  c.vision->intermediate_size = width * 2;
  c.vision->num_hidden_layers = teacher ? 4 : 3;
  c.vision->num_attention_heads = heads;
  c.vision->num_channels = 3;
  c.vision->image_size = side;
  c.vision->patch_size = 8;
  c.vision->hidden_act = model::activation::gelu_tanh;
  c.vision->layer_norm_eps = 1e-6;
  c.vision->patch_stem = teacher ? std::vector<std::int64_t>{32, 64, 128} : std::vector<std::int64_t>{24, 48, 64};
  c.projector.emplace();
  c.projector->hidden_act = model::activation::gelu_tanh;
  c.projector->vision_feature_layer = -1;
  c.projector->select = model::feature_select::all;
  c.projector->image_token_id = words.image_id;
  c.text.kind = model::text_kind::llama;
  c.text.vocab_size = words.vocab_size();
  c.text.hidden_size = width;
  c.text.intermediate_size = width * 5 / 2;
  c.text.num_hidden_layers = 2;
  c.text.num_attention_heads = heads;
  c.text.num_key_value_heads = heads / 2;
  c.text.head_dim = width / heads;
  c.text.max_position_embeddings = 256;
  c.text.rms_norm_eps = 1e-5;
  c.text.bos_token_id = words.bos_id;
  c.text.eos_token_ids = {words.eos_id};
  c.text.pad_token_id = words.pad_id;
  return c;
}

}  // namespace freshet::tools
