// LoRA adapters (arXiv 2106.09685): which layers get one, and their fresh values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/model/parameters.hpp"

namespace freshet::model {

struct lora_spec {
  std::int64_t rank = 4;
  double alpha = 8;                     ///< the update is scaled by alpha / rank
  std::vector<std::string> targets;     ///< last part of a layer's name: q_proj, fc1, down_proj, ...
  std::uint64_t seed = 1;               ///< of the A matrices; cloud and devices must agree
  bool train_vision = true;             ///< else the vision tower stays as it is: no adapters there, its norms and biases frozen
  FRESHET_FIELDS(rank, alpha, targets, seed, train_vision)

  [[nodiscard]] double scale() const { return alpha / static_cast<double>(rank); }
};

/// The shapes of the two matrices beside a weight of that shape ([out, in], or [out, in, kh, kw]).
[[nodiscard]] std::vector<std::int64_t> lora_a_shape(std::vector<std::int64_t> weight, std::int64_t rank);
[[nodiscard]] std::vector<std::int64_t> lora_b_shape(const std::vector<std::int64_t>& weight, std::int64_t rank);

/// Layers that may have an adapter and the shapes of their weights: linear ones, in float or quantised, and
/// convolutions; embeddings are among them by shape.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::int64_t>>> adaptable_layers(const parameters& of);

/// Adds lora_A (uniform ±1/sqrt(in), as Kaiming with a = √5 gives) and lora_B (zero) beside every
/// targeted weight of a linear layer ([out, in]: A [r, in], B [out, r]) or a convolution ([out, in, kh, kw]:
/// A [r, in, kh, kw], B [out, r, 1, 1], as PEFT lays them out), but in frozen parts; freezes the vision tower where the spec
/// says so. Returns how many layers were given one; zero is an error that names the targets.
result<std::int64_t> add_lora(parameters& to, const lora_spec& spec);

}  // namespace freshet::model
