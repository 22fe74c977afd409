// Quantised matrices of a checkpoint: for a parameter X.weight of a configuration, the tensors X.qweight and
// X.scales of its files. Internal to kernels/model.
// Thread contract: free functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/key_spelling.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/parameters.hpp"

namespace freshet::model {

/// Whether a parameter of that name and shape may be in 8 or 4 bits: the matrices of linear layers and of words.
[[nodiscard]] bool is_quantisable(const std::string& parameter, const std::vector<std::int64_t>& shape);

/// Whether a layer (X of X.weight) is of words: the embedding or the head, which may have other bits than the rest.
[[nodiscard]] bool is_words(const std::string& layer);

/// How a matrix with rows of `in` values is stored where the configuration says `config`: with 4 bits, rows that not even
/// the smallest group divides (the 4304 of SigLIP-so400m) have 8. Others must be divided by the group that was chosen.
[[nodiscard]] quantisation_config format_of_rows(std::int64_t in, const quantisation_config& config);

/// Whether the files hold X.qweight instead of `parameter` = X.weight.
[[nodiscard]] bool is_quantised_in(const checkpoint& files, const key_spelling& spelling, const std::string& parameter);

/// Levels and scales of `parameter`, as the files call them.
[[nodiscard]] std::array<std::string, 2> quantised_names(const key_spelling& spelling, const std::string& parameter);

/// Takes the matrix [out, in] = `shape` into `to`, in place of the file where its alignment allows.
/// Errors name file and layer: not_found for absent scales, shape_mismatch, corrupt for a scale that is not
/// finite, and unsupported where bits or group are not those of the configuration.
result<void> take_quantised(const checkpoint& files, const key_spelling& spelling, const std::string& parameter,
                            const std::vector<std::int64_t>& shape, const quantisation_config& config, parameters& to);

}  // namespace freshet::model
