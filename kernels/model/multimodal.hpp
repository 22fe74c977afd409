// The model: vision tower → connector → decoder, or a decoder alone, over one set of named parameters;
// LLaVA (arXiv 2304.08485) and the architectures of its kind that architecture.hpp lists, in Hugging
// Face's layout and numbers.
// Ownership: a model owns its parameters. Thread contract: one thread at a time.
// Shapes: N pictures, K visual tokens given (padded), T text positions, V words, D decoder width.
// A cell is the part of a picture that becomes one visual token (vision_config).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/model/connector.hpp"
#include "kernels/model/decoder.hpp"
#include "kernels/model/grid_tower.hpp"
#include "kernels/model/key_spelling.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/parameter_list.hpp"
#include "kernels/model/parameters.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/vision.hpp"

namespace freshet::model {

/// Text after a picture: several blocks (questions with their answers) may share one picture; a
/// block sees the picture and itself, not the other blocks. All i64 [N, T].
struct text_blocks {
  at::Tensor ids;
  at::Tensor block;   ///< number of the block, -1 for padding
  at::Tensor offset;  ///< position within the block, from 0
};

/// Lays blocks out side by side, padded to the longest row.
/// blocks[n] = the token ids of each block of picture n.
[[nodiscard]] text_blocks pack_blocks(const std::vector<std::vector<std::vector<std::int32_t>>>& blocks);

/// What a decoder reads: S positions a row, some of which may be padding.
struct sequence {
  at::Tensor embeds;     ///< f32 [N, S, D]
  at::Tensor positions;  ///< i64 [N, S], or [3, N, S] where the decoder's positions have three dimensions
  at::Tensor valid;      ///< bool [N, S]
  at::Tensor next;       ///< i64 [N, 1] the position of what comes after
};
/// Final hidden states [N, S, D]; each position sees the valid ones before it and itself. `states` as
/// decoder::hidden gives them.
[[nodiscard]] at::Tensor read_sequence(const decoder& by, const sequence& s, std::vector<at::Tensor>* states = nullptr);

class multimodal {
 public:
  /// Reads config.json and the safetensors of `folder`; lists all missing, unexpected and misshapen tensors in
  /// one error. f32 tensors stay in the file, mapped, until something is written into them.
  static result<multimodal> load(const std::filesystem::path& folder);
  /// Fresh random weights (for pretraining and tests).
  static multimodal random(const model_config& config, std::uint64_t seed);
  /// Writes config.json and model.safetensors, without adapter, under the names that were read.
  result<void> save(const std::filesystem::path& folder) const;

  [[nodiscard]] const model_config& config() const { return config_; }
  /// Under the program's names (part_names.hpp), whatever the file's.
  [[nodiscard]] const parameters& weights() const { return weights_; }
  [[nodiscard]] const key_spelling& spelling() const { return spelling_; }
  /// xxh3-64 over names, shapes and bytes of the base weights.
  [[nodiscard]] std::uint64_t base_hash() const;

  /// Puts fresh LoRA matrices beside the targeted layers.
  result<void> attach(const lora_spec& spec);
  /// Takes these tensors in place of its own of the same names and lets others go: handles, nothing is copied.
  void exchange(const std::vector<std::pair<std::string, at::Tensor>>& taken, const std::vector<std::string>& gone,
                double lora_scale);
  /// The same model with the matrices of these layers quantised; all else is shared with this one. Before attach().
  [[nodiscard]] multimodal with_quantised(const std::map<std::string, quantised_weight>& layers,
                                          const quantisation_config& config) const;
  /// The weights that the quantised matrices stand for, as floats: tells the error of rounded weights from that
  /// of rounded activations. Before attach().
  [[nodiscard]] multimodal with_float_matrices() const;
  /// An independent copy, adapter included.
  [[nodiscard]] multimodal clone() const;
  /// A copy that owns what an update may change (trainable_set) and shares the frozen base with this one: for who
  /// writes nothing else. A base of gigabytes is held once, however many students stand on it.
  [[nodiscard]] multimodal on_the_same_base() const;

  /// Whether the way back of a step computes each layer of tower and decoder once more instead of keeping what it needs
  /// of it (recompute.hpp): less memory, more time, the same bits.
  void recompute_layers(bool on);

  /// The tokens before every picture: at first the begin token, or nothing where the model has none. A chat
  /// template puts more there; cloud and devices must agree.
  [[nodiscard]] const std::vector<std::int32_t>& prefix() const { return prefix_; }
  void set_prefix(std::vector<std::int32_t> ids);
  /// Prefix and end of answers as `words` has them; a tokenizer without a template changes nothing. Errors:
  /// errc::unsupported for ids that the model does not have.
  result<void> take_frame(const tokenizer& words);

  /// Visual tokens after the connector [N, K, D], of pictures cut into cells: patches f32 [N, K, channels ·
  /// cell_size²], positions in the grid of cells.
  [[nodiscard]] at::Tensor visual_tokens(const visual_input& cells) const { return tokens_of(cell_features(cells)); }
  /// The tower's part of that: the features of each cell's patches, one after another, [N, K, F = merge² · E].
  [[nodiscard]] at::Tensor cell_features(const visual_input& cells) const;
  /// The connector's: [N, K, F] → [N, K, D], each cell by itself.
  [[nodiscard]] at::Tensor tokens_of(const at::Tensor& features) const;
  /// For text without pictures: [rows, 0, D].
  [[nodiscard]] at::Tensor no_picture(std::int64_t rows) const;

  /// The prefix and the picture. `valid` bool [N, K] or undefined; `cells` i64 [N, K] as in visual_input, which
  /// only decoders with positions in three dimensions ask for; undefined = 0..K-1.
  [[nodiscard]] sequence before_text(const at::Tensor& visual, const at::Tensor& valid, const at::Tensor& cells = {}) const;
  /// Final hidden states at the text positions [N, T, D]. The sequence is: prefix, visual tokens, blocks.
  [[nodiscard]] at::Tensor text_hidden(const at::Tensor& visual, const at::Tensor& valid, const text_blocks& text,
                                       const at::Tensor& cells = {}) const;

  /// [.., D] → [.., V]
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const { return decoder_.logits(hidden); }

  /// CLIP's and SigLIP's, Qwen2-VL's: the one that config().vision->kind names.
  [[nodiscard]] const vision_tower& tower() const { return tower_; }
  [[nodiscard]] const grid_tower& tower_of_grids() const { return grid_tower_; }
  [[nodiscard]] const connector& to_tokens() const { return connector_; }
  [[nodiscard]] const decoder& text_decoder() const { return decoder_; }

 private:
  explicit multimodal(model_config config);
  void bind();
  /// The same model but for its weights and adapters: bind() once it has some.
  [[nodiscard]] multimodal without_weights() const;
  /// In the order of expected_parameters, under the program's names; a quantised matrix is two tensors.
  [[nodiscard]] std::vector<std::pair<std::string, host_tensor>> base_tensors() const;
  model_config config_;
  key_spelling spelling_;
  parameters weights_;
  std::vector<named_tensor> carried_;  // what the file has and nothing here uses; save writes it back
  std::vector<std::int32_t> prefix_;
  double lora_scale_ = 0;
  bool recomputes_ = false;
  vision_tower tower_;
  grid_tower grid_tower_;
  connector connector_;
  decoder decoder_;
};

/// Positions [N, A] or [3, N, A] with [N, B] behind them.
[[nodiscard]] at::Tensor join_positions(const at::Tensor& first, const at::Tensor& then);

}  // namespace freshet::model
