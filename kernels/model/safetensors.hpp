// Safetensors files: tensors by name, read where they lie and written in one go.
//
//   file   := length header data
//   length := u64 little-endian, bytes of the header, at most 100 MB
//   header := JSON object, padded with spaces: {"__metadata__": {string: string, ...},
//             name: {"dtype": "F32", "shape": [d, ...], "data_offsets": [begin, end]}, ...}
//             offsets count from the first byte of data
//   data   := the tensors' little-endian items, row-major, end to end: no hole, no overlap
//
// Format: https://github.com/huggingface/safetensors#format. Beyond it we demand that every tensor is
// aligned to its item size, so that its items can be used in place; all current writers do so.
// Thread contract: an open file is immutable and may be read anywhere.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"
#include "kernels/model/mapped_file.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace freshet::model {

struct tensor_entry {
  std::string name;
  std::string dtype_name;     ///< as the file says: "F32", "BOOL"
  std::optional<dtype> type;  ///< absent for dtypes that a host_tensor cannot hold (BOOL, U16, F8_E4M3, ...)
  std::vector<std::int64_t> shape;
  std::size_t begin = 0;  ///< bytes from the start of the data
  std::size_t end = 0;
};

class safetensors_file {
 public:
  /// Maps the file and checks all of its header; no tensor is read yet.
  static result<safetensors_file> open(const std::filesystem::path& path, mapping kind = mapping::read_only);
  /// The same over bytes in memory, which the tensors keep alive; `origin` stands first in errors.
  static result<safetensors_file> from_bytes(const host_tensor& bytes, std::string origin);

  /// In the order of the header.
  [[nodiscard]] const std::vector<tensor_entry>& tensors() const noexcept { return tensors_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  /// File name or origin, for messages.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  [[nodiscard]] const tensor_entry* find(std::string_view name) const;
  /// A view without a copy; it keeps the mapping alive, also after this object is gone.
  [[nodiscard]] result<host_tensor> get(std::string_view name) const;

 private:
  static result<safetensors_file> parse(std::shared_ptr<const void> owner, const std::uint8_t* data, std::size_t bytes,
                                        std::string origin);
  safetensors_file() = default;

  std::string origin_;
  std::shared_ptr<const void> owner_;
  const std::uint8_t* data_ = nullptr;
  std::vector<tensor_entry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> metadata_;
};

struct named_tensor {
  std::string name;
  host_tensor tensor;
};

/// The header lists the tensors in the order given; their bytes lie by falling item size, so that each is aligned; with
/// metadata {"alignment": "64"} what fills whole cache lines comes first, at one. The same input gives the same bytes.
result<std::vector<std::uint8_t>> encode_safetensors(const std::vector<named_tensor>& tensors,
                                                     const std::map<std::string, std::string>& metadata = {});
/// The same into a file, replaced atomically (see whole_file.hpp).
result<void> write_safetensors(const std::filesystem::path& path, const std::vector<named_tensor>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace freshet::model
