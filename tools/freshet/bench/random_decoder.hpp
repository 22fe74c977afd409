// Decoders of any shape with random weights, in float or quantised: for measurements of speed and memory.
// Thread contract: plain values.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/model/decoder.hpp"
#include "kernels/model/parameters.hpp"
#include "kernels/model/quantised_weight.hpp"

namespace freshet::cli {

/// A matrix of random levels in groups of 32 (4 bits) or with a scale a row (8 bits).
[[nodiscard]] model::quantised_weight random_matrix(std::int64_t out, std::int64_t in, int bits);

/// Name and shape of every matrix of one decoder layer.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::int64_t>>> layer_matrices(const model::text_config& text);

/// All parameters of the decoder: matrices, embedding and head with `bits` (0 = f32), norms and biases f32.
[[nodiscard]] model::parameters random_parameters(const model::text_config& text, int bits, int head_bits);

[[nodiscard]] model::decoder decoder_over(const model::text_config& text, const model::parameters& weights);

/// Bytes of all tensors.
[[nodiscard]] std::int64_t bytes_of(const model::parameters& weights);

/// Decodes `tokens` tokens greedily behind a prompt of `prompt` and returns tokens/s of the decoding alone.
[[nodiscard]] double decode(const model::decoder& text, std::int64_t prompt, std::int64_t tokens);

}  // namespace freshet::cli
