// An adapter in PEFT's layout put into the weights of its base: what PEFT calls merge_and_unload. The merged model is
// where a line begins whose devices are to start from what the adapter knows.
// Thread contract: a free function without state.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <filesystem>

namespace freshet::model {

struct merged_adapter {
  std::size_t layers = 0;            ///< whose matrices changed
  std::size_t norms_and_biases = 0;  ///< taken from beside the matrices
};

/// Writes into `to` the model of `base` with W + scale · B A for every adapted layer, computed and stored in f32, and
/// all that stands beside its weights. errc::unsupported for a base in 8 or 4 bits: merge first, then quantise. What is
/// wrong with the adapter: load_peft().
result<merged_adapter> merge_adapter(const std::filesystem::path& base, const std::filesystem::path& adapter,
                                     const std::filesystem::path& to);

}  // namespace freshet::model
