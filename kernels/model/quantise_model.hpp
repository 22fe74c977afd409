// A model in float to one in 8 or 4 bits: all linear layers of decoder, projector and vision tower, and, in
// bits of their own, the embedding and the head. Convolutions, positions, norms and biases stay float.
// Thread contract: the model's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::model {

/// kernels/quant/quantiser.hpp has the definitions. `searched` and `gptq` look at what the layers read.
enum class rounding : std::uint8_t { nearest, searched, gptq };

struct quantise_options {
  quantisation_config format;
  rounding method = rounding::nearest;
  int head_bits = 8;  ///< of embedding and head: 8, 4 in the format's groups, or 0 = float
  bool float_vision = false;  ///< the vision tower stays as it is: a teacher may have the same one
};

/// Runs a model over the calibration's questions. A matrix that nothing reaches (an embedding that is no head) is rounded
/// by a search over its own weights.
using calibration_run = std::function<void(const multimodal&)>;

/// The layers that would be quantised, in the order in which a forward pass meets them.
[[nodiscard]] std::vector<std::string> quantisable_layers(const model_config& config, const quantise_options& options);

/// `dense`: without adapter, and not quantised. `calibrate` is called once a block of layers, each time on
/// the model as quantised up to there, and not at all for `nearest`. `progress` gets a layer's name, and how
/// much of the whole is done. Errors: invalid_argument with all layers that the group does not divide but a smaller
/// one would, corrupt for weights that are not finite.
result<multimodal> quantise_model(const multimodal& dense, const quantise_options& options, const calibration_run& calibrate,
                                  const std::function<void(const std::string& layer, double share)>& progress);

}  // namespace freshet::model
