// What a distiller has learned, as a folder in PEFT's layout.
// Thread contract: a free function without state.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/peft.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace freshet::model {

struct exported_adapter {
  std::size_t layers = 0;            ///< that have matrices
  std::size_t norms_and_biases = 0;  ///< tensors beside them
};

/// `values` f32 [N]: the trainable set of the model in `base` with adapters as `spec` says, in its order, of a
/// version of `line`, asked by `chat_template`. errc::wrong_base when that is another line, errc::shape_mismatch when N is another.
result<exported_adapter> export_adapter(const std::filesystem::path& base, const lora_spec& spec, content_hash line,
                                        const host_tensor& values, const std::filesystem::path& to,
                                        library_names names = library_names::current,
                                        const std::string& chat_template = "auto");

}  // namespace freshet::model
