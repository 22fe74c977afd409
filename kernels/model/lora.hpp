// LoRA adapters (arXiv 2106.09685): which layers get one, and their fresh values.
#pragma once

#include <cstdint>
#include <string>
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
  FRESHET_FIELDS(rank, alpha, targets, seed)

  [[nodiscard]] double scale() const { return alpha / static_cast<double>(rank); }
};

/// Adds lora_A (uniform ±1/sqrt(in), as Kaiming with a = √5 gives) and lora_B (zero) beside every
/// targeted weight of a linear layer ([out, in]: A [r, in], B [out, r]) or a convolution ([out, in, kh, kw]:
/// A [r, in, kh, kw], B [out, r, 1, 1], as PEFT lays them out). Returns how many layers were given one; zero is an error that
/// names the targets.
result<std::int64_t> add_lora(parameters& to, const lora_spec& spec);

}  // namespace freshet::model
