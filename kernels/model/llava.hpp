// LLaVA (arXiv 2304.08485): vision tower → MLP projector → decoder, over one set of named
// parameters; Hugging Face's LlavaForConditionalGeneration in layout and numbers.
// Ownership: a model owns its parameters. Thread contract: one thread at a time.
// Shapes: N pictures, K visual tokens given (padded), T text positions, V words, D decoder width.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/model/decoder.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/parameters.hpp"
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

class llava {
 public:
  /// Reads config.json and the safetensors of `folder`; lists all missing, unexpected and
  /// misshapen tensors in one error.
  static result<llava> load(const std::filesystem::path& folder);
  /// Fresh random weights (for pretraining and tests).
  static llava random(const model_config& config, std::uint64_t seed);
  /// Writes config.json and model.safetensors, without adapter.
  result<void> save(const std::filesystem::path& folder) const;

  [[nodiscard]] const model_config& config() const { return config_; }
  [[nodiscard]] const parameters& weights() const { return weights_; }
  /// xxh3-64 over names, shapes and bytes of the base weights.
  [[nodiscard]] std::uint64_t base_hash() const;

  /// Puts fresh LoRA matrices beside the targeted layers.
  result<void> attach(const lora_spec& spec);
  /// The same model with the matrices of these layers quantised; all else is shared with this one. Before attach().
  [[nodiscard]] llava with_quantised(const std::map<std::string, quantised_weight>& layers,
                                     const quantisation_config& config) const;
  /// The weights that the quantised matrices stand for, as floats: tells the error of rounded weights from that
  /// of rounded activations. Before attach().
  [[nodiscard]] llava with_float_matrices() const;
  /// An independent copy, adapter included.
  [[nodiscard]] llava clone() const;

  /// Visual tokens after the projector [N, K, D].
  [[nodiscard]] at::Tensor visual_tokens(const visual_input& in) const;

  /// Final hidden states at the text positions [N, T, D]. `valid` bool [N, K] or undefined.
  /// The sequence is: begin token, visual tokens, blocks.
  [[nodiscard]] at::Tensor text_hidden(const at::Tensor& visual, const at::Tensor& valid,
                                       const text_blocks& text) const;

  /// [.., D] → [.., V]
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const { return decoder_.logits(hidden); }

  [[nodiscard]] const vision_tower& tower() const { return tower_; }
  [[nodiscard]] const decoder& text_decoder() const { return decoder_; }
  [[nodiscard]] std::int32_t begin_token() const;

 private:
  llava() = default;
  void bind();
  model_config config_;
  parameters weights_;
  double lora_scale_ = 0;
  vision_tower tower_;
  linear project1_, project2_;
  decoder decoder_;
};

/// Name and shape of every parameter that a configuration asks for, in order.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected_parameters(
    const model_config& config);

}  // namespace freshet::model
