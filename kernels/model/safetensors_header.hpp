// The header of a safetensors file, parsed and checked against the bytes that follow it. Internal to
// kernels/model; safetensors.hpp holds the byte grammar.
// Thread contract: free functions without state.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/safetensors.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

/// Neither read nor written beyond that.
inline constexpr std::size_t most_header_bytes = 100'000'000;

struct safetensors_header {
  std::vector<tensor_entry> tensors;  ///< in the order of the header
  std::map<std::string, std::string> metadata;
};

/// `text` is the JSON, `data_bytes` what follows it, `data_offset` where that begins in the file.
/// On success the entries cover the data without hole or overlap, each aligned to its item size.
result<safetensors_header> parse_safetensors_header(std::string_view text, std::size_t data_bytes,
                                                    std::size_t data_offset, std::string_view origin);

/// The format's name of a dtype ("F32").
std::string_view safetensors_dtype_name(dtype type) noexcept;

}  // namespace freshet::model
