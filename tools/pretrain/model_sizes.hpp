// The sizes of the shipped pair: small enough to train on two cores, and far enough apart that
// the teacher knows more than the student can hold.
#pragma once

#include <cstdint>

#include "kernels/model/model_config.hpp"
#include "kernels/model/word_tokenizer.hpp"

namespace freshet::tools {

enum class pair_role { teacher, student };

/// A SigLIP-like tower with a convolutional stem, a projector and a Llama decoder.
[[nodiscard]] model::model_config tiny_config(pair_role role, int side, const model::word_tokenizer& words);

}  // namespace freshet::tools
