// The decoder's part of a config.json, as all architectures have it, and the writing of what they
// share. Internal to kernels/model.
// Thread contract: free functions without state.
#pragma once

#include <optional>

#include <nlohmann/json.hpp>

#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// model_type: "llama" or "qwen2".
text_kind read_text_kind(const section& in);
/// Ids that `in` lacks may stand in `outer`.
text_config read_text(const section& in, const section& outer, text_kind kind);
/// Everything but model_type.
void put_text(nlohmann::json& node, const text_config& text);
/// The sizes of a vision transformer, under the names that CLIP, SigLIP and Idefics3 share.
void put_vision_sizes(nlohmann::json& node, const vision_config& vision);

/// A name that already means the same (gelu_new for gelu_pytorch_tanh) stays as it was written.
void put(nlohmann::json& node, const char* key, activation kind);
/// Where image_token_id and image_token_index both may stand: `fallback` where neither does.
std::int32_t read_image_token(const section& in, std::int32_t fallback);
void put_image_token(nlohmann::json& node, std::int32_t id, const char* name_of_new_files);
/// node[key], made an object where it is none.
nlohmann::json& inner_object(nlohmann::json& node, const char* key);

}  // namespace freshet::model
