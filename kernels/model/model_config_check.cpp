#include "kernels/model/model_config_check.hpp"

namespace freshet::model {
namespace {

constexpr std::int64_t most_patches = 65536;

void check_vision(const vision_config& v, const std::string& at, bool readable, problem_list& problems) {
  const std::size_t before = problems.size();
  problems.within(at + "hidden_size", v.hidden_size, 1, 65536);
  problems.within(at + "intermediate_size", v.intermediate_size, 1, 1 << 20);
  problems.within(at + "num_hidden_layers", v.num_hidden_layers, 1, 1024);
  problems.within(at + "num_attention_heads", v.num_attention_heads, 1, 1024);
  problems.within(at + "num_channels", v.num_channels, 1, 16);
  problems.within(at + "image_size", v.image_size, 1, 8192);
  problems.within(at + "patch_size", v.patch_size, 1, 8192);
  problems.within(at + "layer_norm_eps", v.layer_norm_eps, 1e-15, 0.1);
  problems.within(at + "attention_dropout", v.attention_dropout, 0.0, 1.0);
  problems.within(v.kind == vision_kind::qwen2_vl ? at + "spatial_merge_size" : "scale_factor", v.merge, 1, 64);
  problems.within(at + "temporal_patch_size", v.temporal_patch, 1, 64);
  for (const std::int64_t channels : v.patch_stem) {
    problems.within(at + "freshet_patch_stem.channels", channels, 1, 65536);
  }
  if (v.kind == vision_kind::siglip && v.class_token) {
    problems.add(at + "model_type", "siglip_vision_model", "such a tower has no class token");
  }
  if (!readable || problems.size() > before) return;  // what follows relates these values
  if (v.hidden_size % v.num_attention_heads != 0) {
    problems.add(at + "hidden_size", std::to_string(v.hidden_size),
                 "must be a multiple of num_attention_heads (" + std::to_string(v.num_attention_heads) + ")");
  }
  if (v.kind == vision_kind::qwen2_vl && v.hidden_size / v.num_attention_heads % 4 != 0) {
    problems.add(at + "embed_dim", std::to_string(v.hidden_size),
                 "must give each of num_heads (" + std::to_string(v.num_attention_heads) +
                     ") a multiple of 4 (rows and columns turn pairs)");
  }
  if (v.patch_size > v.image_size) {
    problems.add(at + "patch_size", std::to_string(v.patch_size),
                 "must be at most image_size (" + std::to_string(v.image_size) + ")");
  } else if (v.patches() > most_patches) {
    problems.add(
        at + "patch_size", std::to_string(v.patch_size),
        "gives " + std::to_string(v.patches()) + " patches, must give at most " + std::to_string(most_patches));
  } else if (v.grid() % v.merge != 0) {
    problems.add(at + "image_size", std::to_string(v.image_size),
                 "gives " + std::to_string(v.grid()) + " patches a side, must give a multiple of " +
                     std::to_string(v.merge) + ", the patches a side of a visual token");
  }
}

void check_token(const std::string& key, std::int32_t id, const text_config& t, problem_list& problems) {
  if (id >= 0 && id < t.vocab_size) return;
  problems.add(key, std::to_string(id), "must be below vocab_size (" + std::to_string(t.vocab_size) + ")");
}

void check_text(const text_config& t, const std::string& at, bool readable, problem_list& problems) {
  const std::size_t before = problems.size();
  problems.within(at + "vocab_size", t.vocab_size, 1, 1 << 22);
  problems.within(at + "hidden_size", t.hidden_size, 1, 65536);
  problems.within(at + "intermediate_size", t.intermediate_size, 1, 1 << 20);
  problems.within(at + "num_hidden_layers", t.num_hidden_layers, 1, 1024);
  problems.within(at + "num_attention_heads", t.num_attention_heads, 1, 1024);
  problems.within(at + "num_key_value_heads", t.num_key_value_heads, 1, 1024);
  problems.within(at + "max_position_embeddings", t.max_position_embeddings, 1, 1 << 26);
  problems.within(at + "rms_norm_eps", t.rms_norm_eps, 1e-15, 0.1);
  problems.within(at + "attention_dropout", t.attention_dropout, 0.0, 1.0);
  problems.within(at + "rope_theta", t.rope.theta, 1.0, 1e12);
  problems.within(at + "rope_scaling.factor", t.rope.factor, 1e-3, 1e6);
  if (t.rope.kind == rope_kind::llama3) {
    problems.within(at + "rope_scaling.original_max_position_embeddings", t.rope.original_max_position_embeddings, 1,
                    1 << 26);
    problems.within(at + "rope_scaling.low_freq_factor", t.rope.low_freq_factor, 1e-3, 1e6);
    if (!(t.rope.high_freq_factor > t.rope.low_freq_factor)) {
      problems.add(at + "rope_scaling.high_freq_factor", shown(t.rope.high_freq_factor),
                   "must exceed low_freq_factor (" + shown(t.rope.low_freq_factor) + ")");
    }
  }
  if (!readable || problems.size() > before) return;
  if (t.head_dim < 1 || t.head_dim > 1024 || t.head_dim % 2 != 0) {
    problems.add(at + "head_dim", std::to_string(t.head_dim),
                 "must be even (rotary embedding turns pairs) and lie in 2 to 1024");
  }
  std::int64_t turned = 0;
  for (const std::int64_t pairs : t.rope.mrope_section) {
    problems.within(at + "rope_scaling.mrope_section", pairs, 0, t.head_dim / 2);
    turned += pairs;
  }
  if (!t.rope.mrope_section.empty() && turned != t.head_dim / 2) {
    problems.add(at + "rope_scaling.mrope_section", "a sum of " + std::to_string(turned),
                 "must sum to half of head_dim (" + std::to_string(t.head_dim / 2) + ")");
  }
  if (t.num_attention_heads % t.num_key_value_heads != 0) {
    problems.add(at + "num_key_value_heads", std::to_string(t.num_key_value_heads),
                 "must divide num_attention_heads (" + std::to_string(t.num_attention_heads) + ")");
  }
  if (t.bos_token_id) check_token(at + "bos_token_id", *t.bos_token_id, t, problems);
  if (t.pad_token_id) check_token(at + "pad_token_id", *t.pad_token_id, t, problems);
  for (const std::int32_t id : t.eos_token_ids) check_token(at + "eos_token_id", id, t, problems);
}

void check_projector(const projector_config& p, const vision_config& v, problem_list& problems) {
  // Hidden states are the embeddings and the output of every layer: layers + 1 of them.
  problems.within("vision_feature_layer", p.vision_feature_layer, -(v.num_hidden_layers + 1), v.num_hidden_layers);
  if (p.select == feature_select::drop_class_token && !v.class_token) {
    problems.add("vision_feature_select_strategy", "\"default\"",
                 "must be \"full\": the vision tower has no class token, a patch would be dropped");
  }
  if (p.kind == connector_kind::mlp && v.merge != 1) {
    problems.add("merge", std::to_string(v.merge), "an MLP connector makes a token of each patch: must be 1");
  }
  if (p.image_token_id < 0) problems.add("image_token_index", std::to_string(p.image_token_id), "must be 0 or more");
}

}  // namespace

void check_model_config(const model_config& config, readable_sections readable, problem_list& problems) {
  const bool sees = config.vision.has_value();
  if (sees != config.projector.has_value()) {
    problems.add("vision_config", sees ? "present" : "absent", "a vision tower and a projector come together");
    return;
  }
  check_text(config.text, sees ? "text_config." : "", readable.text, problems);
  if (!sees) return;
  check_vision(*config.vision, "vision_config.", readable.vision, problems);
  if (readable.vision && readable.projector) check_projector(*config.projector, *config.vision, problems);
}

result<void> check_model_config(const model_config& config, std::string_view origin) {
  problem_list problems;
  check_model_config(config, readable_sections{}, problems);
  return problems.as_result(origin);
}

}  // namespace freshet::model
