// What a model folder holds, as its headers tell it: nothing is loaded, so a model larger than memory can
// be looked at. Only the hash reads weights, one tensor after the other.
// Thread contract: pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/ids.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/checkpoint_fit.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

struct model_part {
  std::string_view name;      ///< vision tower, connector, embedding, decoder, head
  std::int64_t values = 0;
  std::int64_t tensors = 0;
};

/// Bytes of the weights of a student: all of it as f32 or bf16, or as `models quantize` stores it (kernels/quant), whose
/// matrices of layers and words have few bits; what stays float (norms, biases, convolutions) counts as f32.
struct weight_memory {
  std::uint64_t f32 = 0;
  std::uint64_t bf16 = 0;
  std::uint64_t bits8 = 0;
  std::uint64_t bits4 = 0;   ///< in groups of 32, words in 8 bits; a matrix that 32 does not divide counts as f32
};

/// What CD-CCA trains of it: norms, biases, and adapters as asked for.
struct trainable_figures {
  std::int64_t values = 0;
  std::int64_t tensors = 0;
  std::int64_t adapted_layers = 0;  ///< 0 where no layer is named by the targets
};

struct inspection {
  model_config config;
  std::string_view class_name;            ///< Hugging Face's, of the architecture
  std::size_t files = 0;
  std::uint64_t file_bytes = 0;           ///< of the tensors in them
  std::vector<std::string> dtypes;        ///< in them: "BF16", "F32"
  std::vector<model_part> parts;          ///< those that it has
  std::int64_t values = 0;
  std::size_t unused_tensors = 0;         ///< in the files, and of no use here
  weight_memory memory;
  trainable_figures trainable;
};

/// Fails as multimodal::load does where the folder does not fit.
result<inspection> inspect_model(const std::filesystem::path& folder, const lora_spec& adapters);

struct line_figures {
  std::uint64_t base_hash = 0;   ///< multimodal::base_hash
  content_hash line;             ///< line_of
  content_hash encoder;          ///< encoder_hash; 0 of a decoder alone
};
/// encoder_hash of the folder's model; reads the weights of the tower only.
result<content_hash> hash_encoder(const std::filesystem::path& folder);

/// Reads every weight; memory for the largest tensor in f32.
/// `chat_template` as the roles have it: it is part of the line.
result<line_figures> hash_model(const std::filesystem::path& folder, const lora_spec& adapters,
                                const std::string& chat_template = "auto");

}  // namespace freshet::model
