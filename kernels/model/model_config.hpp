// What a checkpoint's config.json says of its model: the LLaVA family (CLIP or SigLIP vision tower,
// MLP projector, Llama or Qwen2 decoder) and the bare decoders, under Hugging Face's keys and
// with its defaults for keys that are absent.
//
// Two keys of our own in vision_config, for the small models that we train ourselves:
//   "freshet_patch_stem": {"channels": [c1, c2, ...]}  a small convolutional stem over the picture, missing
//                                                      patches blank, instead of a linear embedding
//   "freshet_no_class_token": true                     CLIP without class token and pre_layrnorm
//
// Thread contract: plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/result.hpp"

namespace freshet::model {

using freshet::operator==;
using freshet::operator!=;

/// gelu is the exact (erf) one, gelu_tanh its tanh approximation, quick_gelu x * sigmoid(1.702 x).
enum class activation : std::uint8_t { gelu, gelu_tanh, quick_gelu, silu, relu };
[[nodiscard]] std::string_view name(activation kind) noexcept;

enum class vision_kind : std::uint8_t { clip, siglip };
enum class text_kind : std::uint8_t { llama, qwen2 };
/// Which tokens of the chosen vision layer go on: all of them, or all but the class token.
enum class feature_select : std::uint8_t { drop_class_token, all };

struct vision_config {
  vision_kind kind = vision_kind::clip;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_channels = 0;
  std::int64_t image_size = 0;  ///< edge of the square input, pixels
  std::int64_t patch_size = 0;  ///< edge of a patch, pixels; a remainder of the image is dropped, as HF does
  activation hidden_act = activation::quick_gelu;
  double layer_norm_eps = 0;
  double attention_dropout = 0;
  bool class_token = true;                ///< CLIP only: a class token and the pre_layrnorm
  bool pooling_head = false;              ///< SigLIP's attention pooling; LLaVA does not use it
  std::vector<std::int64_t> patch_stem;   ///< channels of the convolutional stem; empty = linear embedding

  [[nodiscard]] std::int64_t head_dim() const noexcept { return hidden_size / num_attention_heads; }
  [[nodiscard]] std::int64_t grid() const noexcept { return image_size / patch_size; }
  [[nodiscard]] std::int64_t patches() const noexcept { return grid() * grid(); }
  /// Length of the tower's sequence for a whole image.
  [[nodiscard]] std::int64_t tokens() const noexcept { return patches() + (class_token ? 1 : 0); }

  FRESHET_FIELDS(kind, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_channels, image_size,
                 patch_size, hidden_act, layer_norm_eps, attention_dropout, class_token, pooling_head, patch_stem)
};

enum class rope_kind : std::uint8_t { standard, linear, llama3 };

/// Rotary embedding; the factors matter for linear (positions / factor) and llama3 only.
struct rope_config {
  rope_kind kind = rope_kind::standard;
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 1;
  std::int64_t original_max_position_embeddings = 0;
  FRESHET_FIELDS(kind, theta, factor, low_freq_factor, high_freq_factor, original_max_position_embeddings)
};

struct text_config {
  text_kind kind = text_kind::llama;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_position_embeddings = 0;
  activation hidden_act = activation::silu;
  double rms_norm_eps = 0;
  double attention_dropout = 0;
  rope_config rope;
  bool tie_word_embeddings = false;
  bool qkv_bias = false;     ///< Llama: attention_bias; Qwen2: always
  bool output_bias = false;  ///< Llama: attention_bias; Qwen2: never
  bool mlp_bias = false;
  std::optional<std::int32_t> bos_token_id;
  std::vector<std::int32_t> eos_token_ids;  ///< any of them ends an answer
  std::optional<std::int32_t> pad_token_id;

  FRESHET_FIELDS(kind, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
                 num_key_value_heads, head_dim, max_position_embeddings, hidden_act, rms_norm_eps, attention_dropout,
                 rope, tie_word_embeddings, qkv_bias, output_bias, mlp_bias, bos_token_id, eos_token_ids, pad_token_id)
};

struct projector_config {
  activation hidden_act = activation::gelu;
  bool bias = true;
  /// Index into the tower's hidden states [layers + 1], negative from the end: -2 is the input of the last layer.
  std::int64_t vision_feature_layer = -2;
  feature_select select = feature_select::drop_class_token;
  std::int32_t image_token_id = 32000;
  FRESHET_FIELDS(hidden_act, bias, vision_feature_layer, select, image_token_id)
};

/// "quantization_config": {"quant_method": "freshet", "bits": 8|4, "group_size": -1|32|64|128, "version": 1}
/// (kernels/quant/packed_weight.hpp has the layout). Matrices of embedding and head may have 8 bits beside 4.
struct quantisation_config {
  int bits = 8;
  std::int64_t group_size = -1;  ///< columns that share a scale; -1 = a whole row, with 8 bits
  FRESHET_FIELDS(bits, group_size)
};

struct model_config {
  /// Present where matrices are in 8 or 4 bits.
  std::optional<quantisation_config> quantisation;
  text_config text;
  /// Both or neither: absent for a bare decoder.
  std::optional<vision_config> vision;
  std::optional<projector_config> projector;
  /// The JSON text that this was read from; to_json keeps what we do not know. Not part of equality.
  std::string document;

  /// Image tokens that a whole image becomes in the decoder's sequence; 0 for a bare decoder.
  [[nodiscard]] std::int64_t image_tokens() const noexcept;
  FRESHET_FIELDS(quantisation, text, vision, projector)
};

/// Reads the text of a config.json. The error (errc::config) lists all problems, each with origin,
/// key, value and what would be right.
result<model_config> parse_model_config(std::string_view json, std::string_view origin);

/// The same checks for a configuration made in code.
result<void> check_model_config(const model_config& config, std::string_view origin);

/// Hugging Face's layout, keys sorted, two spaces of indent; unknown keys of `document` are kept.
std::string to_json(const model_config& config);

/// `folder`/config.json
result<model_config> load_model_config(const std::filesystem::path& folder);
result<void> save_model_config(const model_config& config, const std::filesystem::path& folder);

}  // namespace freshet::model
