// The folder of a model beside its weights: tokenizer, processors, rehearsed samples, whatever else stands there.
// Thread contract: a free function without state.
#pragma once

#include "kernels/base/result.hpp"

#include <filesystem>

namespace freshet::model {

/// Copies all files of a model's folder but config.json and weights, which the caller writes; makes `to` where it is
/// missing. errc::invalid_argument when both are the same folder.
result<void> copy_beside_weights(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace freshet::model
