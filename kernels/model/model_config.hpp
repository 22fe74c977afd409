// What a checkpoint's config.json says of its model: a vision tower, a connector and a decoder, or a
// bare decoder, under Hugging Face's keys and with its defaults for keys that are absent. Which
// architectures there are, and how each is read and written, stands in architecture.hpp.
//
// Two keys of our own in vision_config, for the small models that we train ourselves:
//   "freshet_patch_stem": {"channels": [c1, c2, ...]}  a small convolutional stem over the picture, missing
//                                                      patches blank, instead of a linear embedding
//   "freshet_no_class_token": true                     CLIP without class token and pre_layrnorm
//
// Thread contract: plain values.
#pragma once

#include <array>
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

/// idefics3 is SigLIP that reads padded pictures and is used after its last norm.
enum class vision_kind : std::uint8_t { clip, siglip, idefics3, qwen2_vl };
enum class connector_kind : std::uint8_t { mlp, pixel_shuffle, patch_merger };
enum class text_kind : std::uint8_t { llama, qwen2 };
[[nodiscard]] std::string_view name(vision_kind kind) noexcept;
[[nodiscard]] std::string_view name(connector_kind kind) noexcept;
[[nodiscard]] std::string_view name(text_kind kind) noexcept;
/// Which tokens of the chosen vision layer go on: all of them, or all but the class token.
enum class feature_select : std::uint8_t { drop_class_token, all };

/// What the tower reads for a level from 0 to 255 of each channel: (level · scale − mean) / deviation.
struct pixel_scaling {
  double scale = 1.0 / 255.0;
  std::array<double, 3> mean{0.5, 0.5, 0.5};
  std::array<double, 3> deviation{0.5, 0.5, 0.5};
  FRESHET_FIELDS(scale, mean, deviation)
};

struct vision_config {
  vision_kind kind = vision_kind::clip;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_channels = 0;
  std::int64_t image_size = 0;  ///< edge of the square input, pixels; for towers that read any size: of the engine's pictures
  std::int64_t patch_size = 0;  ///< edge of a patch, pixels; a remainder of the image is dropped, as HF does
  activation hidden_act = activation::quick_gelu;
  double layer_norm_eps = 0;
  double attention_dropout = 0;
  bool class_token = true;                ///< CLIP only: a class token and the pre_layrnorm
  bool pooling_head = false;              ///< SigLIP's attention pooling; LLaVA does not use it
  std::vector<std::int64_t> patch_stem;   ///< channels of the convolutional stem; empty = linear embedding
  std::int64_t merge = 1;                 ///< edge, in patches, of the cell that becomes one visual token
  std::int64_t temporal_patch = 1;        ///< frames of a patch; a picture is repeated that often
  pixel_scaling pixels;                   ///< of preprocessor_config.json; not part of equality

  [[nodiscard]] std::int64_t head_dim() const noexcept { return hidden_size / num_attention_heads; }
  [[nodiscard]] std::int64_t grid() const noexcept { return image_size / patch_size; }
  [[nodiscard]] std::int64_t patches() const noexcept { return grid() * grid(); }
  /// A cell is what becomes one visual token: a patch, or a square of merge² of them.
  [[nodiscard]] std::int64_t cell_size() const noexcept { return patch_size * merge; }
  /// Of one cell, all channels.
  [[nodiscard]] std::int64_t cell_values() const noexcept { return num_channels * cell_size() * cell_size(); }
  /// What the tower makes of one cell.
  [[nodiscard]] std::int64_t cell_features() const noexcept { return hidden_size * merge * merge; }
  [[nodiscard]] std::int64_t cell_grid() const noexcept { return grid() / merge; }
  [[nodiscard]] std::int64_t cells() const noexcept { return cell_grid() * cell_grid(); }
  /// Length of the tower's sequence for a whole image.
  [[nodiscard]] std::int64_t tokens() const noexcept { return patches() + (class_token ? 1 : 0); }

  FRESHET_FIELDS(kind, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_channels, image_size,
                 patch_size, hidden_act, layer_norm_eps, attention_dropout, class_token, pooling_head, patch_stem, merge,
                 temporal_patch)
};

enum class rope_kind : std::uint8_t { standard, linear, llama3, dynamic };

/// Rotary embedding. `factor`: linear divides positions by it, dynamic raises the base with it where
/// a sequence is longer than max_position_embeddings.
struct rope_config {
  rope_kind kind = rope_kind::standard;
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 1;
  std::int64_t original_max_position_embeddings = 0;
  /// Channel pairs that turn by time, row and column (Qwen2-VL); empty: all turn by one position.
  std::vector<std::int64_t> mrope_section = {};
  FRESHET_FIELDS(kind, theta, factor, low_freq_factor, high_freq_factor, original_max_position_embeddings, mrope_section)
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
  connector_kind kind = connector_kind::mlp;
  activation hidden_act = activation::gelu;
  bool bias = true;
  /// Index into the tower's hidden states [layers + 1], negative from the end: -2 is the input of the last layer.
  std::int64_t vision_feature_layer = -2;
  feature_select select = feature_select::drop_class_token;
  std::int32_t image_token_id = 32000;
  FRESHET_FIELDS(kind, hidden_act, bias, vision_feature_layer, select, image_token_id)
};

/// "quantization_config": {"quant_method": "freshet", "bits": 8|4, "group_size": -1|32|64|128, "version": 1}
/// (kernels/quant/packed_weight.hpp has the layout). Matrices of embedding and head may have 8 bits beside 4.
struct quantisation_config {
  int bits = 8;
  std::int64_t group_size = -1;  ///< columns that share a scale; -1 = a whole row, with 8 bits
  FRESHET_FIELDS(bits, group_size)
};

struct model_config {
  /// The file's model_type; empty for a configuration made in code: LLaVA, or its decoder's own.
  std::string architecture;
  /// Present where matrices are in 8 or 4 bits.
  std::optional<quantisation_config> quantisation;
  text_config text;
  /// Both or neither: absent for a bare decoder.
  std::optional<vision_config> vision;
  std::optional<projector_config> projector;
  /// The JSON text that this was read from; to_json keeps what we do not know. Not part of equality.
  std::string document;
  /// What generation_config.json says where it stands beside the file; its end tokens outrank the decoder's.
  std::optional<std::vector<std::int32_t>> generation_ends;
  std::string generation_document;

  /// Any of them ends an answer.
  [[nodiscard]] const std::vector<std::int32_t>& end_tokens() const noexcept {
    return generation_ends ? *generation_ends : text.eos_token_ids;
  }
  /// Image tokens that a whole image becomes in the decoder's sequence; 0 for a bare decoder.
  [[nodiscard]] std::int64_t image_tokens() const noexcept;
  FRESHET_FIELDS(architecture, quantisation, text, vision, projector)
};

/// Reads the text of a config.json. The error (errc::config) lists all problems, each with origin,
/// key, value and what would be right.
result<model_config> parse_model_config(std::string_view json, std::string_view origin);

/// The same checks for a configuration made in code.
result<void> check_model_config(const model_config& config, std::string_view origin);

/// Hugging Face's layout, keys sorted, two spaces of indent; unknown keys of `document` are kept.
std::string to_json(const model_config& config);

/// `folder`/config.json, and what generation_config.json and preprocessor_config.json say where they stand beside it.
result<model_config> load_model_config(const std::filesystem::path& folder);
/// The first two; preprocessor_config.json is for whoever copies a folder.
result<void> save_model_config(const model_config& config, const std::filesystem::path& folder);

}  // namespace freshet::model
